import io
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.storage import FileView, as_path, open_bytes, patience
from carcinomap.storage.source import GAP
from carcinomap.storage.view import BLOCK

CONTENT = np.random.default_rng(0).bytes(300_000)


@pytest.fixture(params=["disk", "s3", "web", "memory"])
def path(request, tmp_path):
    """Return the same file in several places."""
    if request.param == "disk":
        (tmp_path / "a.bin").write_bytes(CONTENT)
        return tmp_path / "a.bin"
    if request.param == "s3":
        return as_path(request.getfixturevalue("bucket").put(CONTENT, "deep/a.bin"))
    if request.param == "web":
        return as_path(request.getfixturevalue("web").put(CONTENT, "a.bin"))
    path = as_path("memory://place/a.bin")
    path.fs.pipe_file(path.path, CONTENT)
    return path


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(patience, "WAITS", (0.0, 0.0, 0.0))


def test_pieces(path):
    source = open_bytes(path)
    assert source.size == len(CONTENT)
    for offset, count in [(0, 10), (1000, 5000), (299_990, 10), (299_990, 100), (400_000, 5)]:
        assert source.read_at(offset, count) == CONTENT[offset : offset + count]
    assert source.read_at(10, 0) == b""
    pieces = [(5000, 10), (0, 10), (200_000, 500), (20, 30), (5000, 10)]
    assert source.read_pieces(pieces) == [CONTENT[o : o + c] for o, c in pieces]
    source.close()


def test_many_threads_and_other_processes(path):
    source = open_bytes(path)
    again = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own
    offsets = range(0, 280_000, 7_001)
    with ThreadPoolExecutor(8) as pool:
        for one in (source, again):
            found = list(pool.map(lambda offset, one=one: one.read_at(offset, 999), offsets))
            assert found == [CONTENT[offset : offset + 999] for offset in offsets]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("place", ["bucket", "web"])
def test_after_a_fork(place, request):
    path = as_path(request.getfixturevalue(place).put(CONTENT, "a.bin"))
    source = open_bytes(path)
    assert source.read_at(0, 9) == CONTENT[:9]
    child = os.fork()
    if child == 0:
        right = source.read_at(1000, 99) == CONTENT[1000:1099]
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert source.read_at(1000, 99) == CONTENT[1000:1099]


def test_neighbours_are_fetched_together(web):
    source = open_bytes(as_path(web.put(CONTENT, "a.bin")))
    web.requests.clear()
    source.read_pieces([(100, 50), (150, 50), (150 + 50 + GAP, 10), (200_000, 5), (0, 10)])
    assert [(start, count) for _, start, count in web.requests] == [(0, 210 + GAP), (200_000, 5)]


def test_the_view_reads_like_a_file_with_few_requests(web):
    file, true = FileView(open_bytes(as_path(web.put(CONTENT, "a.bin")))), io.BytesIO(CONTENT)
    web.requests.clear()
    for place, whence, count in [(0, 0, 4), (50, 1, 900), (BLOCK - 5, 0, 10), (8, 0, 4)]:
        assert file.seek(place, whence) == true.seek(place, whence)
        assert (file.read(count), file.tell()) == (true.read(count), true.tell())
    assert len(web.requests) == 2
    file.seek(2 * BLOCK + 5)
    assert file.read(2 * BLOCK) == CONTENT[2 * BLOCK + 5 :][: 2 * BLOCK]
    assert [count for _, _, count in web.requests[2:]] == [3 * BLOCK]
    file.seek(-10, io.SEEK_END)
    assert file.read(100) == CONTENT[-10:]
    file.seek(3)
    assert file.read(250_000) == CONTENT[3:250_003]
    array = np.empty(100, np.uint16)
    file.seek(0)
    assert file.readinto(array) == 200
    assert array.tobytes() == CONTENT[:200]
    assert file.read() == CONTENT[200:]


@pytest.mark.usefixtures("impatient")
def test_what_passes_is_waited_for(web):
    source = open_bytes(as_path(web.put(CONTENT, "a.bin")))
    web.failures = [503, 429, 500]
    assert source.read_at(5, 5) == CONTENT[5:10]
    web.failures = [503] * 4
    with pytest.raises(CarcinomapError, match=r"a\.bin: its server answers with error 503"):
        source.read_at(5, 5)


