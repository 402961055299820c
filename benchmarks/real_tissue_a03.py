"""BACH A03 in ``real_tissue.py``: four windows of a slide train, three others are scored."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace

import shapely

from carcinomap import ClassScheme, SegmentationSettings, load_model, read_cohort
from carcinomap.annotation import Annotation, AnnotationSet, FileContext, write_annotations
from carcinomap.cohort import frame_of
from carcinomap.evaluation import evaluate_case
from carcinomap.evaluation.prediction import MappedPrediction
from carcinomap.model import open_runtime
from carcinomap.segmentation import segment_slide
from measured import table
from real_tissue_runs import Task, measure

# Chosen by hand. Windows 0 and 1 overlap, and so do 2, 8, 5, 7 and 6, in this order. These three
# hold a third of the tissue in situ and a quarter of the invasive (of which there is one region, in
# 2, 5 and 8), and touch the others least.
SCORED = (0, 1, 2)
# Between what is scored and what teaches, in µm: a patch at the border shows nothing of the former.
GAP_UM = 250.0


def show(options, recipes, deadline):
    """Measure recipes."""
    cohort = read_cohort(options.slide)
    (case,) = cohort.cases
    scheme = ClassScheme.default()
    listed = options.slide.with_name(f"{options.slide.stem}_windows.json")
    windows = {one["window"]: one for one in json.loads(listed.read_text())}
    with case.open_slide() as slide:
        boxes = {number: _box(one) for number, one in windows.items()}
        scored = shapely.union_all([boxes[number] for number in SCORED])
        apart = scored.buffer(GAP_UM / slide.mpp, join_style="mitre")
        taught = shapely.union_all([boxes[n] for n in boxes if n not in SCORED]).difference(apart)
        folder = options.output / "a03"
        folder.mkdir(parents=True, exist_ok=True)
        teaching = _limited(case, slide, taught, folder / "taught.xml")
        truth = _limited(case, slide, scored, folder / "scored.xml")
        _print_windows(case, slide, scheme, boxes, taught, scored)
    task = Task(
        part="a03",
        fold="windows-" + "-".join(map(str, SCORED)),
        cohort=replace(cohort, cases=(teaching,)),
        pieces=[
            (teaching, one["x"], one["y"], one["width"], one["height"])
            for number, one in windows.items()
            if number not in SCORED
        ],
        scheme=scheme,
        score=lambda model, place: score(model, place, truth, scored, scheme),
    )
    for recipe in recipes:
        measure(task, recipe, options, deadline)


def score(model, folder, truth, scored, scheme):
    """Map the slide as ``carcinomap segment --roi`` does, and count as ``evaluate`` does."""
    model = load_model(model)
    regions = AnnotationSet(tuple(_regions(scored)))
    maps = folder / "maps"
    with truth.open_slide() as slide:
        result = segment_slide(
            slide,
            open_runtime(model),
            model,
            maps,
            SegmentationSettings(outlines=False),
            overwrite=True,
            regions=regions,
        )
    with MappedPrediction.open(result.class_map) as class_map:
        confusion = evaluate_case(truth, class_map, scheme).confusion
    shutil.rmtree(maps)
    return [{"name": truth.name, "patient": truth.patient, "confusion": confusion.matrix.tolist()}]


def _limited(case, slide, area, path):
    """Write a copy of a case's annotation that counts inside an area only; return its case."""
    annotations = case.read_annotations(slide)
    limited = replace(annotations, annotations=(*annotations.annotations, *_regions(area)))
    write_annotations(limited, path, FileContext(frame_of(slide)))
    return replace(case, annotation=path)


def _regions(area) -> Sequence[Annotation]:
    return [Annotation("roi", part) for part in shapely.get_parts(area)]


def _box(one):
    return shapely.box(one["x"], one["y"], one["x"] + one["width"], one["y"] + one["height"])


def _print_windows(case, slide, scheme, boxes, taught, scored):
    """Print the outlined area of each window, of what teaches and of what is scored."""
    polygons = case.read_annotations(slide).polygons(scheme)
    to_mm2 = slide.mpp**2 / 1e6
    places = {f"window {n}": (box, "scored" if n in SCORED else "") for n, box in boxes.items()}
    places |= {"all that teaches": (taught, ""), "all that is scored": (scored, "")}
    rows = []
    for name, (place, use) in places.items():
        areas = [
            sum(area.intersection(place).area for index, area in polygons if index == wanted)
            for wanted in range(1, len(scheme))
        ]
        mm2 = [f"{area * to_mm2:.2f}" for area in (place.area, *areas)]
        rows.append([name, use, *mm2])
    table(["", "", "mm²", *(f"{name}, mm²" for name in scheme.names[1:])], rows)
