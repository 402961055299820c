"""Every real annotation file becomes each format, and comes back."""

from collections import Counter

import numpy as np
import pytest
from drawn_areas import hole_count, parts_of

from carcinomap.annotation import (
    ClassScheme,
    FileContext,
    SlideFrame,
    TissueClass,
    read_annotations,
    write_annotations,
)

FILES = [
    "bach/A03_dev.xml",
    *(f"bach/annotations/A0{number}.xml" for number in (2, 4, 5, 6)),
    *(
        f"annotations/asap/{name}.xml"
        for name in ("asap-dot", "asap-polygon", "patient_004_node_4")
    ),
    "annotations/imagescope/one-sixth_test.xml",
    "annotations/imagescope/TCGA-50-5931-01Z-00-DX1.xml",
    *(
        f"annotations/geojson/{name}"
        for name in (
            *("dlup_qupath05.geojson", "large_image_sample.geojson", "qupath-brush.json"),
            *("qupath-ellipse.json", "qupath-line.json", "qupath-multipoint.json"),
            *("qupath-point.json", "qupath-polygon.json", "qupath-wand.json"),
        )
    ),
]
VISIBLE = 1e-5  # px²; repair leaves smaller pieces, which no format needs to hold


def areas_of(annotations):
    """Return the summed area of every label."""
    areas = Counter()
    for label, *_, part in parts_of(annotations):
        areas[label] += part.area
    return {label: area for label, area in areas.items() if area > VISIBLE}


@pytest.mark.parametrize("suffix", [".xml", ".asap.xml", ".geojson", ".json"])
@pytest.mark.parametrize("file", FILES)
def test_outlines_come_back(real_data, tmp_path, file, suffix):
    before = read_annotations(real_data / file)
    write_annotations(before, tmp_path / f"written{suffix}")
    after = read_annotations(tmp_path / f"written{suffix}")
    assert areas_of(after) == pytest.approx(areas_of(before), rel=1e-3)
    assert hole_count(after) == hole_count(before)


@pytest.mark.parametrize("file", FILES)
def test_pixels_come_back(real_data, tmp_path, file):
    before = read_annotations(real_data / file)
    labels = sorted(before.labels())
    classes = [TissueClass("background", "#ffffff")]
    classes += [TissueClass(f"class {at}", "#00ff00", (label,)) for at, label in enumerate(labels)]
    scheme = ClassScheme(tuple(classes) if labels else (*classes, TissueClass("none", "#00ff00")))
    size = [
        max((one.geometry.bounds[at] for one in before.annotations), default=99) for at in (2, 3)
    ]
    frame = SlideFrame(*(int(side) + 2 for side in size), 0.5)
    image = tmp_path / "written.tif"
    scale = max(1.0, max(size) / 4000)
    write_annotations(before, image, FileContext(frame, scheme=scheme, mpp=0.5 * scale))
    traced = read_annotations(image, FileContext(frame)).traced(scheme)
    window = (0, 0, 300, 300, max(size) / 300, scheme)
    assert (before.label_image(*window) == traced.label_image(*window)).mean() > 0.98
    drawn = before.label_image(0, 0, *(int(side / scale) + 1 for side in size), scale, scheme)
    for name, area in traced.areas(scheme).items():
        expected = np.count_nonzero(drawn == scheme.index(name)) * scale**2
        if name != "background":
            assert area == pytest.approx(expected, rel=0.02, abs=20 * scale**2)
