import pytest

from carcinomap.cohort import read_cohort
from carcinomap.cohort.reading import survey
from carcinomap.errors import InputError


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_folder_of_pairs(tmp_path):
    touch(tmp_path, "b.svs", "b.xml", "a.svs", "a.xml", "sub/c.SVS", "sub/c.xml", "notes.txt")
    cohort = read_cohort(tmp_path)
    assert [case.name for case in cohort.cases] == ["a", "b", "c"]
    assert [case.annotation.name for case in cohort.cases] == ["a.xml", "b.xml", "c.xml"]
    assert cohort.patients() == ("a", "b", "c")
    assert cohort.notes == ()


def test_slides_without_annotation_are_told(tmp_path):
    cohort = read_cohort(touch(tmp_path, "a.svs", "b.svs", "b.xml"))
    assert [case.annotation for case in cohort.cases] == [None, tmp_path / "b.xml"]
    assert cohort.notes == (f"{tmp_path / 'a.svs'}: no annotation",)
    touch(tmp_path, *(f"{n}.svs" for n in range(9)))
    assert read_cohort(tmp_path).notes == ("no annotation: 10 slides (0, 1, 2, 3, 4 …)",)


def test_annotations_that_lie_apart(tmp_path):
    touch(tmp_path, "slides/a.svs", "outlines/deep/a.xml")
    cohort = read_cohort(tmp_path / "slides", tmp_path / "outlines")
    assert cohort.cases[0].annotation == tmp_path / "outlines/deep/a.xml"
    with pytest.raises(InputError, match="no such folder"):
        read_cohort(tmp_path / "slides", tmp_path / "nowhere")


def test_hidden_files_and_own_outputs_are_passed_over(tmp_path):
    touch(tmp_path, "a.svs", "._a.svs", ".cache/b.svs", "maps/a.ome.tif")
    (tmp_path / "maps/a.json").write_text('{"slide": "a", "model": "m", "tissue_mm2": 1}')
    assert [case.slide for case in read_cohort(tmp_path).cases] == [tmp_path / "a.svs"]


def test_two_slides_of_one_name(tmp_path):
    with pytest.raises(InputError, match="second slide of this name"):
        read_cohort(touch(tmp_path, "one/a.svs", "two/a.svs"))


def test_one_slide(tmp_path):
    touch(tmp_path, "a.svs", "a.xml", "b.svs")
    cohort = read_cohort(tmp_path / "a.svs")
    assert [(case.name, case.annotation) for case in cohort.cases] == [("a", tmp_path / "a.xml")]


@pytest.mark.parametrize("make", [lambda p: p / "absent", lambda p: p])
def test_nothing_to_read(tmp_path, make):
    with pytest.raises(InputError, match="no "):
        read_cohort(make(tmp_path))


