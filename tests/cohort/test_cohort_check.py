import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from cohort_files import ALL_CLASSES, HEIGHT, WIDTH, ring, write_outlines, write_pair, write_slide

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case, Cohort, check_cohort, read_cohort
from carcinomap.cohort.reading import survey
from carcinomap.errors import InputError
from carcinomap.work import InThisProcess
from carcinomap.work.processes import OwnProcesses
from deadly_slides import DeadlyCase

IN_SITU, INVASIVE = (900, 420, 1100, 600), (1150, 650, 1380, 880)


def found(path, *arguments, **options):
    """Return (severity, kind) → messages."""
    findings = {}
    for one in check_cohort(path, *arguments, **options).findings:
        findings.setdefault((one.severity, one.kind), []).append(one.message)
    return findings


def only(path, severity, kind, *arguments, **options):
    """Return the message of the only finding, which is of this severity and kind."""
    findings = found(path, *arguments, **options)
    assert list(findings) == [(severity, kind)]
    (message,) = findings[severity, kind]
    return message


def test_clean_cohort(tmp_path):
    write_pair(tmp_path, "a")
    write_pair(tmp_path, "b", mpp=1.0)
    report = check_cohort(tmp_path)
    assert report.findings == ()
    assert report.safe
    assert (report.slides, report.annotated, report.patients) == (2, 2, 2)
    assert report.areas_mm2 == {
        "normal": 0,
        "benign": pytest.approx(2 * 0.0324),
        "in situ": pytest.approx(2 * 0.036),
        "invasive": pytest.approx(2 * 0.0529),
    }
    assert report.to_dict()["findings"] == []


def test_demo_is_clean(made_slides):
    assert check_cohort(made_slides).findings == ()


def test_cohort_that_is_read_already(tmp_path):
    write_pair(tmp_path, "a")
    assert check_cohort(read_cohort(tmp_path)).findings == ()


def test_a_survey_brings_its_findings(tmp_path):
    write_pair(tmp_path, "a")
    write_outlines(tmp_path / "stray.xml", *ALL_CLASSES)
    assert check_cohort(survey(tmp_path)) == check_cohort(tmp_path)
    assert any("stray.xml" in one.message for one in check_cohort(tmp_path).findings)


def test_the_report_does_not_depend_on_what_runs_it(tmp_path):
    write_pair(tmp_path, "c", ("no such label", IN_SITU))
    write_pair(tmp_path, "a", *ALL_CLASSES, ("benign", (1000, 430, 1200, 500)))
    write_slide(tmp_path / "b.svs")
    (tmp_path / "b.xml").write_text("<Annotations><Annotation>")
    report = check_cohort(tmp_path)
    assert len(report.findings) >= 3
    for backend in (InThisProcess(), OwnProcesses(2)):
        assert check_cohort(tmp_path, backend=backend) == report


def test_a_slide_that_kills_its_process_is_an_error_of_its_own(tmp_path):
    for name in ("a", "b", "c"):
        write_pair(tmp_path, name)
    cohort = read_cohort(tmp_path)
    first, second, third = cohort.cases
    cohort = replace(cohort, cases=(first, DeadlyCase.of(second), third))
    report = check_cohort(cohort, backend=OwnProcesses(2, retries=1))
    (finding,) = report.findings
    assert (finding.severity, finding.kind) == ("error", "ends its process")
    assert (finding.slide, finding.file) == ("b", second.slide)
    assert "begun 2 times" in finding.message
    assert report.annotated == 2


def test_a_mistake_in_our_own_code_is_told_with_the_slide(tmp_path, monkeypatch):
    write_pair(tmp_path, "a")
    write_pair(tmp_path, "b")
    monkeypatch.setattr(DeadlyCase, "open_slide", lambda case: {}["nothing"])
    cohort = read_cohort(tmp_path)
    cohort = replace(cohort, cases=(DeadlyCase.of(cohort.cases[0]), cohort.cases[1]))
    (finding,) = check_cohort(cohort).findings
    assert (finding.kind, finding.slide) == ("cannot be checked", "a")
    assert finding.message == f"{cohort.cases[0].slide}: KeyError: 'nothing'"


