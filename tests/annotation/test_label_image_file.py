from dataclasses import replace

import cv2
import numpy as np
import pytest
import rasterio
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from label_images import DEFAULT, SCHEME
from shapely import Polygon, box

from carcinomap.annotation import (
    IGNORE,
    Annotation,
    AnnotationSet,
    FileContext,
    LabelImage,
    SlideFrame,
    read_annotations,
    write_annotations,
)
from carcinomap.annotation.label_images.label_values import FileValues
from carcinomap.errors import InputError
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.writer import write_class_map
from carcinomap.segmentation.unfinished.spool import Spool

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

FRAME = SlideFrame(1300, 1001, mpp=0.25)
RING = Polygon(box(100, 100, 900, 700).exterior, [box(300, 300, 500, 500).exterior])
DRAWN = AnnotationSet(
    (
        Annotation("Benign", RING, name="gland 3", colour="#123456", layer="first"),
        Annotation("DCIS", box(200, 150, 420, 400)),
        Annotation("dcis", box(420, 150, 450, 400)),
        Annotation("unsure", box(1000, 20.3, 1200, 333.3)),
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn")


def whole(annotations, frame: SlideFrame, scale: float, scheme) -> np.ndarray:
    size = (int(np.ceil(side / scale - 1e-6)) for side in (frame.width, frame.height))
    return annotations.label_image(0, 0, *size, scale, scheme)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("mpp", [None, 1.0, 0.4667])
def test_what_is_drawn_is_read_again(tmp_path, suffix, mpp):
    context = FileContext(frame=FRAME, scheme=SCHEME, mpp=mpp)
    path = tmp_path / f"a{suffix}"
    lost = write_annotations(DRAWN, path, context)
    assert lost == [
        "the names of 1 regions are lost",
        "the layers of 1 regions are lost",
        "the colours of 1 regions are lost",
        "the labels of 4 regions became their classes",
        "2 regions touch others of their class, and became one with them",
        "1 regions lie under later ones, and are lost there",
        "the pixels have values: {0: normal, 1: benign, 2: dcis, 3: invasive, 9: unsure}",
    ]
    found = read_annotations(path, context)
    scale = (mpp or FRAME.mpp) / FRAME.mpp
    assert found.scale == pytest.approx(scale, rel=1e-8 if suffix == ".tif" else 1e-3)
    assert found.counts.keys() == {0, 1, 2, 9}
    if suffix == ".tif" or mpp != 0.4667:
        expected = whole(DRAWN, FRAME, scale, SCHEME)
        np.testing.assert_array_equal(whole(found, FRAME, scale, SCHEME), expected)
        traced = found.traced(SCHEME)
        np.testing.assert_array_equal(whole(traced, FRAME, scale, SCHEME), expected)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 999), st.sampled_from([0.25, 0.5, 0.3, 1.1]), st.booleans())
def test_drawing_what_was_traced_gives_the_same_pixels(folder, seed, mpp, interest):
    random = np.random.default_rng(seed)
    labels = random.choice(["benign", "dcis", "invasive", "unsure", "normal"], 12)
    corners = random.uniform(-40, 260, (12, 2))
    shapes = [box(x, y, x + 60, y + 45).buffer(-9).buffer(9) for x, y in corners]
    annotations = [Annotation(label, shape) for label, shape in zip(labels, shapes, strict=True)]
    if interest:
        annotations.append(Annotation("roi", box(30, 20, 190, 222)))
    frame = SlideFrame(270, 233, mpp=0.25)
    context = FileContext(frame=frame, scheme=SCHEME, mpp=mpp)
    first, second = folder / "first.tif", folder / "second.tif"
    write_annotations(AnnotationSet(tuple(annotations)), first, context)
    write_annotations(read_annotations(first, context).traced(SCHEME), second, context)
    np.testing.assert_array_equal(tifffile.imread(first), tifffile.imread(second))
    found = read_annotations(first, context)
    window = (*random.uniform(0, 90, 2), 40, 30, mpp / 0.25, SCHEME)
    np.testing.assert_array_equal(
        found.label_image(*window), found.traced(SCHEME).label_image(*window)
    )


def test_without_values_a_class_has_its_index_and_the_file_says_so(tmp_path):
    context = FileContext(frame=FRAME, scheme=DEFAULT)
    lost = write_annotations(DRAWN, tmp_path / "a.tif", context)
    line = "values: {0: normal, 1: benign, 2: in situ, 3: invasive, 255: unsure}"
    assert lost[-1] == f"the pixels have {line}"
    assert set(np.unique(tifffile.imread(tmp_path / "a.tif"))) == {0, 1, 2, 255}
    found = read_annotations(tmp_path / "a.tif", context)
    np.testing.assert_array_equal(
        whole(found, FRAME, 1.0, DEFAULT), whole(DRAWN, FRAME, 1.0, DEFAULT)
    )
    assert found.traced(DEFAULT).labels() == {"benign": 1, "in situ": 1, "unsure": 1}
    # A scheme that gives values overrules the file.
    other = replace(DEFAULT, values=((0, "normal"), (1, "invasive")), unknown="ignore")
    assert found.areas(other)["invasive"] > 0


