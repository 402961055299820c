"""The files to copy: they parse, use options that exist, and do what their comments say."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import pytest
import typer.main
import yaml

from carcinomap.cli.main import app

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
SCRIPTS = sorted(DEPLOY.glob("*.sh"))
TINY = ["--architecture", "unet", "--encoder", "tu-test_efficientnet", "--patch", "64"]
TINY += ["--batch", "2", "--precision", "32", "--steps", "2", "--validation-patches", "4"]
TINY += ["--no-pretrained", "--workers", "0"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_options_of_carcinomap_exist(script):
    commands = typer.main.get_command(app).commands
    text = re.sub(r"#.*", "", script.read_text()).replace("\\\n", " ")
    calls = re.findall(r"carcinomap (segment|train) ([^&|;\n]*)", text)
    assert calls
    for name, arguments in calls:
        options = set(re.findall(r"--[a-z-]+", arguments))
        assert options
        assert options <= {option for one in commands[name].params for option in one.opts}


# Stand-ins that note how they were called. What works, a step of `srun` or carcinomap, ends with
# the code in the file `ends` as soon as that is there; SIGTERM makes it of the file `cancels`.
WORKS = 'until [ -e ends ]; do sleep 0.05; done; exit "$(cat ends)"'
COMMANDS = {
    "srun": f'[[ $* != *symmetric-run* ]] || exec "${{@: -3}}"; {WORKS}',
    "carcinomap": f"trap 'mv cancels ends' TERM; {WORKS}",
    "scancel": "[ ! -e cancels ] || mv cancels ends",
    "scontrol": "",
}
ENVIRONMENT = {
    "SLURM_JOB_ID": "40",
    "SLURM_ARRAY_JOB_ID": "38",
    "SLURM_ARRAY_TASK_ID": "2",
    "SLURM_ARRAY_TASK_COUNT": "5",
    "SLURM_CPUS_PER_TASK": "3",
    "SLURM_CPUS_ON_NODE": "8",
    "SLURM_NNODES": "2",
    "SLURM_NTASKS_PER_NODE": "4",
    "SLURM_JOB_NAME": "maps",
    "SLURMD_NODENAME": "node7",
}


@pytest.fixture
def job(tmp_path):
    """Return a function that starts a script as SLURM would; what it calls is in `calls`."""
    for name, does in COMMANDS.items():
        command = tmp_path / name
        command.write_text(f'#!/bin/bash\necho "{name} $*" >>calls\n{does}\n')
        command.chmod(0o755)
    started = []

    def start(script, *arguments, turn=None, **options):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, **ENVIRONMENT, "PATH": path}
        if turn is not None:
            environment["SLURM_RESTART_COUNT"] = turn
        options |= {"cwd": tmp_path, "env": environment, "start_new_session": True}
        process = subprocess.Popen(["bash", DEPLOY / script, *arguments], **options)
        started.append(process)
        return process

    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        process.wait()


def until(path, text):
    """Wait until a file has a text."""
    for _ in range(600):
        if path.exists() and text in path.read_text():
            return
        time.sleep(0.05)
    pytest.fail(f"{text!r} is not in {path.name}")


def ends_with(process, folder, code):
    """Let the step end, and the job with it."""
    (folder / "ends.new").write_text(str(code))
    (folder / "ends.new").rename(folder / "ends")
    assert process.wait(30) == code
    return (folder / "calls").read_text()


def test_a_task_of_an_array_takes_its_share(job, tmp_path):
    calls = ends_with(job("slurm-segment.sh", "my slides", "--model", "m"), tmp_path, 1)
    assert "carcinomap segment my slides --model m --shard 3/5 --processes 1 --workers 3" in calls
    assert "requeue" not in calls  # slides that failed would fail again


def test_a_training_goes_on_where_there_is_something_to_go_on_with(job, tmp_path):
    calls = ends_with(job("slurm-train.sh", "slides", "run", "--batch", "8"), tmp_path, 0)
    asked = "carcinomap train slides --output run --batch 8"
    assert f"{asked} --nodes 2 --devices 4" in calls
    calls = ends_with(job("slurm-train.sh", "slides", "run", turn="1"), tmp_path, 0)
    assert "--output run --overwrite --nodes" in calls
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "last.ckpt").touch()
    calls = ends_with(job("slurm-train.sh", "slides", "run"), tmp_path, 0)
    assert "--output run --resume --nodes" in calls
    (tmp_path / "folds").mkdir()
    (tmp_path / "folds" / "folds.csv").touch()
    calls = ends_with(job("slurm-train.sh", "slides", "folds", "--folds", "5"), tmp_path, 0)
    assert "--output folds --folds 5 --resume --nodes" in calls


@pytest.mark.parametrize("script", ["slurm-segment.sh", "slurm-ray.sh"])
def test_maps_are_not_made_anew_in_every_turn(job, tmp_path, script):
    process = job(
        script, "slides", "--overwrite", "--output", "m", stderr=subprocess.PIPE, text=True
    )
    assert "remove the old ones" in process.communicate(timeout=30)[1]
    assert process.returncode == 2
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_never_kills_itself(script):
    for killed in re.findall(r"(?:scancel --signal=KILL|kill -KILL) (\S+)\)", script.read_text()):
        assert killed in ('"$task.0"', '"$SLURM_JOB_ID.0"', '"$step"')


def test_a_training_without_a_folder_says_what_is_missing(tmp_path):
    command = ["bash", DEPLOY / "slurm-train.sh", "slides"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "the folder of the run" in result.stderr


def test_ray_starts_on_the_first_machine_and_before_the_work(job, tmp_path):
    process = job("slurm-ray.sh", "slides", "--output", "maps")
    until(tmp_path / "calls", "carcinomap ")
    calls = ends_with(process, tmp_path, 1)
    ray, work = calls.splitlines()
    assert "ray symmetric-run --address node7:6379 --min-nodes 2 -- bash -c touch" in ray
    assert work == "carcinomap segment slides --output maps --cluster node7:6379"


def test_ray_that_does_not_start_is_told_of(tmp_path, job):
    (tmp_path / "srun").write_text("#!/bin/bash\n")  # as symmetric-run, it calls that a success
    process = job("slurm-ray.sh", "slides", "--output", "maps", stderr=subprocess.PIPE, text=True)
    assert "maps-40-ray.log" in process.communicate(timeout=30)[1]
    assert process.returncode == 1


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
@pytest.mark.parametrize(("code", "turn"), [(130, None), (137, "3"), (0, None), (130, "50")])
def test_what_nears_its_time_limit_goes_back_into_the_queue(job, tmp_path, script, code, turn):
    process = job(script.name, "slides", "run", turn=turn)
    until(tmp_path / "calls", "carcinomap ")
    (tmp_path / "cancels").write_text(str(code))
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == code
    mine = "38_2" if script.name == "slurm-segment.sh" else "40"
    calls = (tmp_path / "calls").read_text()
    again = code != 0 and turn != "50"
    assert (f"scontrol requeue {mine}\n" in calls) == again
    assert set(re.findall(r"scancel .*", calls)) <= {f"scancel --signal=TERM {mine}"}


def test_rays_own_check_accepts_the_cluster():
    pytest.importorskip("ray")
    from ray.autoscaler._private.util import prepare_config, validate_config  # noqa: PLC0415

    described = yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text())
    config = prepare_config(described)
    validate_config(config)
    assert config["max_workers"] == len(described["provider"]["worker_ips"])


def test_the_image_is_made_of_what_is_there():
    text = (DEPLOY / "Dockerfile").read_text()
    for sources in re.findall(r"^COPY (.+) \S+$", text, flags=re.MULTILINE):
        assert all((ROOT / source).exists() for source in sources.split())
        passed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        assert {f"!{source}" for source in sources.split()} <= set(passed)
    (extras,) = re.findall(r"'\.\[(.+)\]'", text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


@pytest.fixture(scope="module")
def machines():
    """Return the address of a Ray cluster of two nodes."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - Ray is optional

    node = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80 * 2**20}
    head = {**node, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        patch.setenv("RAY_TMPDIR", folder)
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(**node)
        yield cluster.address
        cluster.shutdown()


def test_training_on_two_machines_of_a_ray_cluster(machines, made_slides, tmp_path):
    script = [sys.executable, DEPLOY / "train_on_ray.py", "--address", machines, "--cpu"]
    script += ["--nodes", "2", "--", made_slides, "--output", "run"]
    call = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 300}
    result = subprocess.run([*script, *TINY], check=False, **call)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "machine 1: run/model.safetensors" in result.stdout
    assert (tmp_path / "run" / "model.safetensors").is_file()
    assert "nodes: 2" in (tmp_path / "run" / "settings.yaml").read_text()