def test_nothing_to_look_at(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError):
            check_cohort(path)


@pytest.mark.parametrize("workers", [1, 3])
def test_one_bad_slide_does_not_stop_the_others(tmp_path, workers):
    write_pair(tmp_path, "c")
    (tmp_path / "a.svs").write_text("nothing")
    write_outlines(tmp_path / "a.xml", *ALL_CLASSES)
    write_slide(tmp_path / "b.svs")
    (tmp_path / "b.xml").write_text("<Annotations><Annotation>")
    report = check_cohort(tmp_path, workers=workers)
    assert not report.safe
    assert [(one.slide, one.kind) for one in report.findings] == [
        ("a", "unreadable slide"),
        ("b", "unreadable annotation"),
    ]
    assert report.annotated == 1
    assert report.to_dict()["findings"][1]["file"] == str(tmp_path / "b.xml")


def test_pixels_are_read(tmp_path):
    write_pair(tmp_path, "a")
    slide = tmp_path / "a.svs"
    with tifffile.TiffFile(slide) as tiff:
        offset, count = tiff.pages[-1].dataoffsets[0], tiff.pages[-1].databytecounts[0]
    content = bytearray(slide.read_bytes())
    content[offset : offset + count] = bytes(count)
    slide.write_bytes(content)
    assert "a.svs" in only(tmp_path, "error", "unreadable slide")


def test_missing_mpp(tmp_path):
    write_outlines(tmp_path / "a.xml", ("Bening", IN_SITU), *ALL_CLASSES)
    size = (HEIGHT, WIDTH, 3)
    tifffile.imwrite(tmp_path / "a.tif", shape=size, dtype="u1", tile=(128, 128), photometric="rgb")
    findings = found(tmp_path)
    assert list(findings) == [("error", "unknown label"), ("error", "mpp")]
    assert "--mpp" in findings["error", "mpp"][0]
    (tmp_path / "cohort.csv").write_text("slide,mpp\na,0.5\n")
    assert ("error", "mpp") not in found(tmp_path)


def test_pixels_that_are_not_square(tmp_path, monkeypatch):
    write_pair(tmp_path, "a")
    plain = Case.open_slide

    def open_slide(case):
        if case.mpp is None:
            raise InputError(f"{case.slide}: 0.5 microns per pixel across but 0.25 down")
        return plain(case)

    monkeypatch.setattr(Case, "open_slide", open_slide)
    assert "0.25 down" in only(tmp_path, "error", "mpp")


def test_missing_annotations(tmp_path):
    write_pair(tmp_path, "a")
    write_slide(tmp_path / "b.svs")
    assert "b.svs" in only(tmp_path, "warning", "no annotation")
    (tmp_path / "a.xml").unlink()
    assert ("error", "no annotation") in found(tmp_path)


def test_annotations_that_lie_apart(tmp_path):
    write_slide(tmp_path / "slides" / "a.svs")
    (tmp_path / "outlines").mkdir()
    write_outlines(tmp_path / "outlines" / "a.xml", *ALL_CLASSES)
    assert found(tmp_path / "slides", annotations=tmp_path / "outlines") == {}
    write_outlines(tmp_path / "outlines" / "b.xml", *ALL_CLASSES)
    message = only(
        tmp_path / "slides", "warning", "unmatched annotation", annotations=tmp_path / "outlines"
    )
    assert "b.xml" in message


