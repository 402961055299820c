from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.errors import InputError

DOCUMENTED = """\
classes:                                     # position = index; 0 is the background class
  - {name: normal, color: "#b3b3b3"}
  - {name: benign, color: "#e69f00"}
  - {name: in situ, color: "#56b4e9", aliases: [carcinoma in situ, in situ carcinoma, dcis]}
  - {name: invasive, color: "#d55e00", aliases: [carcinoma invasive, invasive carcinoma]}
ignore: [unsure]                             # labels that become 255
roi: [roi]                                   # outside them 255
unknown: error                               # or ignore, or background
"""


def scheme_of(folder: Path, text: str | bytes) -> ClassScheme:
    path = folder / "classes.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ClassScheme.from_yaml(path)


def test_the_documented_file_is_the_default_scheme(tmp_path):
    assert scheme_of(tmp_path, DOCUMENTED) == ClassScheme.default()


def test_pixel_values_are_read_in_order(tmp_path):
    scheme = scheme_of(tmp_path, DOCUMENTED + "values: {7: Benign, 0: normal, 9: unsure}\n")
    assert scheme.values == ((0, "normal"), (7, "Benign"), (9, "unsure"))


def test_names_stay_as_they_are_written(tmp_path):
    text = 'classes:\n- {name: no, color: "#000000"}\n- {name: 1.0, color: "#ffffff"}\nignore: [~x]'
    scheme = scheme_of(tmp_path, text)
    assert scheme.names == ("no", "1.0")
    assert scheme.index("~X") == IGNORE


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("ignore:", "ignored:", 6, "unknown key 'ignored'"),
        ("aliases: [carcinoma in", "alias: [carcinoma in", 4, "unknown key 'alias'"),
        ("name: benign", "name: Normal", 3, "'Normal' is there twice"),
        ("dcis", "Benign", 4, "'Benign' is there twice"),
        ("[unsure]", "[dcis]", 6, "'dcis' is there twice"),
        ("[unsure]", "unsure", 6, "a list was expected"),
        ("[unsure]", "[[unsure]]", 6, "a text was expected"),
        ('"#e69f00"', "orange", 3, "'orange' is no colour"),
        ('"#e69f00"}', "#e69f00}\n  }", 3, "needs quotes"),
        (', color: "#e69f00"', "", 3, "'color' is missing"),
        ("{name: benign,", "{name: ,", 3, "empty"),
        ("error", "fail", 8, "'fail' is none of"),
        ("roi:", "ignore:", 7, "'ignore' is there twice"),
        ("unknown: error", "values: {x: benign}", 8, "'x' is no pixel value"),
        ("unknown: error", "values: {1: tumor}", 8, "'tumor' is neither"),
        ("unknown: error", "values: {1: benign, 01: normal}", 8, "1 is there twice"),
        ("unknown: error", "values: [benign]", 8, "pairs were expected"),
        ("[unsure]", "&a [*a]", 6, "references"),
        ("[unsure]", "[unsure", 7, "not YAML"),
        ("classes:", "- classes:", 6, "not YAML"),
        ("classes:", "klasses:", 1, "unknown key 'klasses'"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path, old, new, line, message):
    assert old in DOCUMENTED
    with pytest.raises(InputError) as caught:
        scheme_of(tmp_path, DOCUMENTED.replace(old, new, 1))
    assert f"classes.yaml, line {line}: " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("normal", "keys were expected"),
        ("classes: 3", "a list of classes"),
        ("classes: [normal, benign]", "keys were expected here: color, name"),
        ("classes: []", "0 classes"),
        (b"classes: \xe4\xff", "not YAML"),
        ("[" * 5000, "nested too deeply"),
        ("classes: [" + "x, " * 400_000 + "]", "larger than 1 MB"),
        ("a: &a [1]\nb: &b [*a, *a]", "references"),
    ],
)
def test_what_is_no_class_file_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=r"classes\.yaml") as caught:
        scheme_of(tmp_path, content)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such class file"):
        ClassScheme.from_yaml(tmp_path / "classes.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(DOCUMENTED)), st.text("{}[]:-,&*!|>'\"# \n\tab0", max_size=6))
@example(0, "? [a]\n")
def test_a_damaged_file_never_breaks_the_reader(tmp_path, at, inserted):
    try:
        scheme = scheme_of(tmp_path, DOCUMENTED[:at] + inserted + DOCUMENTED[at + 1 :])
    except InputError:
        return
    assert len(scheme) >= 2
