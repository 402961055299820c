import subprocess
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.annotation import ClassScheme
from carcinomap.annotation.scheme import TissueClass
from carcinomap.segmentation import NOT_MAPPED
from carcinomap.segmentation.results import overview
from carcinomap.segmentation.results.overview import COLUMN, MARGIN, draw_overview, overlay

CLASSES = ClassScheme.default()
AREAS = dict(zip(CLASSES.names, (1234.5, 0.0, 0.0107, 0.0000104), strict=True))
PINK = (230, 180, 200)


def scheme(*names: str) -> ClassScheme:
    return ClassScheme(tuple(TissueClass(name, "#0000ff") for name in names))


def drawn(
    path: Path,
    height: int = 300,
    width: int = 500,
    classes: ClassScheme = CLASSES,
    title: str = "a.svs",
    areas: dict[str, float] | None = None,
) -> np.ndarray:
    """The picture of a slide of one colour without any class, and its legend."""
    thumbnail = np.full((height, width, 3), PINK, np.uint8)
    areas = areas or dict.fromkeys(classes.names, 1.5)
    draw_overview(path, thumbnail, np.zeros((9, 9), np.uint8), 2.0, classes, areas, title)
    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


@given(st.integers(0, 2**32 - 1), *[st.integers(1, 70)] * 4)
@settings(max_examples=60)
def test_colours_are_mixed_as_the_formula_says(
    seed: int, height: int, width: int, rows: int, columns: int
) -> None:
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    labels = random.choice(np.array([0, 1, 2, 3, NOT_MAPPED], np.uint8), (rows, columns))
    y = ((np.arange(height) + 0.5) * rows / height).astype(int)
    x = ((np.arange(width) + 0.5) * columns / width).astype(int)
    stretched = np.pad(labels[np.ix_(y, x)], 1, mode="edge")
    middle = stretched[1:-1, 1:-1]
    around = (stretched[:-2, 1:-1], stretched[2:, 1:-1], stretched[1:-1, :-2], stretched[1:-1, 2:])
    strength = np.where(np.any([middle != side for side in around], axis=0), 1.0, 0.4)
    strength[(middle == 0) | (middle == NOT_MAPPED)] = 0
    colours = np.array([*CLASSES.colours_rgb, (0, 0, 0)])[np.minimum(middle, 4)]
    expected = image + (colours - image.astype(float)) * strength[..., None]
    before = image.copy()
    found = overlay(image, labels, CLASSES.colours_rgb)
    assert np.abs(found - expected).max() <= 1
    np.testing.assert_array_equal(image, before)


def test_the_legend_stands_beside_the_slide(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "a.png", areas=AREAS)
    assert picture.shape == (300, 500 + COLUMN, 3)
    assert (picture[:200, :500] == PINK).all()
    legend = picture[:, 500:]
    swatches = legend[:, MARGIN + 12]
    for index, colour in enumerate(CLASSES.colours_rgb):
        assert (swatches == colour).all(axis=1).sum() >= 2  # upper and lower edge
        if index:
            tint = np.rint(255 + 0.4 * (np.array(colour) - 255))
            assert (swatches == tint).all(axis=1).sum() > 15
    assert drawn(tmp_path / "b.png", 2000, 1, areas=AREAS).shape == (2000, 1 + COLUMN, 3)


def test_the_scale_bar_is_as_long_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(overview, "bar_text", lambda microns: asked.append(microns) or "µm")
    picture = drawn(tmp_path / "a.png")[:, :500]
    black = (picture == 0).all(axis=2).sum(axis=1)
    assert asked == [200]
    assert (black == 200 / 2.0).sum() == 4


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2000), (2000, 3), (63, 63), (64, 64)])
def test_slides_of_any_shape_are_drawn(tmp_path: Path, height: int, width: int) -> None:
    picture = drawn(tmp_path / "a.png", height, width)
    assert picture.shape[1] == width + COLUMN
    assert picture.shape[0] == max(height, 265)
    has_bar = (picture[:height, :width] != PINK).any()
    assert has_bar == (min(height, width) >= 64)


def test_many_classes_stand_in_columns(tmp_path: Path) -> None:
    classes = scheme(*(f"class {number}" for number in range(254)))
    picture = drawn(tmp_path / "a.png", 1630, 2000, classes)
    columns, rest = divmod(picture.shape[1] - 2000, COLUMN)
    assert (picture.shape[0], rest) == (1630, 0)
    blue = (picture[:, 2000:] == (0, 0, 255)).all(axis=2)
    upper_edges = sum(
        (np.diff(blue[:, column * COLUMN + MARGIN + 12].astype(int)) == 1).sum()
        for column in range(columns)
    )
    assert upper_edges == 2 * 254
    assert drawn(tmp_path / "b.png", 50, 50, classes).shape[0] < 1000


LONG = [
    "W" * 1_000_000,
    "i" * 60,
    "e" + "\N{COMBINING ACUTE ACCENT}" * 5000,
    "two\nlines\tand $x_1^2$ \x00 \udcff \N{GRINNING FACE} " * 3,
    "مرحبا" * 20,
]


@pytest.mark.parametrize("name", LONG, ids=range(len(LONG)))
def test_what_does_not_fit_is_cut(tmp_path: Path, name: str) -> None:
    picture = drawn(tmp_path / "a.png", classes=scheme("other", name), title=name)
    short = drawn(tmp_path / "b.png", classes=scheme("other", "b"), title="b")
    assert picture.shape == short.shape
    assert (picture[:, -MARGIN + 2 :] == 255).all()
    assert (picture != short).any()


def test_letters_of_names_and_units_are_in_the_font() -> None:
    font: Any = overview._font(15)
    missing = bytes(font.getmask("\N{GRINNING FACE}"))
    for letter in "µ²…×–äößéèñçřšžłőąαβД":
        assert bytes(font.getmask(letter)) != missing
    accent = "e\N{COMBINING ACUTE ACCENT}"
    assert overview._fitted(accent, font, 100) == "é"


def test_without_the_font_there_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overview._font.cache_clear()
    monkeypatch.setattr(overview, "FONT", "matplotlib/no such font.ttf")
    try:
        picture = drawn(tmp_path / "a.png", title="é²")
    finally:
        overview._font.cache_clear()
    assert (picture[:, 500:].min(axis=2) < 50).sum() > 500


def test_the_same_picture_has_the_same_bytes(tmp_path: Path) -> None:
    drawn(tmp_path / "a.png")
    drawn(tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_areas_are_written_without_powers_of_ten() -> None:
    assert [overview._rounded(area) for area in AREAS.values()] == [
        "1230",
        "0",
        "0.0107",
        "0.0000104",
    ]


def test_no_plotting_library_is_imported(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
import numpy as np
from carcinomap.annotation import ClassScheme
from carcinomap.segmentation.results.overview import draw_overview

classes, image = ClassScheme.default(), np.zeros((99, 99, 3), np.uint8)
areas = dict.fromkeys(classes.names, 1.0)
draw_overview(Path(sys.argv[1]), image, image[..., 0], 1.0, classes, areas, "a")
assert "matplotlib.figure" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.png"], check=True)
