import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.errors import InputError
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.planes import Channel, Planes
from carcinomap.segmentation.results.pyramid import level_sizes

VALIDATE = find_spec("lxml") is not None  # against the schema, besides ome-types' own model
CHANNELS = (Channel("normal", "#b3b3b3"), Channel('in <situ> & "µ"', "#56b4e9"))
WIDTH, HEIGHT = 1290, 777
RANDOM = np.random.default_rng(7)
VALUES = np.kron(RANDOM.random((2, 32, 48)), np.ones((1, 32, 32))).astype(np.float32)
MAPPED = np.zeros(VALUES.shape[1:], bool)
MAPPED[:HEIGHT, :WIDTH] = True
MAPPED[200:600, 230:800] = False  # two cells as a whole, and parts of others
EXPECTED = (np.rint(VALUES * np.float32(255)) * MAPPED).astype(np.uint8)[:, :HEIGHT, :WIDTH]
CELLS = [(row, column) for row in range(-(-HEIGHT // CELL)) for column in range(-(-WIDTH // CELL))]


def create(path: Path) -> Planes:
    return Planes.create(path, WIDTH, HEIGHT, 0.9, CHANNELS, "memory")


def write(planes: Planes, row: int, column: int) -> None:
    rows, columns = (slice(at * CELL, (at + 1) * CELL) for at in (row, column))
    planes.write(row, column, VALUES[:, rows, columns], MAPPED[rows, columns])


def write_all(path: Path, cells: Any = CELLS) -> Path:
    planes = create(path)
    for row, column in cells:
        write(planes, row, column)
    planes.finish()
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_all(tmp_path_factory.mktemp("planes") / "memory.ome.zarr")


def test_it_reads_back_as_written(folder: Path) -> None:
    planes = Planes.open(folder)
    assert (planes.width, planes.height, planes.mpp) == (WIDTH, HEIGHT, 0.9)
    assert planes.channels == CHANNELS
    np.testing.assert_array_equal(planes.window(0, 0, WIDTH, HEIGHT), EXPECTED)


@settings(deadline=None)
@given(st.integers(-400, 1500), st.integers(-400, 1100), st.integers(0, 900), st.integers(0, 900))
def test_any_window_is_the_crop_of_the_whole(
    folder: Path, x: int, y: int, width: int, height: int
) -> None:
    padded = np.pad(EXPECTED, ((0, 0), (2000, 2000), (2000, 2000)))
    found = Planes.open(folder).window(x, y, width, height)
    expected = padded[:, y + 2000 : y + 2000 + height, x + 2000 : x + 2000 + width]
    np.testing.assert_array_equal(found, expected)


def test_zarr_reads_every_level_and_coarser_ones_are_means(folder: Path) -> None:
    group = zarr.open_group(folder, mode="r")
    (image,) = group.attrs["multiscales"]
    sizes = level_sizes(WIDTH, HEIGHT)
    levels = [np.asarray(group[one["path"]][:]) for one in image["datasets"]]
    assert [level.shape for level in levels] == [(2, height, width) for width, height in sizes]
    np.testing.assert_array_equal(levels[0], EXPECTED)
    for finer, coarser in pairwise(levels):
        even = np.pad(finer, ((0, 0), (0, finer.shape[1] % 2), (0, finer.shape[2] % 2)))
        blocks = even.reshape(2, even.shape[1] // 2, 2, even.shape[2] // 2, 2)
        np.testing.assert_array_equal(coarser, np.floor(blocks.mean(axis=(2, 4)) + 0.5))


def test_a_point_of_the_slide_is_at_the_same_place_in_every_level(folder: Path) -> None:
    attributes = zarr.open_group(folder, mode="r").attrs
    (image,) = attributes["multiscales"]
    assert image["version"] == "0.4"
    assert [axis["name"] for axis in image["axes"]] == ["c", "y", "x"]
    assert [axis.get("unit") for axis in image["axes"]] == [None, "micrometer", "micrometer"]
    for number, dataset in enumerate(image["datasets"]):
        scale, shift = (np.array(one[one["type"]]) for one in dataset["coordinateTransformations"])
        # A pixel's corner is half a pixel from its centre, to which coordinates refer.
        np.testing.assert_allclose((scale * -0.5 + shift)[1:], -0.45)
        np.testing.assert_allclose(scale, [1, 0.9 * 2**number, 0.9 * 2**number])
        assert shift[0] == 0


def test_viewers_are_told_names_and_colours(folder: Path) -> None:
    omero = zarr.open_group(folder, mode="r").attrs["omero"]
    assert [one["label"] for one in omero["channels"]] == [one.name for one in CHANNELS]
    assert [one["color"] for one in omero["channels"]] == ["b3b3b3", "56b4e9"]
    assert all(one["window"]["start"] == 0 for one in omero["channels"])
    assert all(one["window"]["end"] == 255 for one in omero["channels"])


def test_bio_formats_is_told_too(folder: Path) -> None:
    text = (folder / "OME" / "METADATA.ome.xml").read_text(encoding="utf-8")
    (image,) = ome_types.from_xml(text, validate=VALIDATE).images
    pixels = image.pixels
    assert (pixels.size_x, pixels.size_y, pixels.size_c) == (WIDTH, HEIGHT, 2)
    assert (pixels.physical_size_x, pixels.physical_size_x_unit.value) == (0.9, "µm")
    assert [one.name for one in pixels.channels] == [one.name for one in CHANNELS]
    assert [one.color.as_rgb_tuple() for one in pixels.channels] == [
        (0xB3, 0xB3, 0xB3),
        (0x56, 0xB4, 0xE9),
    ]


def test_cells_without_anything_mapped_are_no_files(folder: Path) -> None:
    files = {file.relative_to(folder / "0" / "0") for file in (folder / "0" / "0").rglob("*/*")}
    assert files == {Path(str(row), str(column)) for row, column in CELLS} - {
        Path("1/1"),
        Path("1/2"),
    }


def test_threads_and_order_do_not_change_a_byte(folder: Path, tmp_path: Path) -> None:
    planes = create(tmp_path / "other.ome.zarr")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda cell: write(planes, *cell), reversed(CELLS)))
    planes.finish()
    assert contents(planes.path) == contents(folder)


def test_a_killed_run_that_goes_on_ends_with_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    path = write_all(tmp_path / "killed.ome.zarr", CELLS[:7])
    half = path / "0" / "0" / "1" / "0"
    half.write_bytes(half.read_bytes()[:100])
    coarse = path / "1" / "0" / "0" / "0"
    coarse.write_bytes(coarse.read_bytes()[:50])
    (path / ".zattrs").write_text("{", encoding="utf-8")
    planes = create(path)
    for cell in CELLS[6:]:  # the last one again
        write(planes, *cell)
    Planes.open(path).finish()
    assert contents(path) == contents(folder)


def test_an_image_of_nothing_and_one_of_a_pixel_are_images(tmp_path: Path) -> None:
    empty = Planes.create(tmp_path / "a.ome.zarr", 5000, 3000, 1.0, CHANNELS, "x")
    empty.finish()
    assert not Planes.open(empty.path).window(4000, 2000, 2000, 2000).any()
    one = Planes.create(tmp_path / "b.ome.zarr", 1, 1, 1.0, CHANNELS[:1], "x")
    mapped = np.zeros((CELL, CELL), bool)
    mapped[0, 0] = True
    one.write(0, 0, np.full((1, CELL, CELL), 0.5, np.float32), mapped)
    one.finish()
    assert np.asarray(zarr.open_group(one.path, mode="r")["0"][:]).tolist() == [[[128]]]


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy.ome.zarr"))


def change(file: Path, *place: Any, to: Any) -> None:
    """Set what stands at a place of a JSON file."""
    value = json.loads(file.read_text(encoding="utf-8"))
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = to
    file.write_text(json.dumps(value), encoding="utf-8")


SCALE = ("multiscales", 0, "datasets", 0, "coordinateTransformations", 0, "scale")


@pytest.mark.parametrize(
    ("file", "place", "to"),
    [
        (".zattrs", ("carcinomap",), None),
        (".zattrs", ("multiscales",), []),
        (".zattrs", ("omero", "channels"), []),
        (".zattrs", ("omero", "channels", 0, "color"), "red"),
        (".zattrs", (*SCALE, 2), 0),
        (".zattrs", (*SCALE, 2), float("nan")),
        (".zattrs", (*SCALE, 2), 10**400),
        (".zattrs", (*SCALE, 2), "x" * 5000),
        (".zattrs", SCALE, 5),
        ("0/.zarray", ("shape",), [2, 10**12, 10**12]),
        ("0/.zarray", ("shape",), [2, 777.0, 1290.0]),
        ("0/.zarray", ("shape",), [2, 777, -1]),
        ("0/.zarray", ("shape",), [777, 1290]),
        ("0/.zarray", ("chunks",), [2, 2**20, 2**20]),
        ("0/.zarray", ("dtype",), "|O"),
        ("0/.zarray", ("filters",), [{"id": "pickle"}]),
        ("0/.zarray", ("compressor",), {"id": "zlib", "level": 1}),
        ("0/.zarray", ("compressor",), None),
        ("0/.zarray", ("order",), "F"),
    ],
)
def test_metadata_that_cannot_be_is_refused(
    copy: Path, file: str, place: tuple[Any, ...], to: Any
) -> None:
    if to is None and len(place) == 1 and file == ".zattrs":
        (copy / file).write_text('{"multiscales": []}', encoding="utf-8")
    else:
        change(copy / file, *place, to=to)
    with pytest.raises(InputError, match="not an OME-Zarr image") as error:
        Planes.open(copy)
    assert str(copy) in str(error.value)
    assert len(str(error.value)) < 1000


def test_what_is_no_such_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Planes.open(tmp_path / "missing.ome.zarr")
    (tmp_path / "file.ome.zarr").write_bytes(b"")
    with pytest.raises(InputError, match="no such folder"):
        Planes.open(tmp_path / "file.ome.zarr")
    with pytest.raises(InputError, match=r"there is no \.zattrs"):
        Planes.open(tmp_path)
    for text in (b"", b"\xff\xfe", b"[" * 100_000, b"{}", b"7", b" " * 2_000_000):
        (tmp_path / ".zattrs").write_bytes(text)
        with pytest.raises(InputError, match="not an OME-Zarr image"):
            Planes.open(tmp_path)


def test_a_damaged_chunk_is_named(copy: Path) -> None:
    chunk = copy / "0" / "0" / "0" / "2"
    whole = chunk.read_bytes()
    for data in (b"", whole[:1000], b"x" * 10_000_000):
        chunk.write_bytes(data)
        with pytest.raises(InputError, match="damaged") as error:
            Planes.open(copy).window(0, 0, WIDTH, HEIGHT)
        assert str(chunk) in str(error.value)
        assert Planes.open(copy).window(0, 300, 100, 100).shape == (2, 100, 100)


def test_a_pipe_in_place_of_a_chunk_is_not_waited_for(copy: Path) -> None:
    chunk = copy / "0" / "0" / "0" / "2"
    chunk.unlink()
    os.mkfifo(chunk)
    assert not Planes.open(copy).window(2 * CELL, 0, CELL, CELL).any()


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_damage_is_an_input_error_or_still_readable(folder: Path, data: st.DataObject) -> None:
    broken = folder.with_name("broken.ome.zarr")
    if not broken.exists():
        shutil.copytree(folder, broken)
    file = broken / data.draw(st.sampled_from([".zattrs", "0/.zarray", "0/0/0/0", "0/0/2/3"]))
    whole = file.read_bytes()
    content = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    with suppress(InputError):
        assert Planes.open(broken).window(0, 0, WIDTH, HEIGHT).shape[1:] == (HEIGHT, WIDTH)
    file.write_bytes(whole)