@pytest.mark.parametrize("place", ["bucket", "web"])
@pytest.mark.parametrize("other", [CONTENT[::-1], CONTENT[:1000]], ids=["content", "size"])
def test_a_file_that_changes_is_an_error(place, other, request):
    server = request.getfixturevalue(place)
    source = open_bytes(as_path(server.put(CONTENT, "a.bin")))
    assert source.read_at(0, 9) == CONTENT[:9]
    server.put(other, "a.bin")
    with pytest.raises(CarcinomapError, match=r"a\.bin: the file has changed while it was read"):
        source.read_at(100, 9)


def test_a_server_that_sends_files_as_a_whole(web, cache):
    web.ranges = False
    path = as_path(web.put(CONTENT, "a.bin"))
    source = open_bytes(path)
    assert (source.path, source.size) == (path, len(CONTENT))
    assert source.read_at(1000, 50) == CONTENT[1000:1050]
    assert pickle.loads(pickle.dumps(source)).read_at(5, 5) == CONTENT[5:10]  # noqa: S301
    assert len(list(cache.glob("*/a.bin"))) == 1


@pytest.mark.usefixtures("cache")
def test_a_server_that_tells_no_size(web):
    web.tells_size = False
    source = open_bytes(as_path(web.put(CONTENT, "a.bin")))
    assert (source.size, source.read_at(5, 5)) == (len(CONTENT), CONTENT[5:10])


def test_a_server_that_does_not_know_head(web):
    web.head = False
    assert open_bytes(as_path(web.put(CONTENT, "a.bin"))).read_at(5, 5) == CONTENT[5:10]


def test_query_and_password_are_sent_and_not_shown(web):
    address = web.put(CONTENT, "a.bin").replace("//", "//me:secret@") + "?token=s%2Bcret"
    web.wanted = "Basic other"
    with pytest.raises(InputError) as raised:
        open_bytes(as_path(address))
    assert "does not allow it" in str(raised.value)
    assert "secret" not in str(raised.value)
    web.wanted = "Basic bWU6c2VjcmV0"
    assert open_bytes(as_path(address)).read_at(5, 5) == CONTENT[5:10]
    assert web.requests[-1][0] == "/a.bin?token=s%2Bcret"


def test_what_is_not_there(bucket, web):
    bucket.put(b"x", "folder/file")
    for address in (f"{web.address}/a.bin", "s3://slides/a.bin", "s3://other/a.bin"):
        with pytest.raises(InputError, match=f"{address}: no such file"):
            open_bytes(as_path(address))
    with pytest.raises(InputError, match="s3://slides/folder: a folder, where a file"):
        open_bytes(as_path("s3://slides/folder/"))


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.bin", "s3://slides/a.bin"])
def test_a_server_that_is_not_there(address, other_aws):
    other_aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CarcinomapError, match=f"{address}: its server cannot be reached"):
        open_bytes(as_path(address))


def test_storage_that_refuses(web, other_aws):
    web.put(b"x", "slides/a.bin")
    web.wanted = "no key is right"
    other_aws.setenv("AWS_ENDPOINT_URL", web.address)
    with pytest.raises(InputError, match=r"s3://slides/a\.bin: the storage does not allow it"):
        open_bytes(as_path("s3://slides/a.bin"))


def test_no_credentials(bucket, other_aws):
    address = bucket.put(b"x", "a.bin")
    other_aws.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(InputError, match=r"a\.bin: no credentials for this storage"):
        open_bytes(as_path(address))


def test_packages_that_are_missing():
    script = (
        "import sys; sys.modules['s3fs'] = sys.modules['aiohttp'] = None\n"
        "from carcinomap.storage import as_path, open_bytes\n"
        "for address in 's3://b/a', 'http://h/a':\n"
        "    try: open_bytes(as_path(address))\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    told = "to read this, a package is missing: pip install 'carcinomap[remote]'"
    assert run.stdout.splitlines() == [
        f"InputError {at}: {told}" for at in ("s3://b/a", "http://h/a")
    ]


def test_these_packages_are_not_imported_before_they_are_needed():
    script = (
        "import sys, carcinomap.slide\n"
        "assert carcinomap.slide.open_slide\n"
        "print(sorted({'s3fs', 'aiohttp', 'botocore'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
