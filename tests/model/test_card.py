"""The card of a model tells what is known of it, and nothing in it can do harm."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import small_model

from carcinomap.annotation import ClassScheme, TissueClass
from carcinomap.model.card import ENTRIES, card, caveats
from carcinomap.slide import View

SPEC = small_model().spec
TRAINING = {
    "patients": {"train": ["p1", "p3"], "val": ["p2"]},
    "slides": {"train": 4, "val": 1},
    "annotated_mm2": {"train": {"normal": 0.0, "in situ": 1.5}, "val": {"in situ": 0.25}},
    "tissue_mm2": 81.5,
    "notes": ["left out: broken.svs"],
    "settings": {"batch": 8, "rotation": 45.0, "minutes": None},
    "steps": 395,
    "libraries": {"torch": "2.6.0"},
}
SCORES = {
    "step": 240,
    "mean_iou": 0.61,
    "iou": {"normal": 0.8, "in situ": 0.5, "invasive": None},
    "intervals": {"mean_iou": [0.5, 0.7], "iou": {"in situ": [0.4, 0.6]}},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)


def told(spec, defaults=None):
    """Return the card as one dictionary for each section; lines without a key as a list."""
    return {one.title: dict(one.rows) for one in card(spec, "abc", defaults)}


def test_a_card_tells_all_that_is_known():
    spec = replace(SPEC, training=TRAINING, scores=SCORES, views=(View(1.0, 64), View(4.0, 64)))
    found = told(spec, {"batch": 8, "rotation": 180.0})
    assert found["model"]["architecture"] == "atrous-resnet"
    assert found["model"]["sees"] == "64 × 64 px of 1 µm"
    assert found["model"]["and around it"] == "64 × 64 px of 4 µm"
    assert found["model"]["with"] == "torch 2.6.0"
    assert found["model"]["fingerprint"] == "abc"
    outlined = "1.5 mm² outlined to train, 0.25 mm² outlined to val"
    assert found["classes"]["in situ"] == f"#56b4e9, {outlined}"
    assert found["classes"]["normal"] == "#b3b3b3"
    assert found["classes"]["benign"] == "#e69f00"
    assert found["data"]["train"] == "patients: 2 (p1, p3), slides: 4"
    assert found["data"]["tissue"] == "81.5 mm²"
    assert found["data"]["note"] == "left out: broken.svs"
    assert found["training"] == {"steps taken": "395", "rotation": "45"}
    assert found["scores"]["mean IoU"] == "0.610 (95 %: 0.500 to 0.700)"
    assert found["scores"]["IoU of in situ"] == "0.500 (95 %: 0.400 to 0.600)"
    assert found["scores"]["IoU of normal"] == "0.800"
    assert "IoU of invasive" not in found["scores"]


def test_of_an_older_model_it_tells_what_there_is():
    found = told(replace(SPEC, training={}, scores={}))
    assert set(found) == {"model", "classes", "caveats"}


@pytest.mark.parametrize(
    ("training", "scores", "said"),
    [
        ({}, {}, "Nothing is known"),
        ({"patients": {"train": ["p1"]}}, SCORES, "No patient was kept apart"),
        (TRAINING, SCORES, "scores are of: 1."),
        (TRAINING, SCORES, "unknown quality: benign, invasive."),
        (TRAINING, SCORES, "not a medical device"),
    ],
)
def test_caveats_are_those_of_the_model(training, scores, said):
    assert said in " ".join(caveats(replace(SPEC, training=training, scores=scores)))


def test_a_well_validated_model_has_but_one_caveat():
    patients = {"train": ["a"], "val": [f"p{number}" for number in range(9)]}
    iou = dict.fromkeys(SPEC.classes.names, 0.8)
    spec = replace(SPEC, training={"patients": patients}, scores={"mean_iou": 0.8, "iou": iou})
    assert len(caveats(spec)) == 1


def test_long_lists_and_texts_are_cut():
    names = [f"patient {number}" for number in range(10_000)]
    training = {"patients": {"train": names}, "settings": {"encoder": "e" * 10_000}}
    scheme = ClassScheme(tuple(TissueClass(f"c{number}", "#ffffff") for number in range(200)))
    found = told(replace(SPEC, training=training, classes=scheme))
    assert found["data"]["train"].endswith(f"and {10_000 - ENTRIES} more)")
    assert len(found["training"]["encoder"]) < 200
    assert found["classes"][""] == f"and {200 - ENTRIES} more"


@given(training=st.dictionaries(st.sampled_from([*TRAINING, "x"]), JSON), scores=JSON)
@settings(max_examples=80, deadline=None)
def test_whatever_is_in_the_file_only_shows(training, scores):
    known = dict.fromkeys(("mean_iou", "iou", "intervals", "step"), scores)
    spec = replace(SPEC, training=training, scores=known, version="1\x1b[2J\u202e")
    for section in card(spec, "\x9b", {"batch": 8}):
        for row in section.rows:
            assert all(text.isprintable() for text in row)
            assert all(len(text) < 10_000 for text in row)
