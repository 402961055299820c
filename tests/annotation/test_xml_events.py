from pathlib import Path

import pytest

from carcinomap.annotation.formats.xml_events import stream
from carcinomap.errors import InputError


class Words:
    """Collects the attribute, and the text, of every element called ``w``."""

    root = "words"

    def __init__(self) -> None:
        self.starts = {"w": lambda attributes: self.found.append(attributes.get("is", ""))}
        self.ends = {"w": lambda text: text and self.found.append(text)}
        self.found: list[str] = []

    def finished(self) -> list[str]:
        found, self.found[:] = list(self.found), []
        return found


def words(folder: Path, content: bytes | str, text: bool = True) -> list[str]:
    path = folder / "words.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(stream(path, Words(), text))


def test_attributes_and_texts_come_in_order(tmp_path):
    content = (
        '<words>\n <w is="a">one <b>no</b>two</w><w/>\n<![CDATA[no]]><w>&lt;&#233;</w></words>'
    )
    assert words(tmp_path, content) == ["a", "two", "", "", "<é"]
    assert words(tmp_path, content, text=False) == ["a", "", ""]


def test_what_is_complete_comes_before_the_file_is_read_to_its_end(tmp_path):
    path = tmp_path / "words.xml"
    path.write_text('<words><w is="first"/>' + "<x/>" * 100_000 + "</wards>")
    found = stream(path, Words())
    assert next(found) == "first"
    with pytest.raises(InputError, match="mismatched tag"):
        list(found)


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>{}]>".format(
    "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: not XML"),
        (b"  \n \n", "line 3: not XML"),
        (b"\x89PNG\r\n\x1a\n", "line 1: not XML"),
        (b'{"type": "FeatureCollection"}', "line 1: not XML"),
        (b"<words>\n<w>\n</words>", "line 3: not XML"),
        (b"<words>\n<w is='\xff'/></words>", "line 2: not XML"),
        (b"<words>\n<w is='a\0b'/></words>", "line 2: not XML"),
        (b"<words>&#0;</words>", "line 1: not XML"),
        (b"<words>&anything;</words>", "line 1: not XML"),
        (b"<words/><words/>", "line 1: not XML"),
        (b"<ASAP_Annotations/>", "line 1: begins with <ASAP_Annotations>, not with <words>"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "begins with"),
        (b"<?xml version='1.0' encoding='klingon'?><words/>", "encoding"),
        (b"<?xml version='1.0' encoding='base64'?><words/>", "encoding"),
        (b"<?xml version='1.0' encoding='utf-7'?><words/>", "encoding"),
        (f"{LAUGHS}<words is='&i;'/>".encode(), "document type or entities"),
        (b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><words/>", "document type or entities"),
        (b"<!DOCTYPE x><words/>", "document type or entities"),
        (b"<words>" + b"<w>" * 1_000_000, "elements inside elements"),
        (b"<words><w is='" + b"a" * 9_000_000 + b"'/></words>", "larger or more varied"),
        (b"<words><!--" + b"a" * 9_000_000 + b"--></words>", "larger or more varied"),
        (b"<words><w>" + b"a" * 9_000_000 + b"</w></words>", "larger or more varied"),
        (b"<words>" + b"".join(b"<a%d/>" % i for i in range(50_000)), "larger or more varied"),
        (b"<words><a " + b" ".join(b"a%d=''" % i for i in range(50_000)) + b"/>", "more varied"),
    ],
)
def test_what_is_no_annotation_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=r"words\.xml") as caught:
        words(tmp_path, content)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_other_encodings_are_read(tmp_path, encoding):
    names = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "latin-1": "ISO-8859-1"}
    declared = names.get(encoding, "windows-1252")
    content = f'<?xml version="1.0" encoding="{declared}"?><words><w is="Bénin"/></words>'
    assert words(tmp_path, content.encode(encoding)) == ["Bénin"]


def test_a_file_cut_anywhere_is_refused(tmp_path):
    content = '<?xml version="1.0"?><words><w is="é">two</w><!-- three --></words>'.encode()
    for length in range(len(content)):
        with pytest.raises(InputError, match=r"words\.xml, line 1: not XML, or not all of it"):
            words(tmp_path, content[:length])
    assert words(tmp_path, content) == ["é", "two"]


def test_a_mistake_in_a_builder_is_not_taken_for_one_in_the_file(tmp_path):
    (tmp_path / "words.xml").write_text("<words><w/></words>")
    builder = Words()
    builder.starts = {"w": lambda attributes: attributes["is"]}
    with pytest.raises(KeyError):
        list(stream(tmp_path / "words.xml", builder))


def test_countless_things_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("carcinomap.annotation.formats.xml_events._MOST_ITEMS", 10)
    with pytest.raises(InputError, match="larger or more varied"):
        words(tmp_path, f"<words>{'<w/>' * 11}</words>")
    assert len(words(tmp_path, f"<words>{'<w/>' * 10}</words>")) == 10