@pytest.mark.parametrize("name", ["cohort.csv", "patients.csv"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_table_inside_the_folder(tmp_path, name, separator):
    touch(tmp_path, "a.svs", "a.xml", "b.svs", "b.xml", "c.svs", "c.xml")
    rows = ["slide,patient,grade,split,mpp", "a.svs,P1,x,train,0.5", "b,P2,y,,", "", "z,P3,,,"]
    text = "\n".join(rows).replace(",", separator)
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    cohort = read_cohort(tmp_path)
    a, b, c = cohort.cases
    assert (a.patient, a.split, a.mpp) == ("P1", "train", 0.5)
    assert (b.patient, b.split, b.mpp) == ("P2", "", None)
    assert c.patient == "c"
    assert any("line 5" in note and "'z'" in note for note in cohort.notes)
    assert any("no line for slide c" in note for note in cohort.notes)


def test_table_by_itself(tmp_path):
    touch(tmp_path, "deep/a.svs", "deep/a.xml", "b.svs", "other/b.xml")
    (tmp_path / "list.csv").write_text("slide,annotation\na,\nb.svs,other/b.xml\n")
    cohort = read_cohort(tmp_path / "list.csv")
    assert [case.annotation for case in cohort.cases] == [
        tmp_path / "deep/a.xml",
        tmp_path / "other/b.xml",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\na.svs\n", "line 1: no column named 'slide'"),
        ("slide,split\na.svs,training\n", "line 2: split 'training' is none of train, val, test"),
        ("slide,mpp\na.svs,0\n", "line 2: mpp '0' is not a positive number"),
        ("slide,mpp\na.svs,fine\n", "line 2: mpp 'fine'"),
        ("slide,mpp\na.svs,1e-8\n", "line 2: mpp '1e-8' is less than 0.01 microns per pixel"),
        ("slide,patient\na.svs\n", "line 2: 1 fields where the header has 2"),
        ("slide,patient\na.svs,1\n\na.svs,2\n", "line 4: slide 'a.svs' stands in line 2 too"),
        ("slide,patient\n,1\n", "line 2: the slide's name is missing"),
        ("slide\nabsent.svs\n", "line 2: no such slide"),
        ("slide,annotation\na.svs,no.xml\n", "line 2: no such annotation: no.xml"),
        ("slide\n", "without a line"),
        ("", "no column named 'slide'"),
    ],
)
def test_mistakes_in_a_table_name_the_line(tmp_path, text, message):
    touch(tmp_path, "a.svs")
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError) as error:
        read_cohort(tmp_path / "list.csv")
    assert message in str(error.value)


def test_all_mistakes_are_found_at_once(tmp_path):
    touch(tmp_path, "a.svs", "b.svs", "c.svs", "one/d.svs", "two/d.svs")
    rows = ["slide,split,mpp", "a,training,1", "b,val,-1", "c,test", "d,val,1", "d,val,1"]
    (tmp_path / "cohort.csv").write_text("\n".join(rows))
    found = survey(tmp_path)
    cohort, findings = found.cohort, found.findings
    errors = [one for one in findings if one.severity == "error"]
    assert [one.kind for one in errors] == ["table"] * 4 + ["two slides of one name"]
    assert [case.name for case in cohort.cases] == ["a", "b", "c", "d"]
    assert [case.split for case in cohort.cases] == ["", "", "", "val"]
    with pytest.raises(InputError, match=r"split 'training'.* \(and 4 more; carcinomap check"):
        read_cohort(tmp_path)


def test_table_that_is_none(tmp_path):
    touch(tmp_path, "a.svs")
    (tmp_path / "cohort.csv").write_text("name\na\n")
    found = survey(tmp_path)
    cohort, findings = found.cohort, found.findings
    assert [case.name for case in cohort.cases] == ["a"]
    assert "no column named 'slide'" in findings[0].message
    with pytest.raises(InputError, match="no column named 'slide'"):
        read_cohort(tmp_path)


def test_even_odd_holes_reach_every_case(tmp_path):
    touch(tmp_path, "a.svs", "b.svs")
    assert all(case.even_odd_holes for case in read_cohort(tmp_path, even_odd_holes=True).cases)
    assert not any(case.even_odd_holes for case in read_cohort(tmp_path).cases)


@pytest.mark.parametrize("text", ["slide\nMüller.svs\n", "slide,Fällung\na.svs,\n"])
def test_table_in_another_encoding(tmp_path, text):
    touch(tmp_path, "a.svs", "Müller.svs")
    (tmp_path / "list.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        read_cohort(tmp_path / "list.csv")


def test_a_slide_whose_name_is_no_unicode_is_found_by_its_bytes(tmp_path):
    touch(tmp_path, "a.svs", "M\udcfcller.svs")
    (tmp_path / "list.csv").write_bytes(b"slide,patient\na.svs,1\nM\xfcller.svs,\n")
    assert [case.patient for case in read_cohort(tmp_path / "list.csv").cases] == [
        "M\udcfcller", "1",
    ]  # fmt: skip


def test_real_cohort(real_data):
    cohort = read_cohort(real_data / "glas")
    assert len(cohort.cases) == 110
    assert cohort.notes == ()
    assert len(cohort.patients()) == 11
    assert all(case.annotation is not None for case in cohort.cases)
