import json
import re

import pytest
import typer
from pydantic import Field
from rich.table import Table
from typer.testing import CliRunner

from carcinomap.cli.command import Common, Outcome, command
from carcinomap.settings import Settings


class Boat(Settings):
    length: float = Field(5.0, gt=0, description="Metres.")
    oars: int | None = Field(None, description="How many.")


class Crew(Settings):
    people: int = Field(2, ge=1, description="How many go.")


class OtherCrew(Settings):
    people: int = Field(3, description="How many go.")


def row(name: str, boat: Boat, common: Common, crew: Crew, far: bool = False) -> Outcome:
    """Row a boat."""
    data = [name, boat.model_dump(), crew.model_dump(), far, common.seed, common.workers]
    return Outcome(data, "rowed")


def show(text: str, common: Common) -> Outcome:
    """Show a text in a table."""
    table = Table(show_header=False)
    table.add_row(text)
    return Outcome(text, table, notes=(text,))


app = typer.Typer()
command(app)(row)
shows = typer.Typer()
command(shows)(show)


def call(*arguments):
    return CliRunner().invoke(app, arguments)


def test_each_of_several_settings_objects_gets_its_options():
    nothing = json.loads(call("Ann", "--json").stdout)
    assert nothing == ["Ann", {"length": 5.0, "oars": None}, {"people": 2}, False, 0, None]
    given = ("--oars", "4", "--people", "5", "--length", "8", "--far", "--workers", "3")
    all_given = json.loads(call("Ann", *given, "--seed", "9", "--json").stdout)
    assert all_given == ["Ann", {"length": 8.0, "oars": 4}, {"people": 5}, True, 9, 3]
    told = re.sub(r"\x1b\[[0-9;]*m", "", call("--help").stdout)
    assert all(name in told for name in ("--length", "--oars", "--people", "--far", "--workers"))


@pytest.mark.parametrize("text", ["case[red]", "tumour [/grade]", "a :smile: b"])
def test_text_is_shown_as_it_is(text):
    result = CliRunner().invoke(shows, [text])
    assert text in result.stdout
    assert f"note: {text}" in result.stderr


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_an_output_without_the_letters_ends_no_work(json_too):
    result = CliRunner(charset="latin-1").invoke(shows, ["5 → 6 µm", *json_too])
    assert result.exit_code == 0
    shown = result.stdout_bytes.decode("utf-8" if json_too else "latin-1")
    assert ("5 → 6 µm" if json_too else "5 ? 6 µm") in shown


@pytest.mark.parametrize("option", ["--length", "--people"])
def test_a_value_that_one_of_them_refuses_is_exit_2(option):
    result = call("Ann", option, "0")
    assert result.exit_code == 2
    assert f"{option} 0" in result.stderr


def test_two_options_of_one_name_are_a_mistake_of_the_command():
    def two_crews(crew: Crew, other: OtherCrew) -> Outcome:
        raise NotImplementedError

    def people_twice(people: int, crew: Crew) -> Outcome:
        raise NotImplementedError

    for function, kind in ((two_crews, "OtherCrew"), (people_twice, "Crew")):
        with pytest.raises(TypeError, match=f"{kind}: there is a people already"):
            command(typer.Typer())(function)


def test_lines_that_nobody_sees_in_a_window_are_not_cut():
    app = typer.Typer()
    long = "x" * 500

    @command(app)
    def tell(common: Common) -> Outcome:
        """Tell."""
        table = Table("name")
        table.add_row(long)
        return Outcome({}, table)

    assert long in CliRunner().invoke(app, []).stdout


def test_a_file_where_a_folder_should_be_is_told(tmp_path):
    app = typer.Typer()

    @command(app)
    def write(common: Common) -> Outcome:
        """Write."""
        (tmp_path / "file").touch()
        (tmp_path / "file" / "more").mkdir(parents=True)
        return Outcome({}, "")

    result = CliRunner().invoke(app, [])
    assert result.exit_code == 1
    assert "there is a file where a folder should be" in result.stderr
