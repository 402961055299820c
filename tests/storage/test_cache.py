import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.progress import listening
from carcinomap.storage import as_path, local_copy, open_copy, reading_copy
from carcinomap.storage import cache as module

CONTENT = bytes(range(256)) * 400  # 102,400 bytes


@pytest.fixture
def small(cache, monkeypatch):
    """Return the folder of a cache for two and a half copies."""
    monkeypatch.setenv("CARCINOMAP_CACHE_GB", str(2.5 * len(CONTENT) / 1e9))
    return cache


def kept(cache):
    return sorted(path.name for path in cache.glob("*/*"))


def age(copy, seconds):
    """Make a copy look as if it had been used so long ago."""
    then = copy.parent.stat().st_mtime - seconds
    os.utime(copy.parent, (then, then))


def test_a_file_on_a_disk_is_its_own_copy(tmp_path, cache):
    assert local_copy(tmp_path / "a.svs") == tmp_path / "a.svs"
    assert not cache.exists()


@pytest.mark.parametrize("place", ["bucket", "web"])
def test_one_download_is_enough(place, request, cache):
    server = request.getfixturevalue(place)
    path = as_path(server.put(CONTENT, "deep/a.ndpi"))
    first = local_copy(path)
    assert (first.read_bytes(), first.name) == (CONTENT, "a.ndpi")
    first.write_bytes(b"this is the copy")
    assert local_copy(path) == first
    assert first.read_bytes() == b"this is the copy"
    server.put(CONTENT[::-1], "deep/a.ndpi")
    assert local_copy(path).read_bytes() == CONTENT[::-1]
    assert kept(cache) == ["a.ndpi", "a.ndpi"]


def test_a_query_may_choose_the_file_or_be_a_signature_that_is_new_every_time(web, cache):
    signed = [as_path(web.put(CONTENT, "a.ndpi") + f"?signature={n}") for n in range(2)]
    assert local_copy(signed[0]) == local_copy(signed[1])
    web.tells_version = web.ranges = False
    for content, query in ((CONTENT, "id=1"), (CONTENT[::-1], "id=2")):
        chosen = as_path(web.put(content, f"get.ndpi?{query}"))
        assert local_copy(chosen).read_bytes() == content


def test_what_no_server_tells_the_version_of_is_fetched_by_each_process(web, cache, monkeypatch):
    web.tells_version = False
    path = as_path(web.put(CONTENT, "a.xml"))
    first = local_copy(path)
    assert local_copy(path) == first
    web.put(CONTENT[::-1], "a.xml")
    monkeypatch.setattr(module, "_THIS_PROCESS", "another")
    assert local_copy(path).read_bytes() == CONTENT[::-1]


def test_the_download_shows_its_progress(bucket, cache, monkeypatch):
    monkeypatch.setattr("carcinomap.storage.download.CHUNK", 50_000)
    steps = []
    with listening(steps.append):
        local_copy(as_path(bucket.put(CONTENT, "a.ndpi")))
    assert [round(step.done * 1e6) for step in steps] == [0, 50_000, 100_000, 102_400]
    assert {(step.description, step.unit) for step in steps} == {("fetching a.ndpi", "MB")}


def test_what_was_not_used_for_longest_makes_room(bucket, small):
    paths = [as_path(bucket.put(CONTENT, f"{name}.ndpi")) for name in "abc"]
    a, b = (local_copy(path) for path in paths[:2])
    age(a, 50)
    age(b, 100)
    local_copy(paths[2])
    assert kept(small) == ["a.ndpi", "c.ndpi"]


def test_a_copy_that_is_used_is_used_later(bucket, small):
    paths = [as_path(bucket.put(CONTENT, f"{name}.ndpi")) for name in "abc"]
    a, b = (local_copy(path) for path in paths[:2])
    age(a, 100)
    age(b, 50)
    local_copy(paths[0])
    local_copy(paths[2])
    assert kept(small) == ["a.ndpi", "c.ndpi"]


def test_what_a_process_has_open_stays(bucket, small):
    paths = [as_path(bucket.put(CONTENT, f"{name}.ndpi")) for name in "abc"]
    a, b = (open_copy(path) for path in paths[:2])
    with pytest.raises(CarcinomapError, match=r"c\.ndpi: no room for a local copy .* are in use"):
        local_copy(paths[2])
    assert kept(small) == ["a.ndpi", "b.ndpi"]
    age(b.path, 50)
    a.close()
    local_copy(paths[2])
    assert kept(small) == ["b.ndpi", "c.ndpi"]
    b.close()