@pytest.fixture
def node(tmp_path, monkeypatch):
    """Return what runs one machine's processes, with a carcinomap that does as RANK tells it."""
    pytest.importorskip("ray")
    monkeypatch.syspath_prepend(DEPLOY)
    from train_on_ray import run_processes  # noqa: PLC0415 - Ray is optional

    (tmp_path / "carcinomap").mkdir()
    (tmp_path / "carcinomap" / "__init__.py").touch()
    (tmp_path / "carcinomap" / "__main__.py").write_text(
        "import os, sys, time\n"
        "rank = os.environ['RANK']\n"
        "print(rank, os.getpid(), *sys.argv[1:], flush=True)\n"
        "if rank == 'fails':\n"
        "    sys.exit(3)\n"
        "if rank == 'waits':\n"
        "    time.sleep(600)\n"
    )

    def run(*ranks):
        environments = [{"RANK": rank, "PYTHONPATH": str(tmp_path)} for rank in ranks]
        return run_processes(["train", "slides"], environments, str(tmp_path))

    return run


def test_all_processes_of_a_machine_end_well(node):
    *said, code = node("one", "two")
    assert sorted(re.sub(r" \d+", "", line) for line in said) == [
        "one train slides\n",
        "two train slides\n",
    ]
    assert code == 0


def test_where_one_process_fails_the_others_are_ended(node):
    *said, code = node("waits", "fails")
    assert code == 3
    for line in said:
        assert_gone(line)


def test_processes_do_not_outlive_what_runs_them(node):
    said = node("waits")
    line = next(said)
    said.close()  # as when Ray cancels it
    assert_gone(line)


def assert_gone(line):
    """Make sure that the process that said a line has ended, and been seen to its end."""
    with pytest.raises(ProcessLookupError):
        os.kill(int(line.split()[1]), 0)
