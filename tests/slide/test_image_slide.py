import pickle
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from slide_files import smooth_noise

from carcinomap.errors import InputError
from carcinomap.slide import MissingMppError, open_slide


@pytest.fixture(scope="module")
def image():
    return smooth_noise(300, 400)


def test_png(tmp_path, image):
    Image.fromarray(image).save(tmp_path / "field.png", dpi=(50800, 50800))
    with pytest.raises(MissingMppError, match="--mpp"):
        open_slide(tmp_path / "field.png")
    with open_slide(tmp_path / "field.png", 0.5) as slide:
        assert (slide.reader, slide.vendor, slide.mpp_source) == ("image", "png", "given")
        assert (slide.width, slide.height, slide.associated_images()) == (400, 300, ())
        assert slide.holds == image.nbytes
        np.testing.assert_array_equal(slide.read(0, 0, 400, 300, 0.5), image)
        assert (slide.read(-10, 0, 10, 10, 0.5) == 255).all()
        slide.read(0, 0, 400, 300, 0.5)[:] = 0
        np.testing.assert_array_equal(slide.read(7, 9, 30, 20, 0.5), image[9:29, 7:37])


def test_jpeg_is_not_turned(tmp_path, image):
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: a quarter to the right
    Image.fromarray(image).save(tmp_path / "field.jpg", quality=95, exif=turned)
    with open_slide(tmp_path / "field.jpg", 0.5) as slide:
        assert (slide.width, slide.height) == (400, 300)
        assert np.abs(slide.read(0, 0, 400, 300, 0.5).astype(int) - image).mean() < 3


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA"])
def test_every_kind_becomes_rgb(tmp_path, image, mode):
    picture = Image.fromarray(image).convert(mode)
    picture.save(tmp_path / "field.png")
    with open_slide(tmp_path / "field.png", 0.5) as slide:
        read = slide.read(0, 0, 400, 300, 0.5)
    np.testing.assert_array_equal(read, np.array(picture.convert("RGB")))


def test_sixteen_bits_per_colour_become_eight(tmp_path, image):
    path = tmp_path / "deep.png"
    path.write_bytes(imagecodecs.png_encode(image.astype(np.uint16) * 257))
    with open_slide(path, 0.5) as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 400, 300, 0.5), image)


def test_white_lies_under_transparency(tmp_path, image):
    clear = np.dstack([image, np.zeros(image.shape[:2], np.uint8)])
    clear[:, 200:, 3] = 255
    Image.fromarray(clear).save(tmp_path / "field.png")
    with open_slide(tmp_path / "field.png", 0.5) as slide:
        read = slide.read(0, 0, 400, 300, 0.5)
    assert (read[:, :200] == 255).all()
    np.testing.assert_array_equal(read[:, 200:], image[:, 200:])


@pytest.mark.parametrize(("kind", "name"), [("I;16", "deep.png"), ("CMYK", "print.jpg")])
def test_other_kinds_are_refused(tmp_path, image, kind, name):
    if kind == "I;16":
        picture = Image.fromarray(image[:, :, 0].astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(image).convert(kind)
    picture.save(tmp_path / name)
    with pytest.raises(InputError, match=f"{name}: an image of kind '{kind}'"):
        open_slide(tmp_path / name, 0.5)


def test_too_large_asks_for_a_pyramid(tmp_path, image, monkeypatch):
    monkeypatch.setattr("carcinomap.slide.readers.image_slide.LARGEST_PLAIN", 100_000)
    Image.fromarray(image).save(tmp_path / "field.png")
    with pytest.raises(InputError, match=r"field\.png: 400 × 300 pixels are too large.*--pyramid"):
        open_slide(tmp_path / "field.png", 0.5)


def test_bomb_is_refused_before_it_goes_off(tmp_path):
    Image.fromarray(np.zeros((10_000, 11_000), np.uint8)).save(tmp_path / "bomb.png")
    with pytest.raises(InputError, match="11000 × 10000 pixels are too large"):
        open_slide(tmp_path / "bomb.png", 0.5)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_damaged_image(tmp_path, image, suffix, share):
    path = tmp_path / f"field.{suffix}"
    Image.fromarray(image).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: max(8, int(share * len(content)))])
    with (
        pytest.raises(InputError, match=rf"field\.{suffix}: "),
        open_slide(path, 0.5) as slide,
    ):
        slide.read(0, 0, 400, 300, 0.5)


def test_threads_and_processes(tmp_path, image):
    Image.fromarray(image).save(tmp_path / "field.png")
    with open_slide(tmp_path / "field.png", 0.5) as slide, ThreadPoolExecutor(16) as pool:
        for read in pool.map(lambda _: slide.read(0, 0, 400, 300, 0.5), range(32)):
            np.testing.assert_array_equal(read, image)
        with pickle.loads(pickle.dumps(slide)) as copy:  # noqa: S301
            np.testing.assert_array_equal(copy.read(0, 0, 400, 300, 0.5), image)