def test_larger_than_the_cache_may_be(bucket, small):
    path = as_path(bucket.put(CONTENT * 3, "a.ndpi"))
    with pytest.raises(InputError, match=r"a\.ndpi: .* allow more with .* CARCINOMAP_CACHE_GB"):
        local_copy(path)
    assert kept(small) == []


def test_larger_than_was_told(web, small):
    web.tells_size = web.ranges = False
    path = as_path(web.put(CONTENT * 3, "a.ndpi"))
    with pytest.raises(InputError, match=r"a\.ndpi: more than .* CARCINOMAP_CACHE_GB"):
        local_copy(path)
    assert kept(small) == []


@pytest.mark.parametrize("text", ["much", "0", "-1", "nan"])
def test_a_bound_that_is_none(bucket, cache, monkeypatch, text):
    monkeypatch.setenv("CARCINOMAP_CACHE_GB", text)
    with pytest.raises(InputError, match="CARCINOMAP_CACHE_GB is '"):
        local_copy(as_path(bucket.put(CONTENT, "a.ndpi")))


def test_a_disk_with_little_room(bucket, cache, monkeypatch):
    path = as_path(bucket.put(CONTENT, "a.ndpi"))
    usage = module.shutil.disk_usage(cache.parent.parent)._replace(free=module.SPARE + 1000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(CarcinomapError, match=r"a\.ndpi: no room for a local copy .* of the disk"):
        local_copy(path)
    assert kept(cache) == []


def test_a_disk_that_fills_up_meanwhile(bucket, cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "a.ndpi")

    path = as_path(bucket.put(CONTENT, "a.ndpi"))
    monkeypatch.setattr("carcinomap.storage.download._write", full)
    with pytest.raises(CarcinomapError, match=r"a\.ndpi: no local copy can be made \(No space"):
        local_copy(path)
    assert kept(cache) == []


def test_what_is_on_its_way_takes_its_room_from_the_start(bucket, cache, monkeypatch):
    monkeypatch.setattr("carcinomap.storage.download.CHUNK", 50_000)
    taken = []

    def look(_):
        taken.extend(file.stat().st_size for file in cache.glob("*.partial/*"))

    with listening(look):
        local_copy(as_path(bucket.put(CONTENT, "a.ndpi")))
    assert set(taken) == {len(CONTENT)}


def test_what_a_killed_process_left_is_removed(bucket, cache):
    path = as_path(bucket.put(CONTENT, "a.ndpi"))
    entry = local_copy(path).parent
    entry.rename(entry.with_suffix(".partial"))
    assert local_copy(path).read_bytes() == CONTENT
    assert len(list(cache.glob("*/a.ndpi"))) == 1


def test_what_a_killed_process_left_takes_no_room(bucket, small):
    paths = [as_path(bucket.put(CONTENT * 2, f"{name}.ndpi")) for name in "ab"]
    entry = local_copy(paths[0]).parent
    entry.rename(entry.with_suffix(".partial"))
    local_copy(paths[1])
    assert kept(small) == ["b.ndpi"]


def test_a_stopped_download_leaves_nothing(bucket, cache):
    def stop(step):
        if step.done:
            raise KeyboardInterrupt

    path = as_path(bucket.put(CONTENT, "a.ndpi"))
    with pytest.raises(KeyboardInterrupt), listening(stop):
        local_copy(path)
    assert kept(cache) == []
    assert local_copy(path).read_bytes() == CONTENT


def test_names_cannot_leave_the_cache(bucket, cache):
    for key in ("x/../../escape.ndpi", "a/..", "x" * 400 + ".ndpi", "a b:c?.ndpi"):
        copy = local_copy(as_path(bucket.put(CONTENT, key)))
        assert copy.resolve().parent.parent == cache
        assert copy.read_bytes() == CONTENT


def test_errors_name_the_address(bucket, cache):
    path = as_path(bucket.put(CONTENT, "a.xml"))
    with pytest.raises(InputError) as raised, reading_copy(path) as copy:
        raise InputError(f"{copy}, line 5: nonsense")
    assert str(raised.value) == "s3://slides/a.xml, line 5: nonsense"
    assert Path(copy).parent.parent == cache


def test_processes_at_the_same_time_download_once(web, cache):
    path = web.put(CONTENT * 20, "a.ndpi")
    script = "import sys; from carcinomap.storage import *; print(local_copy(as_path(sys.argv[1])))"
    command = [sys.executable, "-c", script, path]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    found = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert len(found) == 1
    assert Path(found.pop()).read_bytes() == CONTENT * 20
    whole = [count for _, _, count in web.requests if count > 1]
    assert sum(whole) == len(CONTENT) * 20
