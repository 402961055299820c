import os
import resource
import socket
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from carcinomap.doctor import requirements
from carcinomap.doctor.probes import disk, extras, limits, packages, processor, pytorch
from carcinomap.doctor.requirements import required
from carcinomap.granted import Granted, granted
from carcinomap.model import opening

NVIDIA = "nvidia_driver"


def only(lines):
    (line,) = lines
    return line


def written(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Granted(None, None)),
        ({"proc/self/cgroup": "0::/"}, Granted(None, None)),
        (
            {
                "proc/self/cgroup": "0::/job/step",
                "sys/fs/cgroup/job/cpu.max": "150000 100000",
                "sys/fs/cgroup/job/memory.max": "4000000000",
                "sys/fs/cgroup/job/step/cpu.max": "max 100000",
                "sys/fs/cgroup/job/step/memory.max": "max",
            },
            Granted(1.5, 4_000_000_000),
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/docker/0a\n2:cpu,cpuacct:/docker/0a\n0::/",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000000",
                "sys/fs/cgroup/memory/docker/0a/memory.limit_in_bytes": "9223372036854771712",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/docker/0a/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu,cpuacct/docker/0a/cpu.cfs_period_us": "100000",
            },
            Granted(2.0, 2_000_000_000),
        ),
    ],
)
def test_limits_of_containers(tmp_path, files, expected):
    assert granted(written(tmp_path, files)) == expected


def test_fewer_cores_than_there_are(monkeypatch):
    monkeypatch.setattr("carcinomap.granted.granted", lambda: Granted(0.5, None))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    line = only(processor.CHECKS[0].look())
    assert (line.state, line.facts) == ("note", {"there": 64, "usable": 0.5})
    assert "--workers 1" in line.advice


def test_why_there_is_no_gpu(monkeypatch, tmp_path):
    for name in pytorch.HIDING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(opening, "AMD_DRIVER", tmp_path / "absent")
    monkeypatch.setattr(opening, NVIDIA, lambda: False)
    monkeypatch.setattr(pytorch, "NVIDIA_KERNEL", tmp_path / "absent")
    assert pytorch.why_no_gpu("13.0", None, "").state == "absent"
    monkeypatch.setattr(pytorch, "NVIDIA_KERNEL", tmp_path)
    assert "--gpus all" in pytorch.why_no_gpu("13.0", None, "").advice
    monkeypatch.setattr(opening, "AMD_DRIVER", tmp_path)
    assert "AMD is here, but PyTorch is built for CUDA" in pytorch.why_no_gpu("13.0", None, "").said
    monkeypatch.setattr(opening, NVIDIA, lambda: True)
    assert "built for the CPU alone" in pytorch.why_no_gpu(None, None, "").said
    assert "driver is too old" in pytorch.why_no_gpu("13.0", None, "The driver is too old").said
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "unset CUDA_VISIBLE_DEVICES" in pytorch.why_no_gpu("13.0", None, "").advice


def test_builds():
    assert pytorch.build_of("13.0", None) == "built for CUDA 13.0"
    assert pytorch.build_of(None, "6.4") == "built for ROCm 6.4"


@pytest.fixture
def asked(monkeypatch):
    """Let carcinomap ask for packages that the test chooses."""

    def ask(*texts):
        monkeypatch.setattr(requirements.metadata, "requires", lambda name: list(texts))

    return ask


def test_packages_that_are_missing_or_old(asked):
    asked(
        "numpy>=1",
        "pytest>=999",
        "no-such-package>=3",
        "other; sys_platform == 'mars'",
        "ray; extra == 'cluster'",
    )
    old, missing = packages.CHECKS[0].look()
    assert (old.name, old.state, old.advice) == (
        "pytest",
        "broken",
        'pip install "pytest>=999"',
    )
    assert (missing.name, missing.said) == ("no-such-package", "not installed")
    asked("numpy>=1")
    line = only(packages.CHECKS[0].look())
    assert (line.state, line.facts) == ("ok", {"numpy": metadata.version("numpy")})