def test_outside_a_region_of_interest_pixels_are_ignored(tmp_path):
    annotations = AnnotationSet((*DRAWN.annotations[:2], Annotation("roi", box(0, 0, 600, 600))))
    scheme = replace(DEFAULT, ignore=())
    lost = write_annotations(annotations, tmp_path / "a.png", FileContext(FRAME, scheme=scheme))
    assert "1 regions of interest are lost; what is outside them is ignored" in lost
    assert "255: unsure" in lost[-1]
    pixels = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    expected = whole(annotations, FRAME, 1.0, scheme)
    np.testing.assert_array_equal(pixels, expected)


def test_a_written_tiff_is_tiled_and_deterministic(tmp_path):
    context = FileContext(frame=FRAME, scheme=SCHEME, mpp=0.5)
    for name in ("a.tif", "b.tif"):
        write_annotations(DRAWN, tmp_path / name, context)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    with rasterio.open(tmp_path / "a.tif") as image:  # a reader that is not ours
        assert image.block_shapes == [(512, 512)]
        np.testing.assert_array_equal(image.read(1), tifffile.imread(tmp_path / "a.tif"))
        assert float(image.tags()["TIFFTAG_XRESOLUTION"]) == pytest.approx(20_000)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (FileContext(frame=FRAME), "classes of a classes.yaml"),
        (FileContext(scheme=SCHEME), "which slide"),
        (FileContext(SlideFrame(90, 90), scheme=SCHEME, mpp=1.0), "needs the slide's mpp"),
        (FileContext(FRAME, scheme=replace(DEFAULT, values=((0, "normal"),))), "benign, in situ"),
        (FileContext(FRAME, scheme=replace(DEFAULT, values=((1, "benign"),))), "normal, in situ"),
        (
            FileContext(
                FRAME, scheme=replace(DEFAULT, values=(*SCHEME.values[:3], (255, "invasive")))
            ),
            "such as `254: unsure`",
        ),
        (
            FileContext(FRAME, scheme=replace(DEFAULT, values=(*SCHEME.values, (700, "roi")))),
            None,
        ),
        (
            FileContext(
                FRAME, scheme=replace(DEFAULT, values=(*SCHEME.values[1:], (300, "normal")))
            ),
            "beyond 255",
        ),
        (FileContext(SlideFrame(90_000, 90_000), scheme=SCHEME), r"too many for a PNG"),
    ],
)
def test_what_cannot_be_drawn_is_told(tmp_path, context, message):
    path = tmp_path / "a.png"
    if message is None:
        write_annotations(DRAWN, path, context)
        return
    with pytest.raises(InputError, match=message):
        write_annotations(DRAWN, path, context)
    assert not path.exists()


def test_class_maps_are_label_images_too(tmp_path):
    labels = np.full((1024, 1024), 255, np.uint8)
    labels[100:500, 200:600] = 3
    labels[120:140, 220:240] = 0
    path = tmp_path / "map.ome.tif"
    with Spool(tmp_path / "spool") as spool:
        for row, column in np.ndindex(1024 // CELL, 1024 // CELL):
            part = labels[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
            spool.write(0, row, column, np.ascontiguousarray(part))
        write_class_map(path, spool, 700, 650, 1.0, DEFAULT, "slide")
    frame = SlideFrame(1499, 1391, mpp=0.4667)
    found = LabelImage.open(path, frame)
    assert found.scale == pytest.approx(1 / 0.4667, rel=1e-8)
    assert found.counts == {0: 400, 3: 159_600, 255: 700 * 650 - 160_000}
    # Nothing is drawn where nothing is mapped.
    assert found.traced(DEFAULT).labels() == {"invasive": 1}
    assert found.areas(DEFAULT)["invasive"] == pytest.approx(159_600 / 0.4667**2)
    window = found.label_image(0, 0, 700, 650, found.scale, DEFAULT)
    np.testing.assert_array_equal(window, np.where(labels == 255, 0, labels)[:650, :700])
    ignored = replace(SCHEME, values=(*SCHEME.values, (255, "unsure")))
    assert (found.label_image(0, 0, 5, 5, 1, ignored) == IGNORE).all()


@pytest.mark.parametrize(
    "description",
    [
        '{"carcinomap"',
        '{"carcinomap": "label image", "values": [1]}',
        '{"carcinomap": "label image", "values": {"x": "benign"}}',
        '{"carcinomap": ' + "[" * 100_000,
        "<OME>carcinomap/class-map",
        '<!DOCTYPE a [<!ENTITY b "c">]><OME>carcinomap/class-map&b;</OME>',
        '<OME Namespace="carcinomap/class-map"/>',
        "carcinomap/class-map" + "x" * 2_000_000,
    ],
)
def test_a_description_that_is_damaged_says_nothing(description):
    assert FileValues.of(description) == FileValues()
