import json
import os
import subprocess
import sys

import pytest
from rich.console import Console
from typer.testing import CliRunner

from carcinomap import doctor
from carcinomap.cli.doctor import _text
from carcinomap.cli.main import app
from carcinomap.doctor import SECTIONS, Line, Report

GOOD = Line("OpenSlide", "ok", "4.0.1")
NOTE = Line("[bold]", "note", "fewer [red]cores", "ask for more")
BAD = Line("PyTorch", "broken", "SIGABRT", "pip install --force-reinstall torch")


def shown(width, *lines):
    console = Console(width=width)
    with console.capture() as capture:
        console.print(_text(Report({"section": lines})))
    return capture.get()


@pytest.mark.parametrize(("lines", "code"), [((GOOD, NOTE), 0), ((GOOD, BAD), 1)])
def test_exit_code_tells_whether_all_works(monkeypatch, lines, code):
    monkeypatch.setattr(doctor, "examine", lambda: Report({"section": lines}))
    assert CliRunner().invoke(app, ["doctor"]).exit_code == code
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == code
    assert json.loads(result.stdout)["healthy"] is (code == 0)


def test_people_see_what_is_wrong_and_what_to_do():
    text = shown(100, GOOD, NOTE, BAD)
    for said in ("[bold]", "[red]cores", "-> ask for more", "first: PyTorch"):
        assert said in text
    assert "everything that is needed is here" in shown(100, GOOD, NOTE)
    assert max(map(len, shown(80, GOOD, NOTE, BAD).splitlines())) <= 80


def test_it_runs_where_the_other_commands_cannot(tmp_path):
    for name, code in {
        "cv2": "import os; os.abort()",
        "torch": "raise ImportError('no driver')",
        "openvino": "raise OSError('broken')",
        "psutil": "raise ImportError('broken')",
    }.items():
        (tmp_path / f"{name}.py").write_text(code)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    plain = {"PYTHONPATH": path, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "carcinomap", "doctor"],
        env={**os.environ, **plain},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "-> pip install --force-reinstall opencv-python-headless" in lines
    for title in SECTIONS:
        assert title in lines
