import json

import cv2
import numpy as np
import pytest
import tifffile

from carcinomap.cohort import read_cohort
from carcinomap.cohort.names import bare_name, hint
from carcinomap.cohort.reading import survey
from carcinomap.errors import InputError

XML = "<Annotations/>"


def write(folder, *names, text=XML):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if path.suffix.lower() == ".svs" else text)
    return folder


def annotations_of(folder, apart=None):
    cases = read_cohort(folder, apart).cases
    return {case.name: case.annotation and case.annotation.name for case in cases}


def write_mask(path):
    cv2.imwrite(str(path), np.zeros((30, 40), np.uint8))


def write_picture(path):
    cv2.imwrite(str(path), np.zeros((30, 40, 3), np.uint8))


@pytest.mark.parametrize(
    "name", ["a.xml", "a.XML", "a.svs.xml", "a.asap.xml", "a.geojson", "a.svs.geojson", "a.ndpa"]
)
def test_names_of_outlines(tmp_path, name):
    write(tmp_path, "a.svs", "b.svs", name)
    assert annotations_of(tmp_path) == {"a": name, "b": None}


@pytest.mark.parametrize(
    "name",
    ["a.png", "a_mask.png", "a_label.png", "a_labels.png", "a_labels.tif", "a_mask.ome.tif"],
)
def test_names_of_label_images(tmp_path, name):
    write(tmp_path, "slides/a.svs", "slides/b.svs", "apart/none")
    write_mask(tmp_path / "apart" / name)
    found = annotations_of(tmp_path / "slides", tmp_path / "apart")
    assert found == {"a": name, "b": None}


@pytest.mark.parametrize(
    ("slide", "annotation"),
    [("Case 1.svs", "case 1.xml"), ("A.svs", " a .xml"), ("Mu\u0308ller.svs", "Müller.xml")],
)
def test_names_that_are_nearly_the_same(tmp_path, slide, annotation):
    write(tmp_path, slide, annotation)
    cohort = read_cohort(tmp_path)
    assert cohort.cases[0].annotation == tmp_path / annotation
    assert "not quite the same" in cohort.notes[0]


def test_exact_name_wins(tmp_path):
    write(tmp_path, "a.svs", "a.xml", "A.geojson")
    assert annotations_of(tmp_path) == {"a": "a.xml"}


def test_what_is_another_slides_is_not_taken(tmp_path):
    write(tmp_path, "a.svs", "A.svs", "A.xml")
    assert annotations_of(tmp_path) == {"A": "A.xml", "a": None}


def test_names_that_only_begin_alike_are_others(tmp_path):
    write(tmp_path, "a.svs", "a1.svs", "a1.xml", "a_1.svs", "a_1.xml", "a.1.svs", "a.1.xml")
    assert annotations_of(tmp_path) == {
        "a": None, "a1": "a1.xml", "a_1": "a_1.xml", "a.1": "a.1.xml"
    }  # fmt: skip


def test_beside_comes_before_elsewhere(tmp_path):
    write(tmp_path, "one/a.svs", "one/a.xml", "two/a.geojson")
    assert annotations_of(tmp_path) == {"a": "a.xml"}


@pytest.mark.parametrize("other", ["a.geojson", "a.svs.xml", "a_mask.png"])
def test_several_are_an_error_that_names_them(tmp_path, other):
    write(tmp_path, "a.svs", "a.xml")
    if other.endswith("png"):
        write_mask(tmp_path / other)
    else:
        write(tmp_path, other)
    with pytest.raises(InputError) as error:
        read_cohort(tmp_path)
    assert str(tmp_path / "a.xml") in str(error.value)
    assert str(tmp_path / other) in str(error.value)


def test_a_line_of_the_table_decides_between_several(tmp_path):
    write(tmp_path, "a.svs", "a.xml", "a.geojson")
    (tmp_path / "cohort.csv").write_text("slide,annotation\na,a.geojson\n")
    assert annotations_of(tmp_path) == {"a": "a.geojson"}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.json", '{"any": "thing"}', "JSON"),
        ("a.xml", "<Metadata><x/></Metadata>", "<Metadata>"),
    ],
)
def test_other_contents_are_passed_over_and_told(tmp_path, name, text, reason):
    write(tmp_path, "a.svs", "a.svs.xml")
    write(tmp_path, name, text=text)
    cohort = read_cohort(tmp_path)
    assert cohort.cases[0].annotation == tmp_path / "a.svs.xml"
    assert len(cohort.notes) == 1
    assert name in cohort.notes[0]
    assert reason in cohort.notes[0]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_pictures_are_no_label_images(tmp_path, suffix):
    write(tmp_path, "a.svs")
    masks = tmp_path / "masks"
    masks.mkdir()
    write_picture(masks / f"a{suffix}")
    cohort = read_cohort(tmp_path / "a.svs", masks)
    assert cohort.cases[0].annotation is None
    assert "colour picture" in cohort.notes[0]