def test_structure_is_reported_and_the_rest_checked(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_pair(tmp_path / folder, "a")
    write_pair(tmp_path, "b")
    write_outlines(tmp_path / "b.svs.xml", *ALL_CLASSES)
    write_pair(tmp_path, "c", *ALL_CLASSES, ("Benigm", IN_SITU))
    assert set(found(tmp_path)) == {
        ("error", "two slides of one name"),
        ("error", "several annotations"),
        ("error", "unknown label"),
    }


def test_table(tmp_path):
    for name in "abc":
        write_pair(tmp_path, name)
    table = tmp_path / "cohort.csv"
    table.write_text("slide,patient,split\na,1,train\nb,1,train\nc,2,val\n")
    assert found(tmp_path) == {}
    table.write_text("slide,patient,split\na,1,train\nb,1,val\nd,2,\nc,2,neither\n")
    findings = found(tmp_path)
    assert set(findings) == {
        ("error", "patient in two splits"),
        ("error", "table"),
        ("warning", "line without slide"),
        ("warning", "not in the table, a patient of its own"),
    }
    assert "patient '1'" in findings["error", "patient in two splits"][0]
    table.write_text("slide,mpp\na,0.00025\nb,1\nc,1\n")
    assert "in millimetres" in found(tmp_path)["error", "table"][0]


def test_every_torn_patient_is_named(tmp_path):
    split_of = {"a1": "train", "a2": "test", "b1": "val", "b2": "val", "c1": "val", "c2": "test"}
    cases = [Case(tmp_path / f"{n}.svs", None, n[0], split) for n, split in split_of.items()]
    torn = found(Cohort(tmp_path, tuple(cases)))["error", "patient in two splits"]
    assert ["'a'" in torn[0], "'c'" in torn[1], len(torn)] == [True, True, 2]


def test_outside_the_slide(tmp_path):
    beyond = (WIDTH + 100, 100, WIDTH + 150, 150)
    write_pair(tmp_path, "a", *ALL_CLASSES, ("benign", beyond))
    assert "wholly outside: 1 of 4" in only(tmp_path, "warning", "outside the slide")
    write_pair(tmp_path, "a", *ALL_CLASSES, ("benign", (0, -500, 1500, 0)))
    assert ("error", "outside the slide") in found(tmp_path)


def test_a_little_over_the_edge_is_no_mistake(tmp_path):
    write_slide(tmp_path / "a.svs", (600, 400, WIDTH, HEIGHT))
    edge = ("benign", (1300, 800, WIDTH + 1, HEIGHT + 1))
    write_outlines(tmp_path / "a.xml", *ALL_CLASSES[:2], ("invasive", (1120, 420, 1300, 620)), edge)
    assert found(tmp_path) == {}


def test_drawn_on_another_level(tmp_path):
    write_pair(tmp_path, "a", scale=1 / 4)
    message = only(tmp_path, "error", "probable scale")
    assert "× 4 (drawn on level 1)" in message
    assert "a.xml" in message
    write_pair(tmp_path, "a", scale=4)
    findings = found(tmp_path)
    assert set(findings) == {("error", "outside the slide"), ("error", "probable scale")}
    assert "× 0.25" in findings["error", "probable scale"][0]


def test_mpp_that_disagrees(tmp_path):
    write_pair(tmp_path, "a", mpp=1.005)
    assert found(tmp_path) == {}
    write_pair(tmp_path, "a", mpp=0.5)
    assert "0.5 µm per pixel where the slide has 1" in only(tmp_path, "warning", "mpp disagrees")


BOUNDS = (500, 300)


@pytest.fixture
def scanned_bounds(monkeypatch):
    """Let every slide have bounds, as MIRAX slides do."""
    plain = Case.open_slide

    def open_slide(case):
        slide = plain(case)
        names = ("openslide.bounds-x", "openslide.bounds-y")
        slide.properties = dict(zip(names, map(str, BOUNDS), strict=True))
        return slide

    monkeypatch.setattr(Case, "open_slide", open_slide)


@pytest.mark.usefixtures("scanned_bounds")
def test_outlines_counted_from_the_bounds(tmp_path):
    write_pair(tmp_path, "a")
    assert found(tmp_path) == {}
    x, y = BOUNDS
    moved = [(label, (a - x, b - y, c - x, d - y)) for label, (a, b, c, d) in ALL_CLASSES]
    write_pair(tmp_path, "a", *moved)
    message = only(tmp_path, "error", "probable offset")
    assert "(+500, +300)" in message
    assert "corner of the scanned bounds" in message


def write_qupath(path, move):
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[x - move[0], y - move[1]] for x, y in [*ring(box), ring(box)[0]]]
                ],
            },
            "properties": {"objectType": "annotation", "classification": {"name": label}},
        }
        for label, box in ALL_CLASSES
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


