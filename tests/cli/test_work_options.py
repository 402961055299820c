"""Where the slides of a command are worked on, and that it does not change what comes out."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from typer.testing import CliRunner

from carcinomap.cli import work_options
from carcinomap.cli.main import app
from carcinomap.cli.work_options import backend_of, fields_at_once, slides_at_once, threads_each
from carcinomap.cluster import RayCluster
from carcinomap.storage import as_path
from carcinomap.work import OwnProcesses, WorkSettings

NOTHING_ASKED = WorkSettings()


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(("asked", "tasks"), [({}, 1), ({}, 4), ({"retries": 5}, 4)])
def test_few_slides_stay_in_this_process(asked, tasks):
    assert backend_of(WorkSettings(**asked), None, tasks, at_once=8, fewest=5) is None


@pytest.mark.parametrize(
    ("asked", "tasks", "count"),
    [
        ({}, 5, 5),
        ({}, 2000, 8),
        ({"processes": 3}, 2000, 3),
        ({"processes": 3}, 1, 1),
        ({"processes": 16}, 2000, 16),
        ({"memory_gb": 2}, 1, 1),
        ({"processes": 3}, 0, 1),
    ],
)
def test_processes_by_themselves_and_when_asked_for(asked, tasks, count):
    backend = backend_of(WorkSettings(**asked), None, tasks, at_once=8, fewest=5)
    assert isinstance(backend, OwnProcesses)
    assert backend.count == count
    assert backend.memory_bytes == (2_000_000_000 if "memory_gb" in asked else None)
    assert backend.retries == 2


def test_a_process_for_each_gpu_sees_only_that_one(monkeypatch):
    monkeypatch.setattr(work_options, "_gpu_count", lambda: 2)
    for visible, names in ((None, "01"), ("3,5", "35"), (" 4, 6,7", "46")):
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        backend = backend_of(NOTHING_ASKED, None, 9, uses_gpus=True)
        assert backend.count == 2
        assert [dict(one) for one in backend.environments] == [
            {"CUDA_VISIBLE_DEVICES": name} for name in names
        ]
    assert backend_of(WorkSettings(processes=4), None, 9, uses_gpus=True).count == 4
    assert backend_of(NOTHING_ASKED, None, 9, at_once=8).count == 8


def test_a_cluster_is_asked_for_what_a_slide_needs():
    work = WorkSettings(cluster="local", memory_gb=3, retries=0)
    cluster = backend_of(work, 1, 1)
    assert isinstance(cluster, RayCluster)
    assert (cluster.address, cluster.cpus, cluster.gpus) == ("local", 1, 0)
    assert (cluster.memory_bytes, cluster.retries) == (3_000_000_000, 0)
    assert backend_of(work, None, 1, uses_gpus=True).gpus is None
    assert (threads_each(cluster, None), threads_each(cluster, 3)) == (None, 3)


def test_processes_share_the_processors_unless_workers_says_how_many_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(work_options, "usable_cores", lambda: 12.0)
    monkeypatch.setattr(work_options, "usable_threads", lambda: 12)
    assert threads_each(OwnProcesses(1), None) is None  # as many as it finds good
    assert threads_each(OwnProcesses(4), None) == 3
    assert threads_each(OwnProcesses(4), 5) == 5
    assert threads_each(OwnProcesses(16), None) == 1
    assert (threads_each(None, None), threads_each(None, 5)) == (None, 5)
    assert (slides_at_once(None), slides_at_once(0), slides_at_once(3)) == (8, 8, 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # of each process, at most
    assert [threads_each(OwnProcesses(count), None) for count in (4, 16)] == [2, 1]
    assert threads_each(OwnProcesses(4), 5) == 5


@pytest.mark.parametrize(
    ("fields", "cores", "free", "at_once"),
    [
        (40, 2, 64e9, 2),
        (80, 64, 64e9, 8),
        (40, 64, 64e9, 5),
        (40, 64, 5e9, 3),
        (24, 64, 64e9, 3),
        (15, 64, 64e9, 1),
        (0, 64, 64e9, 1),
        (40, 0.5, 1e9, 1),
    ],
)
def test_several_fields_are_mapped_at_once(fields, cores, free, at_once, tmp_path, monkeypatch):
    monkeypatch.setattr(work_options, "usable_cores", lambda: cores)
    monkeypatch.setattr(work_options, "usable_memory", lambda: int(free))
    files = [tmp_path / f"{number}.png" for number in range(fields)]
    for file in files:
        file.write_bytes(b"a field")
    assert fields_at_once(files) == at_once


def test_among_fields_no_whole_slide_and_nothing_unknown(tmp_path):
    fields = [tmp_path / f"{number}.png" for number in range(40)]
    for file in fields:
        file.write_bytes(b"a field")
    whole = tmp_path / "whole.svs"
    with whole.open("wb") as file:
        file.truncate(work_options.FIELD_BYTES + 1)
    for other in (whole, tmp_path / "missing.svs", tmp_path, as_path("s3://scans/one.svs")):
        assert fields_at_once([*fields, other]) == 1


def test_check_finds_the_same_in_processes(made_slides, tmp_path):
    for path in made_slides.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "slide-02.xml").unlink()
    (tmp_path / "slide-02.xml").write_text("<Annotations>")
    here = call("check", tmp_path, "--json")
    there = call("check", tmp_path, "--json", "--processes", 2)
    assert (here.exit_code, there.exit_code) == (1, 1)
    assert here.stdout == there.stdout
    assert json.loads(there.stdout)["findings"]


def test_a_second_reader_scores_the_same_in_processes(made_slides, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    for path in made_slides.glob("*.xml"):
        (second / path.name).write_bytes(path.read_bytes())
    for name, options in (("here", ()), ("there", ("--processes", 2, "--memory-gb", 4))):
        evaluated = ("evaluate", made_slides, "--predictions", second, "-o", tmp_path / name)
        result = call(*evaluated, *options, "--quiet")
        assert result.exit_code == 0, result.output
    for file in ("scores.json", "report.html"):
        assert (tmp_path / "here" / file).read_bytes() == (tmp_path / "there" / file).read_bytes()


def finished_tiles(output):
    """Return the images that the journals tell of, with the time at which each was written."""
    lines = [
        text for file in output.glob(".tiles/*.jsonl") for text in file.read_text().split("\n")
    ]
    names = [json.loads(line)["name"] for line in lines if '"name"' in line and line[-1] == "}"]
    images = [output / "train_feature" / f"{name}.jpg" for name in names]
    return {path: path.stat().st_mtime_ns for path in images}


def test_tiles_go_on_after_ctrl_c_and_no_process_is_left(made_slides, tmp_path):
    wanted = ["tiles", str(made_slides), "--size", "100", "--mpp", "1", "--tissue", "0"]
    assert call(*wanted, "-o", tmp_path / "whole", "--quiet").exit_code == 0
    output = tmp_path / "out"
    command = [sys.executable, "-m", "carcinomap", *wanted, "-o", str(output), "--processes", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(finished_tiles(output)) < 3:
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 130
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    assert not psutil.wait_procs(workers, timeout=30)[1]
    assert not (output / "tiles.csv").exists()
    before = finished_tiles(output)
    assert len(before) >= 3
    assert call(*wanted, "-o", output, "--quiet").exit_code == 0
    assert before.items() <= finished_tiles(output).items()
    whole = {path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.*")}
    assert {path.relative_to(output) for path in output.rglob("*.*")} == whole
    for name in whole:
        if (output / name).is_file():
            assert (output / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
