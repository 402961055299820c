import numpy as np
import pytest
import tifffile
from slide_files import reduced, smooth_noise

from carcinomap.errors import InputError
from carcinomap.slide import MissingMppError, open_slide
from carcinomap.slide.readers.ome import is_ome, read_ome
from carcinomap.slide.readers.reader import DeclinedError

MICRONS = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}


@pytest.fixture(scope="module")
def image():
    return smooth_noise(600, 800)


def write_ome(path, image, **metadata):
    """Write an OME-TIFF with two smaller versions and a second image, as converters do."""
    options = {"photometric": "rgb", "tile": (128, 128), "compression": "zlib"}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(image, subifds=2, metadata={"axes": "YXS"} | metadata, **options)
        for step in (2, 4):
            tiff.write(reduced(image, step), subfiletype=1, **options)
        tiff.write(image[:64, :64], metadata={"Name": "macro image"}, **options)
    return path


def test_pyramid(tmp_path, image):
    path = write_ome(tmp_path / "made.ome.tif", image, **MICRONS)
    with open_slide(path) as slide:
        assert (slide.reader, slide.vendor) == ("tiff", "ome-tiff")
        assert (slide.mpp, slide.mpp_source) == (0.5, "vendor")
        assert [level.downsample for level in slide.levels] == [1, 2, 4]
        assert slide.associated_images() == ("macro image",)
        np.testing.assert_array_equal(slide.read(0, 0, 800, 600, 0.5), image)
        np.testing.assert_array_equal(slide.read(0, 0, 200, 150, 2.0), reduced(image, 4))


@pytest.mark.parametrize(
    ("unit", "size"), [("nm", 500), ("µm", 0.5), ("mm", 0.0005), ("cm", 0.00005)]
)
def test_units(tmp_path, image, unit, size):
    told = {f"PhysicalSize{axis}": size for axis in "XY"}
    told |= {f"PhysicalSize{axis}Unit": unit for axis in "XY"}
    with open_slide(write_ome(tmp_path / "made.ome.tif", image, **told)) as slide:
        assert slide.mpp == pytest.approx(0.5)


def test_missing_size(tmp_path, image):
    path = write_ome(tmp_path / "made.ome.tif", image)
    with pytest.raises(MissingMppError, match="--mpp"):
        open_slide(path)


def test_channels_on_pages_of_their_own_are_refused(tmp_path, image):
    path = tmp_path / "fluorescence.ome.tif"
    tifffile.imwrite(
        path,
        image.transpose(2, 0, 1),
        photometric="minisblack",
        tile=(128, 128),
        metadata={"axes": "CYX"},
    )
    with pytest.raises(InputError, match=r"fluorescence\.ome\.tif: 3 channels"):
        open_slide(path, 0.5)


def test_sixteen_bits_are_refused(tmp_path, image):
    path = tmp_path / "deep.ome.tif"
    tifffile.imwrite(
        path,
        image.astype(np.uint16),
        photometric="rgb",
        tile=(128, 128),
        metadata={"axes": "YXS"},
    )
    with pytest.raises(InputError, match="uint16"):
        open_slide(path, 0.5)


def test_stack_is_refused(tmp_path, image):
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(
        path,
        np.stack([image, image]),
        photometric="rgb",
        tile=(128, 128),
        metadata={"axes": "ZYXS"},
    )
    with pytest.raises(InputError, match="2 planes"):
        open_slide(path, 0.5)


def xml(pixels, rest=""):
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'{rest}<Image Name="slide">{pixels}</Image></OME>'
    )


def test_objective_and_page():
    channel = '<Channel SamplesPerPixel="3"/><TiffData IFD="2"/>'
    text = xml(
        f'<Pixels Type="uint8" SizeC="3">{channel}</Pixels>',
        '<Instrument><Objective NominalMagnification="40.0"/></Instrument>',
    )
    assert is_ome(text)
    slide = read_ome(text)
    assert (slide.page, slide.properties, slide.others) == (
        2,
        {"openslide.objective-power": "40"},
        (),
    )


@pytest.mark.parametrize(
    "text",
    [
        "<OME><Image></OME>",
        "<OME/>",
        xml(""),
        xml('<Pixels SizeC="many"/>'),
        xml('<Pixels SizeZ="1e9"/>'),
        xml('<Pixels><TiffData IFD="first"/></Pixels>'),
        '<!DOCTYPE OME [<!ENTITY a "aaaa">]><OME>&a;</OME>',
    ],
)
def test_senseless_xml_is_declined(text):
    with pytest.raises(DeclinedError, match="OME-XML"):
        read_ome(text)


def test_too_much_xml_is_declined(monkeypatch):
    monkeypatch.setattr("carcinomap.slide.readers.ome.LONGEST", 10)
    with pytest.raises(DeclinedError, match="characters"):
        read_ome(xml("<Pixels/>"))
