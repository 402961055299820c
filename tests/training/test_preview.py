import numpy as np
import pytest
from PIL import Image

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.cohort import read_cohort
from carcinomap.errors import InputError
from carcinomap.training import TrainingSettings
from carcinomap.training.augmentation import Variation
from carcinomap.training.augmentation.extremes import extremes
from carcinomap.training.preview import contact_sheet, write
from carcinomap.training.sheet import MARGIN, Panel, Row, draw_sheet, outlined

SCHEME = ClassScheme.default()
EFFECTS_OFF = {"rotation": 0, "stain": 0, "brightness": 0, "blur": 0, "jpeg": 0}


def sheet_of(folder, count=2, columns=3, **settings):
    chosen = TrainingSettings(patch=192, mpp=1.0, **settings)
    return contact_sheet(read_cohort(folder), SCHEME, chosen, count, columns)[0]


def panel(side=200, index=0):
    return Panel(np.full((side, side, 3), 120, np.uint8), np.full((side, side), index, np.uint8))


def test_rows_are_patches_and_columns_what_may_happen_to_them(made_slides):
    small, large = sheet_of(made_slides), sheet_of(made_slides, count=3, columns=5)
    assert large.width - small.width == 2 * (192 + 8)
    assert large.height - small.height > 192
    assert np.array_equal(np.asarray(small), np.asarray(sheet_of(made_slides)))
    assert not np.array_equal(np.asarray(small), np.asarray(sheet_of(made_slides, seed=1)))


def test_with_all_effects_off_the_patch_is_shown_as_it_is_read(made_slides):
    pixels = np.asarray(sheet_of(made_slides, count=1, columns=2, **EFFECTS_OFF))
    bottom, right = pixels.shape[0] - MARGIN, MARGIN + 2 * 192 + 8
    first, second = (
        pixels[bottom - 192 : bottom, left : left + 192] for left in (MARGIN, MARGIN + 192 + 8)
    )
    assert first.std() > 5
    assert np.array_equal(first, second)
    assert (pixels[bottom - 192 : bottom, right:] == 255).all()


def test_strongest_changes_are_one_effect_each_and_no_more_than_is_asked():
    found = extremes(Variation(rotation=30, stain=0.2, brightness=0.1, blur=0.1, jpeg=0.1))
    turned, *others = found.values()
    assert "turned 30°" in found
    assert float(turned.angle.rad2deg()) == pytest.approx(30)
    assert not any(one.angle.any() for one in others)
    assert found["more eosin"].stains.tolist() == [pytest.approx([0.8, 1.2, 1.0])]
    assert found["darker"].light.tolist() == [pytest.approx([0.9, 0.9, 0.9])]
    assert [one.sigma.item() for one in found.values()] == pytest.approx([0] * 5 + [1.5, 0])
    assert [one.quality.item() for one in found.values()] == [0] * 6 + [30]


def test_effects_that_are_off_have_no_column():
    assert extremes(Variation()) == {}
    assert list(extremes(Variation(brightness=0.1))) == ["darker", "brighter"]
    assert list(extremes(Variation(rotation=180))) == ["turned 45°"]


def test_an_outline_runs_inside_its_region_and_not_along_the_patch():
    one = panel()
    one.label[:100, :100] = 2
    one.label[150:] = IGNORE
    found = outlined(one, SCHEME)
    assert (found[95:100, 50] == 120).all(axis=1).tolist() == [True, True, False, False, False]
    assert tuple(found[99, 50]) == SCHEME.colours_rgb[2]
    assert (found[:90, :90] == 120).all()
    assert (found[100:150] == 120).all()
    assert (found[150:] > 200).all()


@pytest.mark.parametrize(("patch", "side"), [(64, 192), (128, 256), (256, 256), (1024, 384)])
def test_panels_have_a_readable_size(patch, side):
    one = panel(patch, 1)
    sheet = np.asarray(draw_sheet("", [Row("a", (one,), {})], SCHEME))
    assert (sheet[-MARGIN - side : -MARGIN, MARGIN : MARGIN + side] == 120).all()
    assert (sheet[-MARGIN:] == 255).all()


def test_any_name_can_be_written(recwarn):
    names = ["$x$^{", "切片", "a" * 500, "two\nlines", "%s{}\\"]
    classes = [{"name": f"{name} {i}", "color": "#123456"} for i, name in enumerate(names * 3)]
    scheme = ClassScheme.from_dict({"classes": classes})
    rows = [Row(name, (panel(index=i),), {}) for i, name in enumerate(names)]
    assert draw_sheet("$", rows, scheme).height > 5 * 200
    assert not recwarn.list


def test_file_is_of_the_kind_its_name_says(tmp_path):
    sheet = Image.new("RGB", (8, 8))
    for name, kind in (("a.png", "PNG"), ("b.JPG", "JPEG")):
        write(sheet, tmp_path / name)
        with Image.open(tmp_path / name) as opened:
            assert opened.format == kind
    with pytest.raises(InputError, match=r"ends with \.png"):
        write(sheet, tmp_path / "c.txt")


def test_real_slides(real_data, tmp_path):
    names = ["background", "benign gland", "malignant gland"]
    classes = [{"name": name, "color": "#d55e00"} for name in names]
    scheme = ClassScheme.from_dict({"classes": classes})
    table = tmp_path / "cohort.csv"
    files = [real_data / "glas" / f"testA_{number}" for number in (1, 10, 13)]
    lines = [f"{file}.svs,{file}.xml,{file.name}" for file in files]
    table.write_text("\n".join(["slide,annotation,patient", *lines]))
    settings = TrainingSettings(patch=192, mpp=0.62)
    sheet, _ = contact_sheet(read_cohort(table), scheme, settings, count=3, columns=2)
    pixels = np.asarray(sheet)[-MARGIN - 192 : -MARGIN, MARGIN : MARGIN + 192].astype(int)
    # Haematoxylin and eosin let more red and blue through than green.
    assert pixels[..., 1].mean() < pixels[..., [0, 2]].mean() - 10
