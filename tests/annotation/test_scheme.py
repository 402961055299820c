import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carcinomap.annotation import IGNORE, ClassScheme, TissueClass
from carcinomap.annotation.scheme import normalised
from carcinomap.errors import InputError

DEFAULT = ClassScheme.default()
GREY, RED = TissueClass("normal", "#b3b3b3"), TissueClass("tumour", "#ff0000", ("cancer",))


@pytest.mark.parametrize(
    ("label", "index"),
    [
        ("Normal", 0),
        ("Benign", 1),
        ("Carcinoma in situ", 2),
        ("In situ carcinoma", 2),
        ("DCIS", 2),
        ("Carcinoma invasive", 3),
        ("Invasive carcinoma", 3),
        ("  INVASIVE \t carcinoma\n", 3),
        ("Invásive Cärcinoma", 3),
        ("Unsure", IGNORE),
        ("roi", None),
        ("", None),
        ("Benign gland", None),
        ("insitu", None),
    ],
)
def test_the_default_scheme_reads_the_spellings_of_real_files(label, index):
    assert DEFAULT.index(label) == index


def test_the_default_scheme_has_the_classes_of_the_challenge_in_order():
    assert DEFAULT.names == ("normal", "benign", "in situ", "invasive")
    assert len(DEFAULT) == 4
    assert DEFAULT.colours_rgb[3] == (0xD5, 0x5E, 0x00)
    assert DEFAULT.is_roi(" ROI ")
    assert not DEFAULT.is_roi("benign")


@given(st.text())
def test_matching_is_blind_to_case_accents_and_spaces(label):
    key = normalised(label)
    assert normalised(key) == key
    assert normalised(f"  {label}\t ") == key
    assert normalised(label.replace("e", "é").replace(" ", "  ")) == key


def test_unknown_labels_follow_the_policy():
    def scheme(unknown: str) -> ClassScheme:
        return ClassScheme((GREY, RED), unknown=unknown)

    assert scheme("ignore").value("vessel") == IGNORE
    assert scheme("background").value("vessel") == 0
    assert scheme("background").value("CANCER") == 1
    with pytest.raises(InputError, match=r"'Tumor' \(did you mean 'tumour'\?\)"):
        scheme("error").value("Tumor")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": (GREY,)}, "1 classes"),
        ({"classes": tuple(TissueClass(str(i), "#000000") for i in range(255))}, "255 classes"),
        ({"classes": (GREY, TissueClass(" NORMAL", "#000000"))}, "twice: 'normal'"),
        ({"classes": (GREY, TissueClass("x", "#000000", ("Nórmal",)))}, "twice: 'normal'"),
        ({"classes": (GREY, RED), "ignore": ("Cancer",)}, "twice: 'cancer'"),
        ({"classes": (GREY, TissueClass("ROI", "#000000"))}, "twice: 'ROI'"),
        ({"classes": (GREY, RED), "unknown": "guess"}, "'guess' is none of"),
        ({"classes": (GREY, RED), "values": ((1, "vessel"),)}, "neither a class nor ignored"),
        ({"classes": (GREY, RED), "values": ((2, "normal"), (1, "tumour"))}, "in order"),
        ({"classes": (GREY, RED), "values": ((-1, "normal"),)}, "pixel values"),
    ],
)
def test_a_scheme_that_contradicts_itself_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        ClassScheme(**arguments)


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", "", "#b3b3b3b3", "#b3b3b3\n"])
def test_a_colour_is_six_digits(colour):
    with pytest.raises(InputError, match="is no colour"):
        TissueClass("x", colour)


def test_a_class_needs_a_name():
    with pytest.raises(InputError, match="needs a name"):
        TissueClass("  ", "#000000")


@given(
    st.lists(
        st.text(min_size=1, max_size=8).filter(normalised),
        min_size=6,
        max_size=8,
        unique_by=normalised,
    ),
    st.sampled_from(["error", "ignore", "background"]),
    st.sets(st.integers(0, 65535), max_size=5),
)
def test_a_scheme_survives_json_and_pickle(labels, unknown, values):
    first, alias, second, ignored, interest, *more = labels
    scheme = ClassScheme(
        classes=(TissueClass(first, "#000000", (alias,)), TissueClass(second, "#ABCDEF")),
        ignore=(ignored, *more),
        roi=(interest,),
        values=tuple((value, alias if value % 2 else ignored) for value in sorted(values)),
        unknown=unknown,
    )
    stored = json.dumps(scheme.to_dict(), sort_keys=True)
    assert ClassScheme.from_dict(json.loads(stored)) == scheme
    assert pickle.loads(pickle.dumps(scheme)) == scheme  # noqa: S301 - our own bytes
    assert json.dumps(scheme.to_dict()) == stored
    assert scheme.index(alias) == 0


def test_regions_without_a_label_can_be_given_a_class():
    scheme = ClassScheme((GREY, TissueClass("nucleus", "#000000", ("",))))
    assert scheme.index("  ") == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["classes", "name", "color", "aliases", "values", "roi", "unknown", "1"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_no_json_value_breaks_the_reader(value):
    try:
        scheme = ClassScheme.from_dict(value)
    except InputError:
        return
    assert len(scheme) >= 2