@pytest.mark.usefixtures("scanned_bounds")
def test_qupath_counts_from_the_bounds(tmp_path):
    write_slide(tmp_path / "a.svs")
    write_qupath(tmp_path / "a.geojson", BOUNDS)
    assert found(tmp_path) == {}
    write_qupath(tmp_path / "a.geojson", (0, 0))
    findings = found(tmp_path)
    assert "(-500, -300)" in findings["error", "probable offset"][0]


def test_on_glass(tmp_path):
    write_pair(tmp_path, "a", *ALL_CLASSES, ("benign", (20, 40, 520, 1000)))
    assert "lies on tissue" in only(tmp_path, "warning", "on glass")


def test_regions_of_interest_and_ignored_ones_may_lie_on_glass(tmp_path):
    regions = (*ALL_CLASSES, ("ROI", (0, 0, WIDTH, HEIGHT)), ("unsure", (20, 40, 520, 1000)))
    write_pair(tmp_path, "a", *regions)
    assert found(tmp_path) == {}
    named = (*ALL_CLASSES, ("looked at", (0, 0, WIDTH, HEIGHT)))
    write_pair(tmp_path, "a", *named)
    assert ("error", "unknown label") in found(tmp_path)
    assert found(tmp_path, ClassScheme.default().with_roi("looked at")) == {}


def test_unknown_labels(tmp_path):
    for name in "ab":
        write_pair(tmp_path, name, *ALL_CLASSES, ("Carcinoma invasve", INVASIVE))
    message = only(tmp_path, "error", "unknown label")
    assert "'Carcinoma invasve': 2 regions of 2 slides (a, b)" in message
    assert "did you mean 'carcinoma invasive'?" in message
    lenient = ClassScheme(ClassScheme.default().classes, unknown="ignore")
    assert "counts as ignore" in only(tmp_path, "note", "unknown label", lenient)


def test_what_the_reader_notes(tmp_path):
    eight = [(620, 650), (820, 850), (820, 650), (620, 850)]
    line = [(620, 620), (700, 700)]
    write_pair(tmp_path, "a", *ALL_CLASSES, ("benign", eight), ("benign", eight), ("benign", line))
    findings = found(tmp_path)
    assert set(findings) == {("note", "repaired"), ("note", "open line")}
    assert "and 1 more" in findings["note", "repaired"][0]
    holes = (("", (950, 450, 1000, 500)), ("", (1200, 420, 1300, 520)))
    write_pair(tmp_path, "a", *ALL_CLASSES, *holes, negative=frozenset({3, 4}))
    assert "no region" in only(tmp_path, "warning", "stray hole")


def test_nothing_outlined(tmp_path):
    write_pair(tmp_path, "a")
    write_slide(tmp_path / "b.svs")
    write_outlines(tmp_path / "b.xml")
    assert "b.xml" in only(tmp_path, "note", "nothing outlined")


def test_overlaps(tmp_path):
    write_pair(tmp_path, "a", *ALL_CLASSES, ("benign", (1000, 420, 1140, 600)))
    message = only(tmp_path, "warning", "overlap")
    assert "in situ and benign overlap in part, 1 × (0.018 mm²" in message
    within = ("benign", (920, 440, 1000, 500))
    write_pair(tmp_path, "a", *ALL_CLASSES, within)
    assert found(tmp_path) == {}
    write_pair(tmp_path, "a", within, *ALL_CLASSES)
    assert "benign under in situ" in only(tmp_path, "warning", "hidden")


