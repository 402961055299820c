import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from as_typed import TINY, call
from typer.main import get_command
from typer.testing import CliRunner

from carcinomap.cli.main import COMMANDS, app
from carcinomap.version import __version__

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture(scope="module")
def model(models):
    return models[0]


@pytest.fixture(scope="module")
def maps(made_slides, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    result = call("segment", made_slides, "--model", model, "--output", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.mark.parametrize(
    "words",
    [
        "evaluate SLIDES --predictions maps --output",
        "evaluate SLIDES --output scores --predictions",
        "train SLIDES --output",
        "tiles SLIDES --output",
        "tiles SLIDES --preview",
        "export MODEL --output",
        "export",
        "demo --output",
        "inspect SLIDES --pictures",
        "convert SLIDES",
    ],
)
def test_what_must_be_on_a_disk_is_no_address(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(*words.split(), "s3://bucket/place")
    assert result.exit_code == 2
    assert "on a disk" in " ".join(result.stderr.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_segment_leaves_four_files_a_slide_and_a_summary(maps, made_slides):
    names = sorted(path.stem for path in made_slides.glob("*.svs"))
    suffixes = (".geojson", ".json", ".ome.tif", ".png")
    expected = [name + suffix for name in names for suffix in suffixes]
    of_all = ["index.html", "run.json", "summary.csv"]
    assert sorted(path.name for path in maps.iterdir()) == sorted([*expected, *of_all])


def test_same_slide_same_bytes(maps, made_slides, model, tmp_path):
    # In this process; those before had processes of their own.
    result = call("segment", made_slides / "slide-01.svs", "-m", model, "-o", tmp_path, "--json")
    assert result.exit_code == 0
    for file in tmp_path.glob("slide-01.*"):
        assert file.read_bytes() == (maps / file.name).read_bytes()
    record = json.loads(result.stdout)["done"][0]
    assert record == json.loads((tmp_path / "slide-01.json").read_text())


def test_done_slides_are_passed_over(maps, made_slides, model):
    before = {path: path.stat().st_mtime_ns for path in maps.glob("slide-*")}
    result = call("segment", made_slides, "--model", model, "--output", maps)
    assert result.exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in maps.glob("slide-*")} == before
    other = call("segment", made_slides, "--model", model, "--output", maps, "--tile", 512)
    assert other.exit_code == 1
    assert "--overwrite" in other.output


def test_one_bad_slide_does_not_stop_the_others(made_slides, model, tmp_path):
    (tmp_path / "bad.svs").write_text("nothing")
    good = made_slides / "slide-01.svs"
    result = call(
        "segment",
        tmp_path / "bad.svs",
        tmp_path / "gone.svs",
        good,
        "-m",
        model,
        "-o",
        tmp_path / "m",
    )
    assert result.exit_code == 1
    assert "bad.svs" in result.output
    assert "gone.svs" in result.output
    assert (tmp_path / "m" / "slide-01.json").is_file()


def test_evaluate(maps, made_slides, tmp_path):
    result = call("evaluate", made_slides, "--predictions", maps, "--output", tmp_path)
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert set(scores["classes"]) == {"normal", "benign", "in situ", "invasive"}
    assert len(scores["slides"]) == 3
    assert (tmp_path / "report.html").read_text().startswith("<!")
    again = call("evaluate", made_slides, "--predictions", maps, "--output", tmp_path)
    assert again.exit_code == 2
    as_json = call(
        "evaluate", made_slides, "--predictions", maps, "-o", tmp_path, "--overwrite", "--json"
    )
    assert json.loads(as_json.stdout) == scores


def test_inspect_knows_each_kind_of_file(maps, made_slides, model):
    slide = json.loads(call("inspect", made_slides / "slide-01.svs", "--json").stdout)
    assert slide["vendor"] == "aperio"
    assert slide["mpp"] == 0.5
    assert set(slide["annotation"]["areas_mm2"]) == {"benign", "in situ", "invasive"}
    outlines = json.loads(call("inspect", made_slides / "slide-01.xml", "--json").stdout)
    assert outlines["regions"] == slide["annotation"]["regions"]
    class_map = json.loads(call("inspect", maps / "slide-01.ome.tif", "--json").stdout)
    assert class_map["mpp"] == 1.0
    record = json.loads((maps / "slide-01.json").read_text())
    for name, area in class_map["areas_mm2"].items():
        assert area == pytest.approx(record["classes"][name]["area_mm2"], abs=1e-4)
    card = json.loads(call("inspect", model, "--json").stdout)
    assert card["architecture"] == "unet"
    together = call("inspect", made_slides, model)
    assert together.exit_code == 0
    assert "slide-03.svs" in together.stdout


def test_inspect_real_slides(real_data):
    result = call("inspect", real_data / "slides", "--json")
    assert result.exit_code == 1
    found = {Path(one["file"]).name: one for one in json.loads(result.stdout)}
    assert "error" in found["broken.svs"]
    assert "cannot be read" in found["unreadable.svs"]["error"]
    assert found["camelyon-multiframe.dcm"]["mpp"] == pytest.approx(28.97, abs=0.01)
    assert "--mpp" in found["tcga-cr-7395.svs"]["mpp"]
    assert found["cmu-1-small-region.svs"]["associated_images"] == "label, macro, thumbnail"


def test_refusals_on_real_slides(real_data, model, tmp_path):
    slides = real_data / "slides"
    for name, reason in {
        "broken.svs": "not a slide",
        "unreadable.svs": "cannot be read",
        "tcga-cr-7395.svs": "--mpp",
        "camelyon-multiframe.dcm": "coarser",
    }.items():
        result = call("segment", slides / name, "--model", model, "--output", tmp_path)
        assert result.exit_code == 2, name
        assert reason in result.output
    assert not list(tmp_path.iterdir())
    half = tmp_path / "half.xml"
    text = (real_data / "bach" / "A03_dev.xml").read_bytes()
    half.write_bytes(text[: len(text) // 2])
    result = call("inspect", half)
    assert (result.exit_code, "half.xml, line" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["segment", "absent.svs", "-m", "MODEL", "-o", "m"], "no such slide"),
        (["segment", "text.svs", "-m", "MODEL", "-o", "m"], "not a slide"),
        (["segment", "text.svs", "-m", "absent", "-o", "m"], "no such model"),
        (["segment", "text.svs", "-m", "text.svs", "-o", "m"], "not a model file"),
        (["segment", "text.svs", "-m", "MODEL", "-o", "m", "--device", "tpu"], "device"),
        (["segment", "text.svs", "-m", "MODEL", "-o", "m", "--overlap", "2000"], "overlap 2000"),
        (["segment", "text.svs", "-o", "m"], "--model"),
        (["train", "absent", "-o", "r"], "no such folder"),
        (["train", "text.svs", "-o", "r", "--patch", "100"], "--patch 100"),
        (["train", "text.svs", "-o", "r", "--steps", "5", "--epochs", "1"], "not both"),
        (["train", "text.svs", "-o", "r", "--classes", "text.svs"], "text.svs"),
        (["train", "text.svs", "-o", "r", "--optimiser", "sgd"], "sgd"),
        (
            ["evaluate", "text.svs", "--predictions", "absent", "-o", "s"],
            "no slide has an annotation",
        ),
        (["inspect", "absent"], "no such"),
        (["demo", "-o", "text.svs"], "not a folder"),
        (["fly"], "fly"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_why(tmp_path, monkeypatch, model, arguments, reason):
    monkeypatch.chdir(tmp_path)
    Path("text.svs").write_text("nothing")
    result = call(*(model if argument == "MODEL" else argument for argument in arguments))
    assert result.exit_code == 2
    assert reason in result.output
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["text.svs"]


def test_help_and_version():
    assert call("--version").stdout == f"carcinomap {__version__}\n"
    for name in ("train", "segment", "evaluate", "inspect", "demo"):
        text = call(name, "--help").stdout
        assert f"Example: carcinomap {name}" in text
        for option in ("--json", "--quiet", "--seed", "--workers"):
            assert option in text


@pytest.mark.parametrize("name", [function.__name__ for function in COMMANDS])
def test_help_cuts_no_option_in_a_window_of_80_columns(name):
    options = [one for one in get_command(app).commands[name].params if one.opts[0][0] == "-"]
    text = CliRunner(env={"COLUMNS": "80"}).invoke(app, [name, "--help"]).stdout
    shown = set(re.findall(r"--?[\w-]+", text))
    names = {text for one in options for text in (*one.opts, *one.secondary_opts)}
    assert len(names) > 4
    assert names <= shown


def test_help_does_not_wait_for_pytorch():
    code = "import sys, carcinomap.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_half_written(made_slides, model, tmp_path, number):
    slides, output = tmp_path / "slides", tmp_path / "maps"
    slides.mkdir()
    for index in range(100):  # more than are done before the signal comes, however late that is
        (slides / f"slide-{index:02d}.svs").symlink_to(made_slides / "slide-01.svs")
    command = [sys.executable, "-m", "carcinomap", "segment", str(slides), "-m", str(model)]
    process = subprocess.Popen([*command, "-o", str(output)], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(output.glob("*.partial")):
        time.sleep(0.02)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not list(output.glob("slide-99*"))
    for path in output.glob("slide-*"):  # a slide is there whole, not at all, or to be gone on with
        if path.suffix == ".partial":
            continue
        assert (output / f"{path.name.split('.')[0]}.json").is_file()


def test_sigterm_ends_training_as_ctrl_c_does(made_slides, tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "carcinomap", "train", str(made_slides), "-o", str(run), *TINY]
    command[command.index("--steps") + 1] = "100000"
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(run.glob("logs/*")):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=180)
    assert (process.returncode, errors) == (130, "interrupted\n")
    assert not (run / "model.safetensors").exists()


def test_python_of_the_readme_runs(made_slides, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    quick = "architecture='unet', encoder='tu-test_efficientnet', steps=2, patch=64, batch=2"
    quick += ", validation_patches=4, pretrained=False, workers=0"
    monkeypatch.chdir(tmp_path)
    Path("SLIDES").symlink_to(made_slides)
    for suffix in (".svs", ".xml"):
        Path(f"new{suffix}").symlink_to(made_slides / f"slide-01{suffix}")
    exec(compile(code.replace("steps=1500", quick), "README", "exec"), {})  # noqa: S102
    assert 0 <= float(capsys.readouterr().out) <= 1
    assert Path("maps/new.ome.tif").is_file()
    assert Path("scores/scores.json").is_file()
