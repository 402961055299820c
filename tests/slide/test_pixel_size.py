from pathlib import Path

import pytest
import tifffile
from slide_files import smooth_noise

from carcinomap.errors import InputError
from carcinomap.slide import MissingMppError, open_slide
from carcinomap.slide.readers.pixel_size import microns_per_pixel

PATH = Path("slide.svs")
VENDOR = {"openslide.vendor": "aperio", "openslide.mpp-x": "0.5", "openslide.mpp-y": "0.502"}


def tags(x, y, unit, vendor="generic-tiff"):
    return {
        "openslide.vendor": vendor,
        "tiff.XResolution": x,
        "tiff.YResolution": y,
        "tiff.ResolutionUnit": unit,
    }


def test_given_overrides_the_vendor_and_the_vendor_the_tags():
    properties = tags("40000", "40000", "centimeter") | VENDOR
    assert microns_per_pixel(PATH, properties, 0.3) == (0.3, "given")
    mpp, source = microns_per_pixel(PATH, properties, None)
    assert (mpp, source) == (pytest.approx(0.501), "vendor")


@pytest.mark.parametrize(
    ("resolution", "unit", "mpp"), [("40000", "centimeter", 0.25), ("50800", "inch", 0.5)]
)
def test_plausible_tags_are_trusted(resolution, unit, mpp):
    found = microns_per_pixel(PATH, tags(resolution, resolution, unit), None)
    assert found == (pytest.approx(mpp), "resolution tags")


@pytest.mark.parametrize(
    ("resolution", "unit"),
    [("72", "inch"), ("96", "inch"), ("300", "inch"), ("1", "none"), ("0", "inch"), ("?", "inch")],
)
def test_what_programs_write_into_any_tiff_is_not(resolution, unit):
    with pytest.raises(MissingMppError, match=r"slide\.svs.*--mpp"):
        microns_per_pixel(PATH, tags(resolution, resolution, unit), None)


def test_openslides_reading_of_the_tags_counts_no_more_than_the_tags():
    properties = tags("72", "72", "inch") | {"openslide.mpp-x": "352.8", "openslide.mpp-y": "352.8"}
    with pytest.raises(MissingMppError):
        microns_per_pixel(PATH, properties, None)


@pytest.mark.parametrize("source", ["vendor", "tags"])
def test_pixels_that_are_not_square_ask(source):
    properties = (
        VENDOR | {"openslide.mpp-y": "0.6"}
        if source == "vendor"
        else tags("20000", "16666.67", "centimeter")
    )
    with pytest.raises(InputError, match=r"0\.5 microns .* 0\.6"):
        microns_per_pixel(PATH, properties, None)
    assert microns_per_pixel(PATH, properties, 0.5) == (0.5, "given")


@pytest.mark.parametrize("size", ["1e-8", "0.009", "20000"])
def test_pixels_that_no_microscope_has_ask(size):
    properties = VENDOR | {"openslide.mpp-x": size, "openslide.mpp-y": size}
    with pytest.raises(InputError, match=rf"slide\.svs: it says {float(size):g} microns .*--mpp"):
        microns_per_pixel(PATH, properties, None)
    assert microns_per_pixel(PATH, properties, 0.5) == (0.5, "given")


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_every_reader_decides_alike(tmp_path, planar):
    """The TIFF reader takes the one, OpenSlide the other."""
    image = smooth_noise(300, 300)
    if planar == "separate":
        image = image.transpose(2, 0, 1)
    for name, resolution in {"trusted.tif": (20000, 20000), "dots.tif": (72, 72)}.items():
        tifffile.imwrite(
            tmp_path / name,
            image,
            photometric="rgb",
            planarconfig=planar,
            tile=(128, 128),
            resolution=resolution,
            resolutionunit="centimeter",
        )
    with open_slide(tmp_path / "trusted.tif") as slide:
        assert slide.reader == {"contig": "tiff", "separate": "openslide"}[planar]
        assert (slide.mpp, slide.mpp_source) == (0.5, "resolution tags")
    with pytest.raises(MissingMppError):
        open_slide(tmp_path / "dots.tif")
