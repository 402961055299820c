import json

import pytest
import typer
from typer.testing import CliRunner

from carcinomap.annotation import ClassScheme
from carcinomap.cli.annotation_options import with_roi
from carcinomap.cli.check import check
from carcinomap.cli.command import command
from carcinomap.errors import InputError

app = typer.Typer()
command(app)(check)


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def slides(made_slides, tmp_path):
    """Return a folder of the generated slides that may be written to."""
    for path in made_slides.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def replaced(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.unlink()
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_good_cohort(made_slides):
    result = call(made_slides)
    assert result.exit_code == 0
    assert "nothing speaks against training" in result.stdout
    data = json.loads(call(made_slides, "--json").stdout)
    assert (data["safe"], data["slides"], data["annotated"], data["patients"]) == (True, 3, 3, 2)
    assert data["areas_mm2"]["invasive"] > 0


def test_bad_cohort(slides):
    (slides / "slide-02.xml").unlink()
    (slides / "slide-02.xml").write_text("<Annotations>")
    result = call(slides)
    assert result.exit_code == 1
    assert "mend the errors" in result.stdout
    data = json.loads(call(slides, "--json").stdout)
    assert not data["safe"]
    (error,) = (one for one in data["findings"] if one["severity"] == "error")
    assert error["kind"] == "unreadable annotation"
    assert error["slide"] == "slide-02"
    assert error["file"] == str(slides / "slide-02.xml")
    assert "not all of it" in error["message"]


def test_names_with_brackets_are_shown_as_they_are(slides):
    replaced(slides / "slide-01.xml", 'Text="Benign"', 'Text="[red]x[/b]"')
    assert "[red]x[/b]" in call(slides).stdout


def test_roi_and_classes(slides, tmp_path):
    replaced(slides / "slide-01.xml", 'Text="Benign"', 'Text="Looked at"')
    assert call(slides).exit_code == 1
    assert call(slides, "--roi", "looked AT").exit_code == 0
    classes = tmp_path / "classes.yaml"
    classes.write_text(json.dumps({**ClassScheme.default().to_dict(), "ignore": ["looked at"]}))
    assert call(slides, "--classes", classes).exit_code == 0
    refused = call(slides, "--classes", classes, "--roi", "looked at")
    assert refused.exit_code == 2
    assert "--roi looked at" in refused.output


def test_annotations_that_lie_apart(slides):
    apart = slides / "apart"
    apart.mkdir()
    for path in slides.glob("*.xml"):
        path.rename(apart / path.name)
    assert call(slides, "--annotations", apart).exit_code == 0


def test_nothing_to_look_at(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        result = call(path)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


def test_schemes_with_regions_of_interest():
    scheme = ClassScheme.default()
    assert with_roi(scheme, None) is scheme
    assert with_roi(None, []) is None
    assert with_roi(None, ["ROI", "Tumor Bed"]).roi == ("roi", "Tumor Bed")
    for label in ("Benign", "unsure"):
        with pytest.raises(InputError, match=f"--roi {label}"):
            with_roi(scheme, [label])


def test_many_findings_of_a_kind_are_told_in_part(slides):
    lines = [f"not-there-{number:02d}.svs,val" for number in range(25)]
    (slides / "cohort.csv").write_text("\n".join(["slide,split", *lines]) + "\n")
    table = call(slides).stdout
    assert "not-there-19" in table
    assert "not-there-20" not in table
    assert "and 5 more of this kind" in table
    findings = json.loads(call(slides, "--json").stdout)["findings"]
    assert sum(one["kind"] == "line without slide" for one in findings) == 25
