"""The same slide on a disk and elsewhere gives the same pixels, through every reader."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image
from slide_files import reduced, smooth_noise, write_slide, write_tiff

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.slide import find_slides, open_slide
from carcinomap.slide.readers.tiff_vendor import vendor_of
from carcinomap.storage import as_path


@pytest.fixture(scope="module")
def image():
    return cv2.GaussianBlur(smooth_noise(700, 900), (0, 0), 3)


@pytest.fixture(params=["bucket", "web"])
def server(request, cache):
    return request.getfixturevalue(request.param)


def assert_same(path, address, reader):
    with open_slide(path, 0.5) as near, open_slide(address, 0.5) as far:
        assert near.reader == far.reader == reader
        assert (near.levels, near.properties, near.name) == (far.levels, far.properties, far.name)
        assert near.associated_images() == far.associated_images()
        assert str(far.path) == address
        places = [(x, y, mpp) for x in (-50, 300) for y in (0, 411) for mpp in (0.5, 0.7, 2.3)]
        with ThreadPoolExecutor(4) as pool:
            both = [
                list(pool.map(lambda at, one=one: one.read(*at[:2], 300, 200, at[2]), places))
                for one in (near, far)
            ]
        again = pickle.loads(pickle.dumps(far))  # noqa: S301 - our own
        with again:
            both.append([again.read(*place[:2], 300, 200, place[2]) for place in places])
    for near_pixels, *far_pixels in zip(*both, strict=True):
        for pixels in far_pixels:
            np.testing.assert_array_equal(pixels, near_pixels)


@pytest.mark.parametrize("compression", ["jpeg", "adobe_deflate"])
def test_aperio(server, tmp_path, cache, image, compression):
    path = write_slide(tmp_path / "a.svs", image, levels=(2, 4), compression=compression)
    assert_same(path, server.put(path, "deep/a.svs"), "tiff")
    assert not cache.exists()


def test_plain_tiff(server, tmp_path, cache, image):
    path = write_tiff(tmp_path / "a.tif", image, reduced(image, 2), bigtiff=True)
    assert_same(path, server.put(path, "a.tif"), "tiff")
    assert not cache.exists()


def test_ome_tiff(server, tmp_path, image):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(image, subifds=1, tile=(256, 256), photometric="rgb", metadata={"axes": "YXS"})
        tiff.write(reduced(image, 2), subfiletype=1, tile=(256, 256), photometric="rgb")
    assert_same(path, server.put(path, "a.ome.tif"), "tiff")


def test_what_only_openslide_reads(server, tmp_path, cache, image):
    path = write_slide(tmp_path / "a.svs", image)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tag = tiff.pages[0].tags["TileByteCounts"]
        tag.overwrite((0, *tag.value[1:]))
    assert_same(path, server.put(path, "a.svs"), "openslide")
    assert len(list(cache.glob("*/a.svs"))) == 1


def test_a_plain_picture(server, tmp_path, cache, image):
    Image.fromarray(image).save(tmp_path / "a.png")
    assert_same(tmp_path / "a.png", server.put(tmp_path / "a.png", "a.png"), "image")
    assert len(list(cache.glob("*/a.png"))) == 1


def test_a_server_without_ranges(web, tmp_path, cache, image):
    web.ranges = False
    path = write_slide(tmp_path / "a.svs", image)
    assert_same(path, web.put(path, "a.svs"), "tiff")
    assert len(list(cache.glob("*/a.svs"))) == 1


def test_only_the_tiles_that_are_needed_travel(web, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (2048, 2048, 3), np.uint8)
    path = write_slide(tmp_path / "a.svs", noise, levels=(4,), compression=None)
    with open_slide(web.put(path, "a.svs")) as slide:
        assert len(web.requests) <= 6
        web.requests.clear()
        slide.read(256, 512, 512, 256, 0.5)
    tile = 256 * 256 * 3
    assert [count for _, _, count in web.requests] == [2 * tile]


def test_a_slide_that_changes_while_it_is_read(server, tmp_path, image):
    address = server.put(write_slide(tmp_path / "a.svs", image), "a.svs")
    with open_slide(address) as slide:
        server.put(write_slide(tmp_path / "b.svs", 255 - image), "a.svs")
        with pytest.raises(CarcinomapError, match=r"a\.svs: the file has changed"):
            slide.read(0, 0, 300, 300, 0.5)


def test_broken_files_name_their_address(server):
    for name, content in [("a.svs", b"II*\0" + bytes(500)), ("b.tif", b"MM\0*"), ("c.png", b"x")]:
        address = server.put(content, name)
        with pytest.raises(InputError, match=f"{address}: not a slide that can be read"):
            open_slide(address)


def test_what_is_not_there(server, web):
    address = server.put(b"x", "a.svs").replace("a.svs", "b.svs")
    with pytest.raises(InputError, match=f"{address}: no such file"):
        open_slide(address)


@pytest.mark.parametrize("suffix", [".mrxs", ".VMS", ".dcm"])
def test_slides_in_several_files_are_refused(suffix):
    with pytest.raises(InputError, match="several files"):
        open_slide(f"s3://b/a{suffix}")


def test_slides_below_an_address(bucket):
    summary = b'{"slide": "a.svs", "model": {}, "tissue_mm2": 1.0}'
    for key in ["a.svs", "b.SVS", "b.tif", "deep/c.tiff", "e.xml", ".f.svs", ".g/h.svs", "i.png"]:
        bucket.put(b"x", f"in/{key}")
    bucket.put(b"x", "in/maps/a.ome.tif")
    bucket.put(summary, "in/maps/a.json")
    bucket.put(b"x", "in/maps/b.partial/b.ome.tif")
    found = [str(path) for path in find_slides("s3://slides/in/")]
    assert found == [f"s3://slides/in/{key}" for key in ("a.svs", "b.SVS", "deep/c.tiff")]
    assert find_slides("s3://slides/in") == find_slides("s3://slides/in/")
    assert [path.name for path in find_slides("s3://slides/in/*.svs")] == [".f.svs", "a.svs"]
    assert find_slides("s3://slides/in/a.svs") == [as_path("s3://slides/in/a.svs")]
    for nothing in ("s3://slides/other/", "s3://slides/in/*.ndpi", "s3://slides/in/maps/*.svs"):
        with pytest.raises(InputError, match="no slides there"):
            find_slides(nothing)


def test_an_address_on_the_web_is_one_slide():
    assert find_slides("https://host/a?b=*") == [as_path("https://host/a?b=*")]


XMP = b"<Metadata><iScan Magnification='20'/></Metadata>"
VENDORS = {
    "aperio": {"description": "Aperio Image Library v11\r\n"},
    "hamamatsu": {"extratags": [(65420, "I", 1, 1, True)]},
    "huron": {"extratags": [(271, "s", 0, "Huron Digital Pathology", True)]},
    "leica": {
        "description": '<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"/>',
    },
    "philips": {
        "description": '<DataObject ObjectType="DPUfsImport"/>',
        "software": "Philips DP v1.0",
    },
    "trestle": {"description": "Objective Power=20;", "software": "MedScan 1.0"},
    "ventana": {"extratags": [(700, "B", len(XMP), XMP, True)]},
    "generic-tiff": {"description": "of a microscope", "software": "tifffile"},
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_vendors_are_those_that_openslide_tells(tmp_path, image, vendor):
    path = tmp_path / "a.tif"
    options = {"photometric": "rgb", "tile": (256, 256), "metadata": None} | VENDORS[vendor]
    tifffile.imwrite(path, image, **options)
    assert openslide.OpenSlide.detect_format(path) == vendor
    with tifffile.TiffFile(path) as tiff:
        assert (vendor_of(tiff.pages[0]) or "generic-tiff") == vendor
