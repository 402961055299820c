import pickle
from pathlib import Path

import pytest
from upath import UPath

from carcinomap.errors import InputError
from carcinomap.storage import as_path, beside, is_remote, without_secrets


@pytest.mark.parametrize("text", ["a.svs", "/a/b.svs", "C:/a.svs", "a::b.svs", "nope:/a.svs"])
def test_names_on_a_disk(text):
    assert as_path(text) == Path(text)
    assert as_path(Path(text)) == Path(text)
    assert not is_remote(as_path(text))


def test_an_address_of_a_file_on_a_disk():
    assert as_path("file:///a/b%20c.svs") == Path("/a/b c.svs")
    assert as_path(UPath("file:///a/b.svs")) == Path("/a/b.svs")


@pytest.mark.parametrize(
    "text", ["s3://b/c/d e.svs", "https://h:81/a/d e.svs", "memory://b/d e.svs"]
)
def test_addresses(text):
    path = as_path(text)
    assert is_remote(path)
    assert (str(path), path.name, path.stem, path.suffix) == (text, "d e.svs", "d e", ".svs")
    assert as_path(path) == path
    assert pickle.loads(pickle.dumps(path)) == path  # noqa: S301 - our own


def test_a_slash_that_pathlib_takes_away_is_forgiven():
    assert as_path(Path("s3://b/c.svs")) == as_path("s3://b/c.svs")
    assert str(as_path(Path("https://h/c.svs"))) == "https://h/c.svs"


def test_what_may_be_secret_is_not_in_the_text_but_travels_along():
    path = as_path("https://me:pass%40word@host/a.svs?X-Amz-Signature=abc%2Fdef&b=")
    assert (str(path), path.name) == ("https://host/a.svs", "a.svs")
    assert "abc" not in repr(path)
    assert path.storage_options["params"] == [("X-Amz-Signature", "abc/def"), ("b", "")]
    assert path.storage_options["headers"] == {"Authorization": "Basic bWU6cGFzc0B3b3Jk"}
    again = pickle.loads(pickle.dumps(path))  # noqa: S301
    assert again.storage_options == path.storage_options


@pytest.mark.parametrize(
    "text",
    [
        "simplecache::s3://key:secret@b/a.svs",
        "filecache::https://h/a.svs?token=secret",
        "zip://a.svs::https://h/b.zip?token=secret",
        "ftp://me:secret@h/a.svs",
        "github://a:b@main/a.svs?secret",
        "s3://key:secret@b/a.svs",
        "https://me:secret@:x/a.svs",
        "https:///secret@",
    ],
)
def test_addresses_that_are_not_read(text):
    with pytest.raises(InputError) as raised:
        as_path(text)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pass@host/a.svs?X-Amz-Signature=abc", "https://host/a.svs"),
        ("--annotations=HTTPS://host/a?b", "--annotations=HTTPS://host/a"),
        ("https:/me@host/a.svs", "https:/host/a.svs"),
        ("s3://KEY:with/slash@bucket/a.svs", "s3://bucket/a.svs"),
        ("s3://bucket/a?.svs", "s3://bucket/a?.svs"),
        ("s3://bucket/a@b.svs", "s3://bucket/a@b.svs"),
        ("http://host:8080/a@b.svs", "http://host:8080/a@b.svs"),
        ("slides/a?@b.svs", "slides/a?@b.svs"),
        ("C:/a@b.svs", "C:/a@b.svs"),
    ],
)
def test_secrets_are_taken_out_of_addresses_alone(text, shown):
    assert without_secrets(text) == shown


def test_other_kinds_of_upath_are_not_read():
    with pytest.raises(InputError, match="not read"):
        as_path(UPath("data:text/plain,abc"))


def test_what_a_table_names():
    assert beside(Path("/t/c.csv"), "a.svs") == Path("/t/a.svs")
    assert beside(Path("/t/c.csv"), "/x/a.svs") == Path("/x/a.svs")
    assert str(beside(Path("/t/c.csv"), "s3://b/a.svs")) == "s3://b/a.svs"
    assert str(beside(as_path("s3://b/t/c.csv"), "d/a.svs")) == "s3://b/t/d/a.svs"