def test_requirements_of_all_and_of_an_extra_alone(asked):
    asked("a", "b; python_version > '3'", "c; extra == 'more'", "d; extra == 'other'")
    assert [one.name for one in required()] == ["a", "b"]
    assert [one.name for one in required("more")] == ["c"]
    assert requirements.command(Requirement("b>=2")) == 'pip install "b>=2"'


def test_two_opencvs_in_one_place(monkeypatch):
    monkeypatch.setattr(
        packages, "installed", lambda name: "5" if name == "opencv-python" else None
    )
    line = only(packages.CHECKS[1].look())
    assert line.state == "note"
    assert line.advice.startswith("pip uninstall opencv-python, then")


def test_extras_that_are_there_and_not(asked, monkeypatch):
    asked("numpy>=1; extra == 'cluster'", "no-such-package; extra == 'remote'")
    monkeypatch.setattr(extras, "extras", lambda: ["cluster", "remote"])
    there, absent = (only(check.look()) for check in extras._checks())
    assert (there.name, there.state) == ("[cluster]", "ok")
    assert (absent.name, absent.state) == ("[remote]", "absent")
    assert absent.advice == 'pip install "carcinomap[remote]"'


def test_a_running_cluster_is_found(monkeypatch, tmp_path):
    monkeypatch.setattr(extras, "installed", lambda name: "2")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert "none runs here" in only(extras._running_cluster()).said
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray/ray_current_cluster").write_text(f"{address}\n")
        assert only(extras._running_cluster()).said.startswith(f"{address} answers")
        monkeypatch.setenv("RAY_ADDRESS", f"ray://{address}")
        assert only(extras._running_cluster()).state == "ok"
    assert only(extras._running_cluster()).state == "note"
    monkeypatch.delenv("RAY_ADDRESS")
    assert "none runs here" in only(extras._running_cluster()).said
    monkeypatch.setenv("RAY_ADDRESS", "nowhere")
    assert only(extras._running_cluster()).state == "note"


def test_folders(tmp_path, monkeypatch):
    new = tmp_path / "not" / "there" / "yet"
    line = disk.folder_line("cache", new, "elsewhere")
    assert (line.state, line.facts["folder"]) == ("ok", str(new))
    assert not (tmp_path / "not").exists()
    monkeypatch.setattr(disk, "ENOUGH", 1e30)
    assert disk.folder_line("cache", new, "elsewhere").advice == "elsewhere"
    refused = [
        disk.folder_line("cache", Path("/proc/self"), "elsewhere", needed)
        for needed in (False, True)
    ]
    assert [line.state for line in refused] == ["note", "broken"]
    assert [line.advice for line in refused] == ["elsewhere", "elsewhere"]


def test_variables_that_slow(monkeypatch):
    monkeypatch.setattr(limits, "usable_cores", lambda: 8.0)
    for name in (*limits.THREADS, *limits.SLOWING):
        monkeypatch.delenv(name, raising=False)
    assert not list(limits._variables())
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_NUM_THREADS", "8")
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    monkeypatch.setenv("OPENSLIDE_DEBUG", "0")
    lines = list(limits._variables())
    assert [line.name for line in lines] == ["OMP_NUM_THREADS", "CUDA_LAUNCH_BLOCKING"]
    assert all(line.state == "note" and line.advice.startswith("unset") for line in lines)


@pytest.mark.parametrize(
    ("soft", "hard", "state", "advice"),
    [
        (4096, 4096, "ok", ""),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, "ok", ""),
        (256, resource.RLIM_INFINITY, "note", "ulimit -n 1024"),
        (256, 4096, "note", "ulimit -n 1024"),
        (256, 512, "note", "administrator"),
    ],
)
def test_open_files(monkeypatch, soft, hard, state, advice):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    line = only(limits._open_files())
    assert line.state == state
    assert advice in line.advice