def test_classes_without_area(tmp_path):
    write_pair(tmp_path, "a", *ALL_CLASSES[1:])
    assert "benign" in only(tmp_path, "warning", "class without area")
    write_pair(tmp_path, "a", ("normal", IN_SITU))
    assert "any class but normal" in only(tmp_path, "error", "class without area")


def write_labels(path, *boxes, shrink=4):
    """Write a label image of the slide: (value, box) over value 0."""
    image = np.zeros((HEIGHT // shrink, WIDTH // shrink), np.uint8)
    for value, box in boxes:
        left, top, right, bottom = (side // shrink for side in box)
        image[top:bottom, left:right] = value
    cv2.imwrite(str(path), image)


LABELS = ClassScheme(
    ClassScheme.default().classes,
    values=((0, "normal"), (1, "benign"), (2, "in situ"), (3, "invasive")),
)


def test_label_images(tmp_path):
    write_slide(tmp_path / "a.svs")
    boxes = [(value, box) for value, (_, box) in enumerate(ALL_CLASSES, 1)]
    write_labels(tmp_path / "a_mask.png", *boxes)
    assert found(tmp_path, LABELS) == {}
    assert check_cohort(tmp_path, LABELS).areas_mm2["benign"] == pytest.approx(0.0324)
    assert "values" in found(tmp_path)["error", "label image"][0]
    write_labels(tmp_path / "a_mask.png", *boxes, (9, (620, 650, 700, 700)))
    assert "9 (" in only(tmp_path, "error", "label image", LABELS)
    write_labels(tmp_path / "a_mask.png", *boxes, (1, (20, 40, 520, 1000)))
    only(tmp_path, "warning", "on glass", LABELS)


def test_label_images_of_another_shape(tmp_path):
    write_slide(tmp_path / "a.svs")
    cv2.imwrite(str(tmp_path / "a_mask.png"), np.zeros((200, 200), np.uint8))
    assert "another shape" in found(tmp_path, LABELS)["error", "unreadable annotation"][0]


def test_damaged_label_image(tmp_path):
    write_slide(tmp_path / "a.svs")
    write_labels(tmp_path / "a_mask.png", *((1, box) for _, box in ALL_CLASSES))
    content = (tmp_path / "a_mask.png").read_bytes()
    (tmp_path / "a_mask.png").write_bytes(content[: len(content) // 2])
    assert ("error", "unreadable annotation") in found(tmp_path, LABELS)


def test_no_tissue(tmp_path):
    write_pair(tmp_path, "a")
    write_slide(tmp_path / "b.svs", tissue=None)
    write_outlines(tmp_path / "b.xml", *ALL_CLASSES)
    assert "b.svs" in only(tmp_path, "warning", "no tissue")


def test_coarse(tmp_path):
    write_pair(tmp_path, "a")
    (tmp_path / "cohort.csv").write_text("slide,mpp\na,5\n")
    assert "5 µm per pixel" in only(tmp_path, "warning", "coarse")


def test_real_cohort(real_data):
    report = check_cohort(real_data / "bach", workers=2)
    assert report.safe
    assert report.areas_mm2["in situ"] > 1
    assert {one.kind for one in report.findings} == {"unmatched annotation", "class without area"}


def test_real_slides(real_data):
    findings = check_cohort(real_data / "slides").findings
    kinds = {(one.slide, one.kind) for one in findings if one.severity == "error"}
    assert kinds == {
        ("", "no annotation"),
        ("broken", "unreadable slide"),
        ("unreadable", "unreadable slide"),
        ("tcga-cr-7395", "mpp"),
    }
