import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from label_images import DEFAULT, ROI_SCHEME, SCHEME, blocky, write_png, write_tiff

from carcinomap.annotation import IGNORE, LabelImage, SlideFrame, read_annotations
from carcinomap.annotation.formats import FileContext
from carcinomap.errors import InputError

IMAGE = np.array(
    [[0, 0, 1, 1, 1, 0], [0, 2, 1, 9, 1, 0], [0, 2, 1, 1, 1, 0], [0, 0, 0, 0, 0, 3]], np.uint8
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("labels")


@pytest.fixture
def small(tmp_path):
    return LabelImage.open(write_png(tmp_path / "a.png", IMAGE))


def test_a_window_shows_the_classes_of_the_values(small):
    expected = np.where(IMAGE == 9, np.uint8(IGNORE), IMAGE)
    np.testing.assert_array_equal(small.label_image(0, 0, 6, 4, 1, SCHEME), expected)
    window = small.label_image(-2, -1, 9, 6, 1, SCHEME)
    assert window.dtype == np.uint8
    np.testing.assert_array_equal(window, np.pad(expected, ((1, 1), (2, 1))))
    assert not small.label_image(1e6, -1e6, 3, 2, 0.3, SCHEME).any()
    assert small.label_image(0, 0, 0, 5, 1, SCHEME).shape == (5, 0)


def test_a_pixel_has_the_value_at_its_centre(small):
    assert small.label_image(0, 0.6, 3, 1, 2, SCHEME).tolist() == [[2, IGNORE, 0]]
    assert small.label_image(1.9, 0, 4, 1, 0.25, SCHEME).tolist() == [[1, 1, 1, 1]]
    assert small.label_image(1.8, 0, 4, 1, 0.25, SCHEME).tolist() == [[0, 1, 1, 1]]


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 9999),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.sampled_from([1.0, 0.5, 3.0, 1 / 0.4667]),
    st.sampled_from([0.31, 1.0, 2.7, 10.0]),
    st.sampled_from(["tiles", "strips", "png"]),
)
def test_any_window_is_made_of_the_pixels_under_its_centres(
    folder, seed, shape, own_scale, scale, kind
):
    random = np.random.default_rng(seed)
    image = blocky(random, shape, [0, 1, 2, 3, 9])
    path = folder / f"{seed}{shape}{kind}"
    if kind == "png":
        write_png(path, image)
    else:
        write_tiff(path, image, 16 if kind == "tiles" else None)
    label_image = replace(LabelImage.open(path), scale=own_scale)
    x, y = random.uniform(-20, 90, 2) * own_scale
    drawn = label_image.label_image(x, y, 23, 17, scale, SCHEME)
    columns = np.floor((x + (np.arange(23) + 0.5) * scale) / own_scale).astype(int)
    rows = np.floor((y + (np.arange(17) + 0.5) * scale) / own_scale).astype(int)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            inside = 0 <= row < shape[0] and 0 <= column < shape[1]
            value = int(image[row, column]) if inside else 0
            assert drawn[i, j] == (IGNORE if value == 9 else value)
    path.unlink()


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 9999),
    st.sampled_from([1.0, 3.0, 1 / 0.4667]),
    st.sampled_from([0.313, 1.0, 2.77, 9.1]),
    st.sampled_from([SCHEME, ROI_SCHEME, replace(SCHEME, values=((0, "unsure"), (1, "normal")))]),
    st.sampled_from(["ignore", "background"]),
)
def test_traced_regions_draw_as_the_image_does(folder, seed, own_scale, scale, scheme, unknown):
    random = np.random.default_rng(seed)
    values = [0, 0, 1, 1, 2, 3, 9, 77] + ([200, 200] if scheme is ROI_SCHEME else [])
    path = write_tiff(folder / f"{seed}.tif", blocky(random, (40, 50), values))
    scheme = replace(scheme, unknown=unknown)
    label_image = replace(LabelImage.open(path), scale=own_scale)
    traced = label_image.traced(scheme)
    assert all(one.geometry.is_valid for one in traced.annotations)
    traced.check(scheme)
    x, y = random.uniform(-10, 40, 2) * own_scale
    window = (x, y, 31, 29, scale, scheme)
    np.testing.assert_array_equal(traced.label_image(*window), label_image.label_image(*window))
    assert traced.areas(scheme) == pytest.approx(label_image.areas(scheme))
    path.unlink()


def test_regions_are_traced_across_blocks_with_holes_and_joined_by_label(tmp_path):
    image = np.zeros((30, 1100), np.uint8)
    image[2:28, 1000:1028] = 1
    image[2:28, 1013:1028] = 4  # of the same label
    image[10:20, 1018:1028] = 0
    image[10:20, 1020:1030] = 2  # over a border between blocks
    image[10:20, 1030:1090] = 1
    image[2:28, 1090:1092] = 1
    scheme = replace(DEFAULT, values=((0, "normal"), (1, "benign"), (2, "DCIS"), (4, "benign")))
    traced = LabelImage.open(write_tiff(tmp_path / "a.tif", image)).traced(scheme)
    assert traced.labels() == {"benign": 2, "DCIS": 1}
    pixels = traced.label_image(0, 0, 1100, 30, 1, scheme)
    np.testing.assert_array_equal(pixels, np.where(image == 4, 1, image))
    (note,) = traced.notes
    assert "value 0 (normal)" in note.message