def test_a_mask_is_taken_at_its_word(tmp_path):
    """Some programs store the values in three channels alike; reading tells."""
    write(tmp_path, "a.svs")
    write_picture(tmp_path / "a_mask.png")
    assert annotations_of(tmp_path) == {"a": "a_mask.png"}


def test_palette_images_are_label_images(tmp_path):
    write(tmp_path, "a.svs")
    palette = np.zeros((3, 256), np.uint16)
    image = np.zeros((30, 40), np.uint8)
    masks = tmp_path / "masks"
    masks.mkdir()
    tifffile.imwrite(masks / "a.tif", image, photometric="palette", colormap=palette)
    assert read_cohort(tmp_path / "a.svs", masks).cases[0].annotation == masks / "a.tif"


@pytest.mark.parametrize("content", ["", "<Annotations><Annotation", "\0\1\2", "II*\0junk"])
@pytest.mark.parametrize("suffix", [".xml", ".geojson", ".png"])
def test_broken_files_are_not_passed_over(tmp_path, content, suffix):
    """Reading says what is wrong; passed over, the slide would count as not annotated."""
    write(tmp_path, "a.svs")
    write(tmp_path, f"a{suffix}", text=content)
    assert annotations_of(tmp_path) == {"a": f"a{suffix}"}


def test_files_that_cannot_be_opened_are_not_passed_over(tmp_path, monkeypatch):
    write(tmp_path, "a.svs", "a.xml", "maps/a.geojson", "maps/a.json")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert annotations_of(tmp_path) == {"a": "a.xml"}


def test_second_slides_of_a_name_are_no_label_images(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "a.tif", np.zeros((30, 40), np.uint8))
    found = survey(tmp_path)
    assert [case.annotation for case in found.cohort.cases] == [None]
    assert {one.kind for one in found.findings} == {"two slides of one name", "no annotation"}
    assert not list(found.unmatched())


def test_own_outputs_are_never_truth(tmp_path):
    write(tmp_path, "a.svs", "maps/a.geojson", "maps/a.ome.tif")
    write_mask(tmp_path / "maps" / "a.png")
    record = {"slide": "a", "model": "m", "tissue_mm2": 1.0, "classes": {}}
    (tmp_path / "maps" / "a.json").write_text(json.dumps(record))
    found = survey(tmp_path)
    cohort, findings = found.cohort, found.findings
    assert [case.annotation for case in cohort.cases] == [None]
    assert [one.kind for one in findings] == ["no annotation"]
    for other in ('{"slide": 1}', "[" * 100_000, "\0"):
        (tmp_path / "maps" / "a.json").write_text(other)
        with pytest.raises(InputError, match="several annotations"):
            read_cohort(tmp_path / "a.svs", tmp_path / "maps")


def test_annotations_of_no_slide(tmp_path):
    write(tmp_path, "slide-10.svs", "slide-11.svs", "slide-11.xml", "slide-l0.xml", "other.xml")
    write(tmp_path, "run.json", text="{}")
    unmatched = list(survey(tmp_path).unmatched())
    assert [one.file.name for one in unmatched] == ["other.xml", "slide-l0.xml"]
    assert "did you mean" not in unmatched[0].message
    assert "did you mean 'slide-10'?" in unmatched[1].message


def test_lines_of_no_slide(tmp_path):
    write(tmp_path, "slide-10.svs")
    for name in ("cohort.csv", "list.csv"):
        (tmp_path / name).write_text("slide\nslide_10\nslide-10\n")
    for path, severity in ((tmp_path, "warning"), (tmp_path / "list.csv", "error")):
        found = survey(path)
        assert len(found.cohort.cases) == 1
        (one,) = (one for one in found.findings if one.kind == "line without slide")
        assert one.severity == severity
        assert "line 2" in one.message
        assert "did you mean 'slide-10'?" in one.message


def test_shorter_names_are_hinted_at():
    names = ["TCGA-3C-AALI-01Z-00-DX1.F6E9A5DF-D8FB-45CF", "TCGA-3C-AALJ-01Z-00-DX1.777C0957"]
    assert names[0] in hint("TCGA-3C-AALI-01Z-00-DX1", names)
    assert hint("unlike", names) == ""


def test_many_files_are_not_looked_into(tmp_path, monkeypatch):
    write(tmp_path, "a.svs", "a.xml", *(f"tiles/{n}.xml" for n in range(50)))
    looked = []
    monkeypatch.setattr(
        "carcinomap.cohort.pairing.why_no_annotation", lambda file: looked.append(file.name)
    )
    read_cohort(tmp_path / "a.svs")
    assert looked == ["a.xml"]


def test_bare_names(tmp_path):
    for name in ("x.1.svs", "x.1.svs.xml", "x.1_mask.ome.tif", "x.1_LABELS.PNG", "x.1.asap.xml"):
        assert bare_name(tmp_path / name) == "x.1"
