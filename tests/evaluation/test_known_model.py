"""What a model knows of whom it is scored on."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.errors import InputError
from carcinomap.evaluation.curves import Curve
from carcinomap.evaluation.known_model import KnownModel
from carcinomap.evaluation.labels import MOST_NAMES
from carcinomap.model import ModelSpec, Preprocessing
from carcinomap.segmentation.identity import identity_of
from carcinomap.slide import View

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["train", "val", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def write_model(path, training, mean_iou=0.5):
    """Write a model file as ``train`` leaves one, of next to no weights."""
    spec = ModelSpec(
        architecture="unet",
        kwargs={},
        classes=ClassScheme.default(),
        views=(View(1.0, 256),),
        stride=32,
        preprocessing=Preprocessing((0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
        training=training,
        scores={"mean_iou": mean_iou},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"weight": np.zeros(2, np.float32)}, path, {"carcinomap": spec.to_json()})
    return path


def write_case(folder, name, patient, outlines="<Annotations/>"):
    annotation = folder / f"{name}.xml"
    annotation.write_text(outlines, encoding="utf-8")
    return Case(folder / f"{name}.svs", annotation, patient)


def write_record(case, model):
    """Say beside the map of a slide what made it."""
    record = {"slide": case.slide.name, "model": model}
    case.slide.with_suffix(".json").write_text(json.dumps(record), encoding="utf-8")


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def warned(known, *cases):
    return known.warnings(cases, [case.slide.with_suffix(".ome.tif") for case in cases])


SPLIT = {"patients": {"train": ["p1", "p2"], "val": ["p3"], "test": ["p4"]}}


@pytest.fixture
def known(tmp_path):
    return KnownModel.of(write_model(tmp_path / "model.safetensors", SPLIT))


def test_patients_who_trained_are_named(known, tmp_path):
    cases = [write_case(tmp_path, f"s{number}", f"p{number}") for number in (1, 2, 4, 5)]
    (warning,) = warned(known, *cases)
    assert warning.startswith(
        "2 of 4 slides (s1, s2) are of patients whom the model was trained on"
    )


def test_a_patient_whose_name_is_no_unicode_is_known(tmp_path):
    model = write_model(tmp_path / "odd.safetensors", {"patients": {"train": ["P\udcfc"]}})
    case = write_case(tmp_path, "a", "P\udcfc")
    assert "was trained on" in warned(KnownModel.of(model), case)[0]


def test_patients_who_validated_are_named_apart(known, tmp_path):
    cases = [write_case(tmp_path, f"s{number}", f"p{number}") for number in (1, 3)]
    train, val = warned(known, *cases)
    assert train.startswith("1 of 2 slides (s1) are of patients whom the model was trained on")
    assert val.startswith("1 of 2 slides (s3) are of patients who chose the step")


def test_held_out_and_unknown_patients_give_no_warning(known, tmp_path):
    cases = [write_case(tmp_path, f"s{number}", f"p{number}") for number in (4, 5)]
    assert warned(known, *cases) == ()


def test_a_renamed_slide_is_known_by_its_annotation(tmp_path):
    training = {**SPLIT, "fingerprints": {"old": sha256("outlined"), "other": sha256("another")}}
    known = KnownModel.of(write_model(tmp_path / "model.safetensors", training))
    (warning,) = warned(known, write_case(tmp_path, "renamed", "p9", "outlined"))
    assert warning.startswith(
        "1 of 1 slides (renamed) have an annotation that the training's cohort"
    )
    assert warned(known, write_case(tmp_path, "renamed", "p9", "outlined anew")) == ()
    # The patient's name tells more.
    assert warned(known, write_case(tmp_path, "renamed", "p4", "outlined")) == ()


@pytest.mark.parametrize(
    ("split", "said"), [("train", "was trained on"), ("val", "chose the step"), ("test", None)]
)
def test_the_part_of_a_renamed_slide_is_known_where_it_was_its_own_patient(tmp_path, split, said):
    training = {"patients": {split: ["old"]}, "fingerprints": {"old": sha256("outlined")}}
    known = KnownModel.of(write_model(tmp_path / "model.safetensors", training))
    warnings = warned(known, write_case(tmp_path, "renamed", "renamed", "outlined"))
    assert (said in warnings[0]) if said else warnings == ()


def test_annotations_that_are_alike_tell_nothing(tmp_path):
    training = {**SPLIT, "fingerprints": dict.fromkeys(("a", "b"), sha256("nothing outlined"))}
    known = KnownModel.of(write_model(tmp_path / "model.safetensors", training))
    assert warned(known, write_case(tmp_path, "s", "p9", "nothing outlined")) == ()


def test_a_slide_without_a_readable_annotation_is_known_by_its_patient_alone(known, tmp_path):
    slide = tmp_path / "s.svs"
    cases = [Case(slide, None, "p9"), Case(slide, tmp_path / "gone.xml", "p1")]
    assert len(warned(known, *cases)) == 1


def test_maps_of_another_model_are_told(known, tmp_path):
    cases = [write_case(tmp_path, name, "p5") for name in ("ours", "theirs", "silent", "odd")]
    write_record(cases[0], {"sha256": known.fingerprint})
    write_record(cases[1], {"sha256": "0" * 64})
    write_record(cases[3], [1])
    (warning,) = warned(known, *cases)
    assert warning.startswith("1 of 4 slides (theirs) have a map that another model made")


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[" * 100_000, b'{"model": 3}', b"null", b"1e999"]
)
def test_a_record_that_is_none_says_nothing(known, tmp_path, content):
    (tmp_path / "s.json").write_bytes(content)
    assert warned(known, write_case(tmp_path, "s", "p5")) == ()


def test_a_second_readers_annotation_is_no_map(known, tmp_path):
    case = write_case(tmp_path, "s", "p5")
    write_record(case, {"sha256": "0" * 64})
    assert known.warnings([case], [tmp_path / "s.geojson"]) == ()


def test_many_slides_are_counted_and_some_named(known, tmp_path):
    cases = [write_case(tmp_path, f"slide\x1b{number}", "p1") for number in range(MOST_NAMES + 3)]
    (warning,) = warned(known, *cases)
    assert warning.startswith(f"{MOST_NAMES + 3} of {MOST_NAMES + 3} slides")
    assert " and 3 more) are" in warning
    assert warning.isprintable()


def test_a_model_that_tells_nothing_of_its_training(tmp_path):
    known = KnownModel.of(write_model(tmp_path / "model.safetensors", {}))
    (warning,) = warned(known, write_case(tmp_path, "s", "p1"))
    assert "does not say whom it was trained with" in warning
    assert "slides (s)" not in warning


@pytest.fixture
def folds(tmp_path):
    """Return the folder of a cross-validation of two folds, each holding out one patient."""
    folder = tmp_path / "folds"
    for number, (learned, held_out) in enumerate([("p2", "p1"), ("p1", "p2")], 1):
        training = {"patients": {"train": [learned], "test": [held_out]}}
        write_model(folder / f"fold-{number}" / "model.safetensors", training, number / 10)
    return folder


def test_of_folds_the_one_that_made_the_map_is_asked(folds, tmp_path):
    known = KnownModel.of(folds)
    case = write_case(tmp_path, "s", "p1")
    first, second = (training.fingerprint for training in known.trainings)
    assert len(warned(known, case)) == 1
    write_record(case, {"sha256": first})
    assert warned(known, case) == ()
    write_record(case, {"sha256": second})
    assert "was trained on" in warned(known, case)[0]
    write_record(case, {"sha256": "both", "members": [{"sha256": second}, {"sha256": first}]})
    assert len(warned(known, case)) == 1


def test_the_cards_of_folds_say_once_what_is_alike(folds):
    titles = [section.title for section in KnownModel.of(folds).sections]
    assert titles.count("fold-1: classes") == 1
    assert {"fold-1: data", "fold-2: data", "fold-1: scores", "fold-2: scores"} <= set(titles)
    assert "fold-2: classes" not in titles


def test_a_run_brings_its_card_and_curves(tmp_path, monkeypatch):
    asked = []

    def read(logs, run):
        asked.append((logs, run))
        return (Curve("loss", (9,), (0.5,), run),)

    monkeypatch.setattr("carcinomap.evaluation.known_model.read_curves", read)
    model = write_model(tmp_path / "run" / "model.safetensors", SPLIT)
    known = KnownModel.of(tmp_path / "run")
    assert asked == [(tmp_path / "run" / "logs", "")]
    assert known.curves == (Curve("loss", (9,), (0.5,)),)
    assert [section.title for section in known.sections][:2] == ["model", "classes"]
    assert KnownModel.of(model) == known
    assert KnownModel.of(model.rename(tmp_path / "run" / "other.safetensors")).curves == ()


def test_fingerprints_are_those_of_the_records(folds, tmp_path):
    """A map names its model, or its models together, as ``KnownModel.fingerprint`` does."""
    from types import SimpleNamespace  # noqa: PLC0415

    from carcinomap.model import open_model  # noqa: PLC0415

    files = sorted(folds.glob("*/model.safetensors"))
    job = SimpleNamespace(
        slide=SimpleNamespace(path=tmp_path / "s.svs", properties={}),
        mpp=1.0,
        size=(1, 1),
        settings=SimpleNamespace(model_dump=lambda **_: {}),
        regions=None,
    )
    for known, paths in ((KnownModel.of(files[0]), files[:1]), (KnownModel.of(folds), files)):
        record = identity_of(job, [open_model(path) for path in paths])
        assert known.fingerprint == record["model"]["sha256"]


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="no model in this folder"):
        KnownModel.of(tmp_path)


@given(patients=JSON, fingerprints=JSON, record=JSON)
@settings(max_examples=80, deadline=None)
def test_whatever_a_model_and_a_record_hold(tmp_path_factory, patients, fingerprints, record):
    folder = tmp_path_factory.mktemp("hostile")
    training = {"patients": patients, "fingerprints": fingerprints}
    known = KnownModel.of(write_model(folder / "model.safetensors", training))
    case = write_case(folder, "s", "a")
    write_record(case, record)
    assert all(isinstance(one, str) for one in warned(known, case))
