import pytest

from carcinomap.errors import InputError
from carcinomap.storage import (
    as_path,
    check_takes_files,
    exists,
    kind_of,
    list_files,
    matching_files,
    read_small,
    stamp,
    upload,
)
from carcinomap.storage.filesystem import filesystem


@pytest.fixture(params=["disk", "s3"])
def folder(request, tmp_path):
    """Return the same folder on a disk and on S3."""
    names = ["a.svs", "deep/b.svs", "deep/er/c d#.svs", "deep/x.json"]
    if request.param == "disk":
        for name in names:
            file = tmp_path / "top" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(name.encode())
        return tmp_path / "top"
    for name in names:
        request.getfixturevalue("bucket").put(name.encode(), f"top/{name}")
    return as_path("s3://slides/top/")


def test_what_is_there(folder):
    assert kind_of(folder) == kind_of(folder / "deep") == "folder"
    assert kind_of(folder / "a.svs") == "file"
    assert kind_of(folder / "other") == ""
    assert exists(folder / "deep")
    assert not exists(folder / "b.svs")
    listed = [str(file)[len(str(folder)) + 1 :] for file in list_files(folder)]
    assert listed == ["a.svs", "deep/b.svs", "deep/er/c d#.svs", "deep/x.json"]
    assert [read_small(file, 100) for file in list_files(folder)] == [n.encode() for n in listed]
    assert list_files(folder / "other") == []
    assert read_small(folder / "a.svs", 4) is None
    assert read_small(folder / "other", 4) is None


def test_a_folder_that_takes_files_is_left_as_it_was(folder):
    before = list_files(folder)
    check_takes_files(folder)
    assert list_files(folder) == before


def test_a_bucket_from_which_nothing_may_be_removed_takes_files(bucket, monkeypatch):
    def refuses(*_):
        raise PermissionError("no")

    folder = as_path("s3://slides/maps")
    monkeypatch.setattr(filesystem(folder), "rm_file", refuses)
    check_takes_files(folder)
    assert read_small(folder / ".carcinomap", 1) == b""


def test_put_somewhere_and_replaced(folder, tmp_path):
    file, place = tmp_path / "new", folder / "maps" / "new.json"
    for content in (b"one", b"and another"):
        file.write_bytes(content)
        before = stamp(place) if exists(place) else None
        upload(file, place)
        assert read_small(place, 100) == content
        assert stamp(place) != before
        assert stamp(place)[0] == len(content)
    assert folder / "maps" / "new.json" in list_files(folder)


def test_patterns(bucket):
    for key in ("x/a.svs", "x/b.tif", "x/deep/c.svs"):
        bucket.put(b"x", key)
    found = [str(file) for file in matching_files(as_path("s3://slides/x/*.svs"))]
    assert found == ["s3://slides/x/a.svs"]
    found = [str(file) for file in matching_files(as_path("s3://slides/**/?.svs"))]
    assert found == ["s3://slides/x/a.svs", "s3://slides/x/deep/c.svs"]


def test_a_bucket_that_is_not_there(bucket):
    with pytest.raises(InputError, match="s3://nowhere/: no such folder"):
        list_files(as_path("s3://nowhere/"))


def test_the_web_can_only_be_read(web, tmp_path):
    path = as_path(web.put(b"x", "a.svs"))
    assert (kind_of(path), kind_of(path.parent / "b.svs")) == ("file", "")
    (tmp_path / "file").touch()
    for refused in (
        lambda: list_files(path.parent),
        lambda: matching_files(path.parent / "*.svs"),
        lambda: upload(tmp_path / "file", path),
    ):
        with pytest.raises(InputError, match="an address on the web means one file to read"):
            refused()
