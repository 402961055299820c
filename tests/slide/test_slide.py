import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from slide_files import smooth_noise, write_slide

from carcinomap.errors import InputError
from carcinomap.slide import MissingMppError, View, open_slide


@pytest.fixture(scope="module")
def image():
    return smooth_noise(1200, 1500)


@pytest.fixture(scope="module")
def path(tmp_path_factory, image):
    return write_slide(tmp_path_factory.mktemp("slides") / "made.svs", image)


def test_knows_what_it_is(path):
    with open_slide(path) as slide:
        assert (slide.name, slide.vendor) == ("made", "aperio")
        assert (slide.width, slide.height, slide.mpp) == (1500, 1200, 0.5)
        assert [level.downsample for level in slide.levels] == [1, 4]


def test_level_0_is_read_unchanged(path, image):
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read(100, 60, 400, 300, 0.5), image[60:360, 100:500])


def test_outside_is_white(path, image):
    with open_slide(path) as slide:
        read = slide.read(-10, -20, 1600, 1300, 0.5)
    assert (read[:20] == 255).all()
    assert (read[:, :10] == 255).all()
    assert (read[1220:] == 255).all()
    np.testing.assert_array_equal(read[20:1220, 10:1510], image)


def test_far_outside_is_white(path):
    with open_slide(path) as slide:
        assert (slide.read(1e6, -1e6, 32, 32, 2.0) == 255).all()


@pytest.mark.parametrize("mpp", [0.37, 0.5, 0.8, 1.0, 2.0, 3.3, 16.0])
def test_window_equals_crop_of_larger_read(path, mpp):
    with open_slide(path) as slide:
        step = mpp / slide.mpp
        whole = slide.read(7.3, 11.9, 60, 50, mpp)
        part = slide.read(7.3 + 13 * step, 11.9 + 17 * step, 20, 30, mpp)
    np.testing.assert_array_equal(part, whole[17:47, 13:33])


def test_averages_the_area(path, image):
    with open_slide(path) as slide:
        read = slide.read(64, 32, 100, 100, 1.0).astype(int)
    mean = image[32:232, 64:264].reshape(100, 2, 100, 2, 3).mean(axis=(1, 3))
    assert np.abs(read - mean).max() <= 1


def test_uneven_level_reads_the_same_through_every_window(tmp_path):
    image = smooth_noise(1203, 1501)
    with open_slide(write_slide(tmp_path / "uneven.svs", image, levels=(2, 4))) as slide:
        assert [level.downsample for level in slide.levels] == [1, 2, 4]
        whole = slide.read(0, 0, 600, 480, 1.25)
        part = slide.read(100 * 2.5, 90 * 2.5, 300, 200, 1.25)
    np.testing.assert_array_equal(part, whole[90:290, 100:400])


def test_slide_without_pyramid_is_read_in_pieces(tmp_path, monkeypatch, image):
    monkeypatch.setattr("carcinomap.slide.slide.SOURCE_PIXELS", 10_000)
    with open_slide(write_slide(tmp_path / "flat.svs", image, levels=())) as slide:
        pieces = slide.read(3.3, 4.4, 300, 200, 1.5)
        monkeypatch.undo()
        np.testing.assert_array_equal(pieces, slide.read(3.3, 4.4, 300, 200, 1.5))


def test_thumbnail_shows_all_of_it(path, image):
    with open_slide(path) as slide:
        thumbnail, mpp = slide.thumbnail(300)
    assert max(thumbnail.shape) == 300
    assert mpp == pytest.approx(0.5 * 5)
    assert np.abs(thumbnail.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 1


def test_size_covers_the_slide(path):
    with open_slide(path) as slide:
        assert slide.size_at(0.5) == (1500, 1200)
        assert slide.size_at(0.7) == (1072, 858)


def test_travels_to_another_process(path):
    with open_slide(path, mpp=0.25) as slide, pickle.loads(pickle.dumps(slide)) as copy:  # noqa: S301
        assert copy.mpp == 0.25
        np.testing.assert_array_equal(copy.read(0, 0, 9, 9, 0.5), slide.read(0, 0, 9, 9, 0.5))


def test_threads_read_the_same(path):
    with open_slide(path) as slide, ThreadPoolExecutor(8) as pool:
        windows = [(x, y) for x in range(0, 1500, 250) for y in range(0, 1200, 250)]
        alone = [slide.read(x, y, 128, 128, 0.9) for x, y in windows]
        together = pool.map(lambda at: slide.read(*at, 128, 128, 0.9), windows)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, other)