def test_value_0_is_nothing_drawn_and_other_values_of_class_0_are_regions(tmp_path):
    path = write_png(tmp_path / "a.png", IMAGE)
    scheme = replace(DEFAULT, values=((0, "normal"), (1, "normal"), (2, "dcis")), unknown="ignore")
    polygons = LabelImage.open(path).polygons(scheme)
    assert sorted((index, area.area) for index, area in polygons) == [
        (0, 8),
        (2, 2),
        (IGNORE, 1),
        (IGNORE, 1),
    ]
    assert LabelImage.open(path).areas(scheme)["normal"] == 8


def test_pixels_of_interest_bound_what_counts(tmp_path):
    image = np.array([[0, 200, 200, 0], [0, 200, 1, 1]], np.uint8)
    label_image = LabelImage.open(write_png(tmp_path / "a.png", image))
    window = label_image.label_image(-1, 0, 6, 2, 1, ROI_SCHEME)
    assert window.tolist() == [[255, 255, 0, 0, 255, 255], [255, 255, 0, 1, 1, 255]]
    (interest,) = label_image.regions_of_interest(ROI_SCHEME)
    assert interest.area == 5
    assert [index for index, _ in label_image.polygons(ROI_SCHEME)] == [1]


def test_where_value_0_is_ignored_the_rest_is_of_interest(tmp_path):
    image = np.array([[0, 1, 1], [0, 2, 0]], np.uint8)
    label_image = LabelImage.open(write_png(tmp_path / "a.png", image))
    scheme = replace(DEFAULT, values=((0, "unsure"), (1, "normal"), (2, "benign")))
    (interest,) = label_image.regions_of_interest(scheme)
    assert interest.area == 3
    assert label_image.label_image(0, 0, 4, 2, 1, scheme).tolist() == [
        [255, 0, 0, 0],
        [255, 1, 255, 0],
    ]
    assert LabelImage.open(tmp_path / "a.png").regions_of_interest(SCHEME) == []


def test_it_says_what_an_annotation_set_says(small):
    assert small.counts == {0: 12, 1: 8, 2: 2, 3: 1, 9: 1}
    assert small.labels() == {"0": 2, "1": 1, "2": 1, "3": 1, "9": 1}
    assert len(small) == small.regions == 4
    assert small.notes == ()
    assert small.summary() == ""
    assert small.areas(SCHEME) == {"normal": 0, "benign": 8, "in situ": 2, "invasive": 1}
    assert replace(small, scale=2.0).areas(SCHEME)["benign"] == 32


def test_without_values_the_error_shows_the_line_that_is_missing(small):
    line = "`values: {0: normal, 1: benign, 2: in situ, 3: invasive, 9: unsure}`"
    uses = (
        small.check,
        small.polygons,
        small.areas,
        small.traced,
        lambda scheme: small.label_image(500, 0, 1, 1, 1, scheme),
    )
    for use in uses:
        with pytest.raises(InputError, match=r"a\.png") as told:
            use(DEFAULT)
        assert line in str(told.value)
    with pytest.raises(InputError, match=r"and `ignore: \[unsure\]`"):
        small.check(replace(DEFAULT, ignore=()))


def test_unknown_values_are_counted_and_follow_the_policy(small):
    partly = replace(DEFAULT, values=((0, "normal"), (1, "in situ")))
    with pytest.raises(InputError, match=r"2 \(2 pixels\), 3 \(1 pixels\), 9 \(1 pixels\)") as told:
        small.check(partly)
    assert "{0: normal, 1: in situ, 2: in situ, 3: invasive, 9: unsure}" in str(told.value)
    for unknown, value in (("ignore", IGNORE), ("background", 0)):
        window = small.label_image(0, 1, 3, 1, 1, replace(partly, unknown=unknown))
        assert window.tolist() == [[0, value, 2]]


@pytest.mark.parametrize(
    ("size", "frame", "scale"),
    [
        ((250, 125), SlideFrame(1000, 500), 4),
        ((250, 125), SlideFrame(1003, 503), 4),  # rounded down
        ((251, 126), SlideFrame(1001, 501), 4),  # rounded up
        ((215, 108), SlideFrame(1000, 500), 1000 / 215),
        ((50, 200), SlideFrame(537, 2148), 2148 / 200),
        ((200, 100), SlideFrame(100, 50), 0.5),
        ((1, 1), SlideFrame(300, 200), 300),
    ],
)
def test_the_image_is_spread_over_the_slide(tmp_path, size, frame, scale):
    path = write_png(tmp_path / "a.png", np.zeros(size[::-1], np.uint8))
    assert LabelImage.open(path, frame).scale == pytest.approx(scale)


