"""A run that was stopped goes on, and ends with the same bytes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from segmentation_fakes import (
    FakeRuntime,
    MemorySlide,
    blobs,
    by_position,
    model,
    painted,
)

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.segmentation import SegmentationSettings, segment_slide
from carcinomap.segmentation.unfinished.lock import locked
from carcinomap.segmentation.unfinished.spool import Spool

SETTINGS = SegmentationSettings(
    tile=256, overlap=64, min_area_um2=50, probabilities=True, uncertainty=True, readers=2
)


def make_slide(folder: Path) -> MemorySlide:
    labels = blobs(1500, 1300, seed=6, size=37)
    labels[:, 500:560] = 255
    path = folder / "a.svs"
    if not path.exists():
        path.write_bytes(b"stands for the slide")
    return MemorySlide(painted(labels), mpp=1.0, name=str(path))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def top(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> MemorySlide:
    return make_slide(tmp_path_factory.mktemp("slide"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, slide: MemorySlide) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    segment_slide(slide, FakeRuntime(by_position), model(), folder, SETTINGS)
    return contents(folder)


def after(calls: int, what: Callable[[], object]) -> Callable[..., np.ndarray]:
    """Return ``by_position`` that does something before it answers for the n-th time."""
    count = []

    def function(images: np.ndarray) -> np.ndarray:
        count.append(1)
        if len(count) == calls:
            what()
        return by_position(images)

    return function


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("tiles", [1, 2, 9, 30, 47])
def test_ctrl_c_and_the_same_again(
    tmp_path: Path, slide: MemorySlide, whole: dict[str, bytes], tiles: int
) -> None:
    threads = threading.active_count()
    runtime = FakeRuntime(after(tiles, interrupt))
    with pytest.raises(KeyboardInterrupt):
        segment_slide(slide, runtime, model(), tmp_path, SETTINGS)
    assert threading.active_count() == threads
    assert top(tmp_path) in (["a.partial"], [])
    runtime = FakeRuntime(by_position)
    segment_slide(slide, runtime, model(), tmp_path, SETTINGS)
    assert contents(tmp_path) == whole
    # What was finished is not computed again.
    assert len(runtime.shapes) <= 56 - max(0, tiles - 20)


def test_stopping_again_and_again(
    tmp_path: Path, slide: MemorySlide, whole: dict[str, bytes]
) -> None:
    stops = 0
    while True:
        try:
            runtime = FakeRuntime(after(25, interrupt))
            segment_slide(slide, runtime, model(), tmp_path, SETTINGS)
            break
        except KeyboardInterrupt:
            stops += 1
            assert stops < 9
    assert stops > 1
    assert contents(tmp_path) == whole


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed(where: str, count: int, output: Path, folder: Path) -> None:
    """Map a slide until, for the n-th time, something is about to happen."""
    function = after(count, die) if where == "network" else by_position
    times = []
    write, replace = Spool._write, os.replace

    def torn(self: Spool, record: bytes) -> None:
        times.append(1)
        if len(times) == count:
            self._file.write(record[: len(record) // 2])
            die()
        write(self, record)

    def not_moved(source: Path, target: Path) -> None:
        if ".partial" in str(source) and "a.partial" not in str(Path(target).parent):
            times.append(1)
            if len(times) == count:
                die()
        replace(source, target)

    if where == "record":
        Spool._write = torn
    if where == "publish":
        os.replace = not_moved
    segment_slide(make_slide(folder), FakeRuntime(function), model(), output, SETTINGS)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("network", 1),
        ("network", 25),
        ("record", 2),
        ("record", 20),
        ("record", 45),
        ("publish", 1),
        ("publish", 4),
        ("publish", 6),
    ],
)
def test_kill_9_and_the_same_again(
    tmp_path: Path, slide: MemorySlide, whole: dict[str, bytes], where: str, count: int
) -> None:
    # Its processes are copies of one that has imported what takes long.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "pytest", "carcinomap.model.networks"])
    process = context.Process(target=killed, args=(where, count, tmp_path, slide.path.parent))
    process.start()
    process.join(180)
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "a.partial").is_dir()
    assert not (tmp_path / "a.json").exists()
    half = {name: data for name, data in contents(tmp_path).items() if "partial" not in name}
    assert all(whole[name] == data for name, data in half.items())
    segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, SETTINGS)
    assert contents(tmp_path) == whole


def stopped(folder: Path, slide: MemorySlide, tiles: int = 20) -> dict[str, bytes]:
    with pytest.raises(KeyboardInterrupt):
        segment_slide(slide, FakeRuntime(after(tiles, interrupt)), model(), folder, SETTINGS)
    return contents(folder)


def test_other_settings_or_another_model_are_refused_or_begin_anew(
    tmp_path: Path, slide: MemorySlide
) -> None:
    before = stopped(tmp_path, slide)
    other = SETTINGS.model_copy(update={"overlap": 32})
    with pytest.raises(InputError, match=r"not finished, with another settings.*--overwrite"):
        segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, other)
    with pytest.raises(InputError, match="with another model"):
        segment_slide(slide, FakeRuntime(by_position), model(seed=2), tmp_path, SETTINGS)
    assert contents(tmp_path) == before
    result = segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, other, True)
    assert result.record["settings"]["overlap"] == 32
    assert "a.partial" not in top(tmp_path)


def test_overwriting_goes_on_too(
    tmp_path: Path, slide: MemorySlide, whole: dict[str, bytes]
) -> None:
    segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, SETTINGS)
    runtime = FakeRuntime(after(40, interrupt))
    with pytest.raises(KeyboardInterrupt):
        segment_slide(slide, runtime, model(), tmp_path, SETTINGS, True)
    runtime = FakeRuntime(by_position)
    segment_slide(slide, runtime, model(), tmp_path, SETTINGS, True)
    assert len(runtime.shapes) < 40
    assert contents(tmp_path) == whole


def test_a_folder_that_a_dying_process_had_no_time_to_remove_goes(
    tmp_path: Path, slide: MemorySlide, whole: dict[str, bytes]
) -> None:
    segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, SETTINGS)
    (tmp_path / "a.partial").mkdir()
    for name in ("journal", "whole"):
        (tmp_path / "a.partial" / name).touch()
    result = segment_slide(slide, FakeRuntime(interrupt), model(), tmp_path, SETTINGS)
    assert result.skipped
    assert contents(tmp_path) == whole


def test_all_files_are_on_the_disk_before_they_get_their_names(
    tmp_path: Path,
    slide: MemorySlide,
    whole: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced, replace, fsync = set(), os.replace, os.fsync

    def syncing(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    def replacing(source: Path, target: Path) -> None:
        files = [source, *source.rglob("*")]
        if target.parent == tmp_path:
            assert [file for file in files if file.stat().st_ino not in synced] == []
        replace(source, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", replacing)
    segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, SETTINGS)
    assert contents(tmp_path) == whole


def test_a_slide_that_changed_is_noticed(tmp_path: Path) -> None:
    slide = make_slide(tmp_path)
    stopped(tmp_path / "maps", slide)
    slide.path.write_bytes(b"another file of the same name")
    with pytest.raises(InputError, match="another slide's file"):
        segment_slide(slide, FakeRuntime(by_position), model(), tmp_path / "maps", SETTINGS)


def test_speed_alone_may_change(
    tmp_path: Path, slide: MemorySlide, whole: dict[str, bytes]
) -> None:
    stopped(tmp_path, slide)
    faster = SETTINGS.model_copy(update={"readers": 5})
    segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, faster)
    assert contents(tmp_path).keys() == whole.keys()
    assert contents(tmp_path) == whole


def test_two_processes_do_not_write_one_result(tmp_path: Path, slide: MemorySlide) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from carcinomap.segmentation.unfinished.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "a.partial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        for overwrite in (False, True):
            with pytest.raises(CarcinomapError, match=rf"written by process {other.pid} on "):
                segment_slide(
                    slide, FakeRuntime(by_position), model(), tmp_path, SETTINGS, overwrite
                )
        assert top(tmp_path) == ["a.partial"]
    finally:
        other.kill()
        other.communicate()
    segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, SETTINGS)
    assert "a.json" in top(tmp_path)


@pytest.mark.parametrize(("lease", "gone_after"), [(30.0, 0.3), (0.2, 30.0)])
def test_the_lock_of_a_machine_that_is_gone_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lease: float, gone_after: float
) -> None:
    monkeypatch.setattr("carcinomap.segmentation.unfinished.lock.LEASE_SECONDS", lease)
    held = FileLock(tmp_path / "lock", thread_local=False)
    held.acquire()
    (tmp_path / "lock").write_text("process 7 on another machine\n")
    server = threading.Timer(gone_after, held.release)
    server.start()
    try:
        if lease > gone_after:
            with locked(tmp_path):
                assert held.is_locked is False
        else:
            with pytest.raises(CarcinomapError, match="by process 7 on another machine"):
                locked(tmp_path).__enter__()
    finally:
        server.cancel()
        held.release()


def test_what_another_process_finished_in_the_meantime_is_taken(
    tmp_path: Path, slide: MemorySlide, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(folder: Path) -> object:
        monkeypatch.undo()
        segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, SETTINGS)
        return locked(folder)

    monkeypatch.setattr("carcinomap.segmentation.results.outputs.locked", meanwhile)
    result = segment_slide(slide, FakeRuntime(interrupt), model(), tmp_path, SETTINGS)
    assert result.skipped
    assert contents(tmp_path) == whole


def test_a_run_that_stops_before_any_work_leaves_nothing(
    tmp_path: Path, slide: MemorySlide
) -> None:
    runtime = FakeRuntime(after(1, interrupt))
    with pytest.raises(KeyboardInterrupt):
        segment_slide(slide, runtime, model(), tmp_path, SETTINGS)
    assert top(tmp_path) == []


def test_the_log_is_the_only_thing_that_a_finished_cell_needs(
    tmp_path: Path, slide: MemorySlide, whole: dict[str, bytes]
) -> None:
    stopped(tmp_path, slide)
    with Spool(tmp_path / "copy") as empty:
        assert list(empty.keys(0)) == []
    partial = tmp_path / "a.partial"
    (partial / "sums").write_bytes(os.urandom(100))
    (partial / "a.ome.tif").write_bytes(b"half a file")
    segment_slide(slide, FakeRuntime(by_position), model(), tmp_path, SETTINGS)
    assert contents(tmp_path) == whole