def test_view_is_centred(path, image):
    with open_slide(path) as slide:
        np.testing.assert_array_equal(View(0.5, 64).read(slide, 500, 400), image[368:432, 468:532])


def test_missing_mpp_names_the_flag(tmp_path, image):
    path = write_slide(tmp_path / "bare.svs", image, mpp=None)
    with pytest.raises(MissingMppError, match="--mpp"):
        open_slide(path)
    with open_slide(path, mpp=0.4) as slide:
        assert slide.mpp == 0.4


@pytest.mark.parametrize("mpp", ["0", "-1", "nan", "inf", "many"])
def test_senseless_mpp_counts_as_missing(tmp_path, image, mpp):
    with pytest.raises(InputError, match="--mpp"):
        open_slide(write_slide(tmp_path / "odd.svs", image, mpp=mpp))


@pytest.mark.parametrize("mpp", [0.0, -0.5, float("nan"), float("inf")])
def test_senseless_given_mpp_is_refused(path, mpp):
    with pytest.raises(InputError, match="positive"):
        open_slide(path, mpp=mpp)


@pytest.mark.parametrize(("mpp", "said"), [(2.5e-4, "in millimetres"), (1e300, "more than 10,000")])
def test_a_given_mpp_that_no_microscope_has_is_refused(path, mpp, said):
    with pytest.raises(InputError, match=f"--mpp .*{said}"):
        open_slide(path, mpp=mpp)


def test_read_pixels_are_the_callers_own(path, image):
    with open_slide(path) as slide:
        slide.read(0, 0, 256, 256, 0.5)[:] = 0
        np.testing.assert_array_equal(slide.read(0, 0, 256, 256, 0.5), image[:256, :256])


def test_knows_where_the_bounds_begin(path):
    with open_slide(path) as slide:
        assert slide.bounds_origin == (0, 0)
        slide.properties = {"openslide.bounds-x": "120", "openslide.bounds-y": "nan"}
        assert slide.bounds_origin == (120, 0)


def test_objective_is_told_or_noted(path, tmp_path, image):
    with open_slide(path) as slide:
        assert (slide.objective, slide.objective_note) == ("20", "20x")
    with open_slide(write_slide(tmp_path / "bare.svs", image, mpp=None), mpp=0.25) as slide:
        slide.objective = None
        assert slide.objective_note == "not told; by its 0.25 µm per pixel about 40x"


def test_what_is_no_slide(tmp_path):
    text = tmp_path / "text.svs"
    text.write_text("not a slide")
    with pytest.raises(InputError, match=r"text.svs: not a slide.*tiff: .*openslide: .*image: "):
        open_slide(text)
    with pytest.raises(InputError, match="no such slide"):
        open_slide(tmp_path / "absent.svs")
    with pytest.raises(InputError, match="folder"):
        open_slide(tmp_path)


def test_real_slides(real_data):
    slides = real_data / "slides"
    with open_slide(slides / "cmu-1-small-region.svs") as slide:
        assert (slide.vendor, slide.width, slide.height, slide.mpp) == ("aperio", 2220, 2967, 0.499)
        assert set(slide.associated_images()) == {"label", "macro", "thumbnail"}
        assert 30 < slide.read(0, 0, 277, 370, 4.0).std() < 90
    with pytest.raises(InputError, match="--mpp"):
        open_slide(slides / "tcga-cr-7395.svs")
    with open_slide(slides / "tcga-cr-7395.svs", mpp=0.25) as slide:
        assert [level.downsample for level in slide.levels] == [1, 2]
        whole = slide.read(0, 0, 1700, 1300, 0.6)
        np.testing.assert_array_equal(
            slide.read(700 * 2.4, 600 * 2.4, 300, 300, 0.6), whole[600:900, 700:1000]
        )
    with open_slide(slides / "camelyon-multiframe.dcm") as slide:
        assert slide.mpp == pytest.approx(28.97, abs=0.01)
    with pytest.raises(InputError, match="not a slide"):
        open_slide(slides / "broken.svs")
    with (
        open_slide(slides / "unreadable.svs") as slide,
        pytest.raises(InputError, match="pixels cannot be read"),
    ):
        slide.read(0, 0, 16, 16, 0.5)