@pytest.mark.parametrize("frame", [SlideFrame(1000, 490), SlideFrame(500, 1000)])
def test_an_image_of_another_shape_is_of_another_slide(tmp_path, frame):
    path = write_png(tmp_path / "a.png", np.zeros((125, 250), np.uint8))
    with pytest.raises(InputError, match=r"250 × 125 pixels.*another shape") as told:
        LabelImage.open(path, frame)
    assert f"{frame.width:,} × {frame.height:,}" in str(told.value)


def test_the_claimed_mpp_gives_the_exact_scale_where_it_fits(tmp_path):
    image = np.zeros((468, 468), np.uint8)
    resolution = {"resolution": (10_000, 10_000), "resolutionunit": "CENTIMETER"}
    path = write_tiff(tmp_path / "a.tif", image, **resolution)
    found = LabelImage.open(path, SlideFrame(1002, 1002, mpp=0.4667))
    assert found.scale == pytest.approx(1 / 0.4667, rel=1e-8)
    assert found.mpp == pytest.approx(0.4667)
    # Another mpp than the slide's is reported, not used.
    found = LabelImage.open(path, SlideFrame(1002, 1002, mpp=0.25))
    assert found.scale == pytest.approx(1002 / 468)
    assert found.mpp == pytest.approx(468 / 1002)
    printed = write_tiff(tmp_path / "b.tif", image, resolution=(72, 72), resolutionunit="INCH")
    assert LabelImage.open(printed).mpp is None


def test_large_images_are_sampled_in_an_overview(tmp_path, monkeypatch):
    monkeypatch.setattr("carcinomap.annotation.label_images.label_survey.OVERVIEW", 100)
    image = np.zeros((500, 1000), np.uint8)
    image[100:400, 200:600] = 1
    image[0, 0] = 3
    label_image = LabelImage.open(write_tiff(tmp_path / "a.tif", image, 64))
    ((index, area),) = label_image.polygons(SCHEME)
    assert (index, area.bounds) == (1, (200, 100, 600, 400))
    assert label_image.counts == {0: 379_999, 1: 120_000, 3: 1}
    assert label_image.labels() == {"0": 1, "1": 1, "3": 1}


def test_noise_is_no_label_image(tmp_path, monkeypatch):
    monkeypatch.setattr("carcinomap.annotation.label_images.label_image.MOST_REGIONS", 1000)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    label_image = LabelImage.open(write_tiff(tmp_path / "a.tif", noise))
    with pytest.raises(InputError, match=r"a\.tif: more than 1,000 regions"):
        label_image.polygons(replace(SCHEME, unknown="ignore"))
    with pytest.raises(InputError, match="more than 1,000 regions"):
        label_image.traced(replace(SCHEME, unknown="ignore"))


def test_it_travels_to_another_process_with_its_counts(small, monkeypatch):
    sent = pickle.dumps(small)
    monkeypatch.setattr("carcinomap.annotation.label_images.label_image.survey", None)
    again = pickle.loads(sent)  # noqa: S301 - our own bytes
    assert again == small
    assert again.areas(SCHEME) == small.areas(SCHEME)
    assert (again.label_image(0, 0, 6, 4, 1, SCHEME) != 0).sum() == 12


def test_many_threads_read_many_files(folder):
    random = np.random.default_rng(0)
    images = [blocky(random, (300, 300), [0, 1, 2, 3]) for _ in range(40)]
    found = [
        LabelImage.open(
            write_png(folder / f"many{number}.png", image)
            if number % 2
            else write_tiff(folder / f"many{number}.tif", image, 64)
        )
        for number, image in enumerate(images)
    ]

    def wrong(seed: int) -> int:
        number, x, y = np.random.default_rng(seed).integers(0, (40, 200, 200))
        window = found[number].label_image(x, y, 100, 100, 1, SCHEME)
        return int((window != images[number][y : y + 100, x : x + 100]).sum())

    open_files = Path("/proc/self/fd")
    before = len(list(open_files.iterdir())) if open_files.is_dir() else 0
    with ThreadPoolExecutor(16) as pool:
        assert not any(pool.map(wrong, range(200)))
    if before:
        assert len(list(open_files.iterdir())) <= before + 2


def test_a_file_that_becomes_another_is_noticed(tmp_path):
    path = write_png(tmp_path / "a.png", IMAGE)
    label_image = LabelImage.open(path)
    label_image.check(SCHEME)
    write_png(path, np.zeros((9, 9), np.uint8))
    with pytest.raises(InputError, match="another image"):
        label_image.label_image(0, 0, 4, 4, 1, SCHEME)


def test_it_is_read_as_annotations_are(tmp_path):
    path = write_png(tmp_path / "a.png", IMAGE)
    read = read_annotations(path, FileContext(frame=SlideFrame(60, 40)))
    assert isinstance(read, LabelImage)
    assert read.scale == 10
    assert shapely.box(20, 0, 50, 30).covers(read.polygons(SCHEME)[0][1])
