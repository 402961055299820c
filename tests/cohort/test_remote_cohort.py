"""Cohorts whose slides and annotations are elsewhere."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from carcinomap.cli.main import app
from carcinomap.cohort import check_cohort, read_cohort
from carcinomap.errors import InputError


@pytest.fixture
def elsewhere(bucket, made_slides, cache):
    """Return the address of the generated slides, with their annotations beside them."""
    for file in made_slides.iterdir():
        bucket.put(file, f"cohort/{file.name}")
    return "s3://slides/cohort/"


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def described(cohort):
    """Return what is the same wherever a cohort is."""
    return [
        (
            case.name,
            case.patient,
            case.split,
            case.annotation.name,
            case.read_annotations().labels(),
        )
        for case in cohort.cases
    ]


def test_a_folder_elsewhere(elsewhere, made_slides):
    near, far = read_cohort(made_slides), read_cohort(elsewhere)
    assert described(far) == described(near)
    assert all(str(case.slide).startswith(elsewhere) for case in far.cases)


def test_check_says_the_same(elsewhere, made_slides):
    near, far = check_cohort(made_slides), check_cohort(elsewhere)
    assert far.areas_mm2 == near.areas_mm2
    assert [one.kind for one in far.findings] == [one.kind for one in near.findings]
    assert far.safe


def test_a_table_that_names_addresses(elsewhere, made_slides, web, tmp_path):
    shutil.copy(made_slides / "slide-02.svs", tmp_path)
    (annotation,) = (f for f in made_slides.glob("slide-02.*") if f.suffix != ".svs")
    outlines = web.put(annotation, f"deep/{annotation.name}")
    lines = [
        "slide,annotation,patient",
        f"{elsewhere}slide-01.svs,,p1",
        f"slide-02.svs,{outlines},p2",
        f"{web.put(made_slides / 'slide-03.svs', 'slide-03.svs')},,p3",
    ]
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    cohort = read_cohort(tmp_path / "table.csv")
    assert [case.patient for case in cohort.cases] == ["p1", "p2", "p3"]
    near = next(case for case in read_cohort(made_slides).cases if case.name == "slide-02")
    assert cohort.cases[1].read_annotations().labels() == near.read_annotations().labels()
    for case in cohort.cases:
        with case.open_slide() as slide:
            assert slide.width == 1280


def test_a_table_elsewhere_names_what_lies_beside_it(elsewhere, bucket):
    address = bucket.put(b"slide,annotation\nslide-01.svs,other.xml\n", "cohort/table.csv")
    bucket.put(b"<nonsense", "cohort/other.xml")
    (case,) = read_cohort(address).cases
    assert str(case.slide) == f"{elsewhere}slide-01.svs"
    with pytest.raises(InputError, match=f"{elsewhere}other.xml"):
        case.read_annotations()


def test_an_annotation_that_is_not_there(elsewhere, tmp_path):
    (tmp_path / "table.csv").write_text(
        f"slide,annotation\n{elsewhere}slide-01.svs,{elsewhere}none.xml\n"
    )
    report = check_cohort(tmp_path / "table.csv")
    assert not report.safe
    assert any(
        f"{elsewhere}none.xml: no such annotation file" in f.message for f in report.findings
    )


def test_commands_take_addresses(elsewhere):
    result = call("inspect", f"{elsewhere}slide-01.svs", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["read_by"] == "tiff"
    assert call("check", elsewhere).exit_code == 0
    result = call("inspect", f"{elsewhere}slide-09.svs")
    assert result.exit_code == 2
    assert "no slides there" in result.output


def test_class_file_elsewhere(web, made_slides):
    scheme = (
        b"classes:\n  - {name: normal, color: '#b3b3b3'}\n  - {name: invasive}\nunknown: ignore\n"
    )
    result = call("check", made_slides, "--classes", web.put(scheme, "classes.yaml"))
    assert f"{web.address}/classes.yaml, line 3" in result.output.replace("\n", "")
