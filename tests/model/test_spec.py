import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError
from carcinomap.model import ModelSpec, Preprocessing
from carcinomap.slide import View

positive = st.floats(1e-3, 1e3)
triples = st.tuples(positive, positive, positive)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "inf" not in repr(value))


def a_spec(**changes) -> ModelSpec:
    values = {
        "architecture": "unet",
        "kwargs": {"encoder": "resnet18"},
        "classes": ClassScheme.default(),
        "views": (View(1.0, 256),),
        "stride": 32,
        "preprocessing": Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    }
    return ModelSpec(**{**values, **changes})


@given(
    views=st.lists(st.builds(View, positive, st.integers(1, 4096)), min_size=1, max_size=3),
    preprocessing=st.builds(Preprocessing, triples, triples),
    training=st.dictionaries(st.text(), json_values, max_size=3),
)
def test_a_spec_comes_back_as_it_was(views, preprocessing, training):
    spec = a_spec(views=tuple(views), preprocessing=preprocessing, training=training)
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_keys_are_sorted_whatever_their_order():
    first = a_spec(training={"b": 1, "a": {"d": 2, "c": 3}})
    second = a_spec(training={"a": {"c": 3, "d": 2}, "b": 1})
    assert first.to_json() == second.to_json()
    keys = list(json.loads(first.to_json()))
    assert keys == sorted(keys)
    assert set(keys) == {
        "architecture", "classes", "format", "kwargs", "preprocessing", "scores", "stride",
        "training", "version", "views",
    }  # fmt: skip


def test_a_score_that_is_no_number_becomes_null():
    spec = a_spec(scores={"iou": [0.5, float("nan")], "loss": float("inf")})
    assert ModelSpec.from_json(spec.to_json()).scores == {"iou": [0.5, None], "loss": None}


def test_a_name_that_is_no_unicode_is_escaped():
    spec = a_spec(training={"patients": {"train": ["p\udcfc"]}, "fingerprints": {"s\udcfc": "1"}})
    read = ModelSpec.from_json(spec.to_json())
    assert read.training["patients"] == {"train": [r"p\udcfc"]}
    assert read.training["fingerprints"] == {r"s\udcfc": "1"}
    assert read.to_json() == spec.to_json()


def broken(**changes) -> str:
    value = json.loads(a_spec().to_json())
    for key, change in changes.items():
        if change is KeyError:
            del value[key]
        else:
            value[key] = change
    return json.dumps(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "object"),
        ("[" * 100_000, "JSON"),
        ("{}", "format"),
        (broken(format="1"), "format"),
        (broken(format=2, surprise=1), "update carcinomap"),
        (broken(surprise=1), "surprise"),
        (broken(architecture=KeyError), "architecture"),
        (broken(architecture=3), "architecture"),
        (broken(kwargs={"encoder": ["os.system"]}), "kwargs.encoder"),
        (broken(classes={}), "classes"),
        (broken(classes={"classes": [{"name": "a", "color": "red"}]}), "red"),
        (broken(views=[]), "views"),
        (broken(views=[{"mpp": 0, "size": 256}]), "views.0.mpp"),
        (broken(views=[{"mpp": float("nan"), "size": 256}]), "views.0.mpp"),
        (broken(views=[{"mpp": 1.0, "size": 10**30}]), "views.0.size"),
        (broken(views=[{"mpp": 1.0, "size": 4097}]), "views.0.size: .*equal to 4096"),
        (broken(stride=0), "stride"),
        (broken(stride=32.5), "stride"),
        (broken(preprocessing={"mean": [0.5, 0.5], "std": [0.5, 0.5, 0.5]}), "mean"),
        (broken(preprocessing={"mean": [0.5] * 3, "std": [0.5, 0, 0.5]}), "std"),
        (broken(preprocessing={"mean": [0.5] * 3, "std": [0.5, float("inf"), 1]}), "std"),
        (broken(training=[]), "training"),
        (broken(version=1), "version"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text, message):
    with pytest.raises(InputError, match=message):
        ModelSpec.from_json(text)


@given(st.text())
def test_any_text_is_refused_politely(text):
    with pytest.raises(InputError):
        ModelSpec.from_json(text)
