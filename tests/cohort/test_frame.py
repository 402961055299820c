from types import SimpleNamespace

import pytest
import tifffile
from cohort_files import ALL_CLASSES, HEIGHT, MPP, WIDTH, write_outlines, write_pair

from carcinomap.annotation import SlideFrame
from carcinomap.cohort import Case, frame_of
from carcinomap.errors import InputError

OFFSET = ("hamamatsu.XOffsetFromSlideCentre", "hamamatsu.YOffsetFromSlideCentre")


def frame(properties, bounds=(0, 0)):
    slide = SimpleNamespace(
        width=4000, height=3000, mpp=0.5, properties=properties, bounds_origin=bounds
    )
    return frame_of(slide)


def test_plain_slide():
    assert frame({}) == SlideFrame(4000, 3000, 0.5, (0, 0), None)


def test_bounds_and_offset():
    found = frame(dict(zip(OFFSET, ("-15000000", "2500000.5"), strict=True)), (120, 80))
    assert found.bounds == (120, 80)
    assert found.glass_offset_nm == (-15_000_000, 2_500_000.5)


@pytest.mark.parametrize("x", ["", "none", "nan", "-inf"])
def test_nonsense_is_no_offset(x):
    assert frame(dict(zip(OFFSET, (x, "80"), strict=True))).glass_offset_nm is None
    assert frame({OFFSET[0]: "1"}).glass_offset_nm is None


def test_case_tells_the_reader_of_its_slide(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "carcinomap.cohort.case.read_annotations", lambda path, context: seen.append(context)
    )
    case = Case(tmp_path / "a.svs", write_pair(tmp_path), even_odd_holes=True)
    case.read_annotations()
    with case.open_slide() as slide:
        case.read_annotations(slide)
    assert seen[0] == seen[1]
    assert seen[0].frame == SlideFrame(WIDTH, HEIGHT, MPP)
    assert seen[0].even_odd_holes


def test_slide_without_mpp_does_for_most_annotations(tmp_path):
    image = tmp_path / "a.tif"
    tifffile.imwrite(image, shape=(512, 512, 3), dtype="u1", tile=(128, 128), photometric="rgb")
    case = Case(image, write_outlines(tmp_path / "a.xml", *ALL_CLASSES))
    assert len(case.read_annotations()) == len(ALL_CLASSES)


def test_slide_that_is_none(tmp_path):
    (tmp_path / "a.svs").write_text("nothing")
    case = Case(tmp_path / "a.svs", write_outlines(tmp_path / "a.xml", *ALL_CLASSES))
    with pytest.raises(InputError, match=r"a\.svs: not a slide"):
        case.read_annotations()


def test_case_without_annotation(tmp_path):
    assert len(Case(tmp_path / "absent.svs").read_annotations()) == 0
