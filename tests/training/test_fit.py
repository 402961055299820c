import hashlib
import json
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_training import SMALL

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case, Cohort, read_cohort
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.model import load_model
from carcinomap.model.card import card, caveats
from carcinomap.model.torch_runtime import TorchRuntime
from carcinomap.slide import find_tissue, open_slide
from carcinomap.training import TrainingSettings, train
from carcinomap.training.data import prepare
from carcinomap.training.plan import length


def weights(path):
    return load_model(path).network.state_dict()


def test_run_leaves_a_model_and_how_it_came_about(cohort, tmp_path):
    result = train(cohort, tmp_path, TrainingSettings(**SMALL, steps=4, validate_every=2))
    spec = load_model(result.model).spec
    assert result.steps == 4
    assert spec.classes.names == ("normal", "benign", "in situ", "invasive")
    assert (spec.views[0].mpp, spec.views[0].size) == (1.0, 64)
    assert set(spec.training["fingerprints"]) == {case.name for case in cohort.cases}
    assert sorted(spec.training["patients"]) == ["train", "val"]
    assert 0 <= spec.scores["mean_iou"] <= 1
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()
    assert any((tmp_path / "logs").iterdir())
    summary = json.loads((tmp_path / "run.json").read_text())
    assert summary["steps"] == 4
    told = {section.title: dict(section.rows) for section in card(spec, "")}
    assert "mm² outlined to train" in told["classes"]["invasive"]
    assert set(told["data"]) >= {"train", "val", "tissue"}
    split = {case.patient: case.split for case in read_cohort(tmp_path / "split.csv").cases}
    assert set(split.values()) == {"train", "val"}


def test_a_context_network_learns_from_two_views(cohort, tmp_path):
    wide = {"architecture": "context-unet", "patch": 128, "context": 2}
    settings = TrainingSettings(**{**SMALL, **wide}, steps=2, validate_every=1)
    model = load_model(train(cohort, tmp_path, settings).model)
    assert [(view.mpp, view.size) for view in model.spec.views] == [(1.0, 128), (2.0, 128)]
    tile, wide = (np.full((1, 128, 128, 3), value, np.uint8) for value in (200, 160))
    (probabilities,) = TorchRuntime(model, torch.device("cpu")).run([(tile, wide)])
    assert probabilities.shape == (1, 4, 128, 128)


def test_a_patch_that_does_not_fit_the_network_is_refused(cohort, tmp_path):
    wide = {"architecture": "context-unet", "patch": 192}
    settings = TrainingSettings(**{**SMALL, **wide}, steps=1)
    with pytest.raises(InputError, match="multiple of 128"):
        train(cohort, tmp_path, settings)
    assert not list(tmp_path.iterdir())


def test_same_run_same_bytes(cohort, tmp_path):
    settings = TrainingSettings(**SMALL, steps=3, validate_every=3)
    one = train(cohort, tmp_path / "one", settings).model.read_bytes()
    other = train(cohort, tmp_path / "other", settings).model.read_bytes()
    assert one == other


def test_what_only_gpus_compute_with_is_refused_on_a_cpu(cohort, tmp_path):
    settings = TrainingSettings(**SMALL, steps=2, precision="16", device="cpu")
    with pytest.raises(InputError, match="--precision 16: this is for GPUs"):
        train(cohort, tmp_path, settings)


def test_half_precision_trains_weights_of_full(cohort, tmp_path):
    settings = TrainingSettings(**SMALL, steps=2, validate_every=1, precision="bf16")
    half = weights(train(cohort, tmp_path / "half", settings).model)
    settings = settings.model_copy(update={"precision": "32"})
    full = weights(train(cohort, tmp_path / "full", settings).model)
    assert {value.dtype for value in half.values()} == {value.dtype for value in full.values()}
    learned = [name for name in full if name.endswith(("weight", "bias"))]
    apart = max(float((half[name] - full[name]).abs().max()) for name in learned)
    assert 0 < apart < 0.02  # about a step of AdamW


def test_resume_goes_on_where_it_stopped(cohort, tmp_path):
    settings = TrainingSettings(**SMALL, steps=2, validate_every=2)
    first = train(cohort, tmp_path, settings)
    before = weights(first.model)
    longer = settings.model_copy(update={"steps": 4})
    with pytest.raises(InputError, match="--resume"):
        train(cohort, tmp_path, longer)
    second = train(cohort, tmp_path, longer, resume=True)
    assert second.steps == 4
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 4
    name = next(iter(before))
    assert not torch.equal(last["state_dict"][f"network.{name}"], before[name])


def test_where_nobody_validates_all_teach_and_the_last_weights_are_kept(cohort, tmp_path):
    settings = TrainingSettings(**SMALL, steps=3, validate_every=2, validation_share=0)
    result = train(cohort, tmp_path, settings)
    spec = load_model(result.model).spec
    everybody = sorted({case.patient for case in cohort.cases})
    assert spec.training["patients"] == {"train": everybody}
    assert result.scores == spec.scores == {}
    assert any("no scores" in line for line in caveats(spec))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 3
    for name, value in weights(result.model).items():
        assert torch.equal(last["state_dict"][f"network.{name}"], value)
    case = cohort.cases[0]
    data = prepare(Cohort(cohort.source, (case,)), load_scheme(), settings)
    assert [source.outside for source in data.training] == [None]
    assert data.validation == ()


def test_patience_needs_somebody_who_validates(cohort, tmp_path):
    settings = TrainingSettings(**SMALL, steps=1, patience=2, validation_share=0)
    with pytest.raises(InputError, match="--validation-share"):
        train(cohort, tmp_path / "nobody", settings)
    last = replace(cohort.cases[-1], split="val")  # as a table can say, whatever the share
    chosen = replace(cohort, cases=(*cohort.cases[:-1], last))
    assert train(chosen, tmp_path / "somebody", settings).steps == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"mpp": 20_000}, "no room|tissue of the size"),
        ({"encoder": "tu-nobody"}, "tu-nobody"),
        ({"devices": 5, "batch": 5}, "too few to be shared"),
    ],
)
def test_an_earlier_run_goes_only_for_one_that_can_begin(cohort, tmp_path, changed, told):
    run = tmp_path / "run"
    result = train(cohort, run, TrainingSettings(**SMALL, steps=1))
    kept = result.model.read_bytes()
    with pytest.raises(InputError, match=told):
        train(cohort, run, TrainingSettings(**SMALL | changed, steps=1), overwrite=True)
    assert result.model.read_bytes() == kept
    assert (run / "checkpoints" / "last.ckpt").is_file()


def test_outlines_that_change_are_noticed_and_recorded_as_they_were_read(cohort, tmp_path):
    case = cohort.cases[0]
    outlines = tmp_path / "outlines.xml"
    outlines.write_bytes(case.annotation.read_bytes())
    cohort = Cohort(cohort.source, (replace(case, annotation=outlines), *cohort.cases[1:]))
    settings = {**SMALL, "validate_every": 1}
    model = train(cohort, tmp_path / "run", TrainingSettings(**settings, steps=1)).model
    read = hashlib.sha256(outlines.read_bytes()).hexdigest()
    assert load_model(model).spec.training["fingerprints"][case.name] == read
    outlines.write_bytes(outlines.read_bytes() + b"\n")
    with pytest.raises(InputError, match=f"other outlines of {case.name}"):
        train(cohort, tmp_path / "run", TrainingSettings(**settings, steps=2), resume=True)


def test_weights_come_from_one_place(cohort, tmp_path):
    settings = TrainingSettings(**SMALL, steps=1, encoder_weights="encoder.pt")
    with pytest.raises(InputError, match="leave out --encoder-weights"):
        train(cohort, tmp_path, settings, init="model.safetensors")


def test_one_patient_is_split_in_space(cohort, tmp_path):
    case = cohort.cases[0]
    data = prepare(Cohort(cohort.source, (case,)), load_scheme(), TrainingSettings(**SMALL))
    (training,), (validation,) = data.training, data.validation
    assert training.outside == validation.inside
    both = training.tissue.area_mm2 + validation.tissue.area_mm2
    whole = find_tissue(open_slide(case.slide)).area_mm2
    assert whole <= both < 1.1 * whole  # cells of the edge are on both sides
    assert data.tissue_mm2() < 0.9 * whole
    assert any("fewer than two patients" in note for note in data.notes)
    # What is outlined is told once, though a part of it trains and another validates.
    outlined = training.annotations.areas(load_scheme())
    told = data.annotated_mm2(load_scheme())
    assert list(told) == ["train"]
    for name, area in outlined.items():
        assert told["train"][name] == pytest.approx(area * training.mpp**2 / 1e6, abs=1e-4)


def load_scheme():
    return ClassScheme.default()


def test_unreadable_slide_is_left_out_and_told(cohort, tmp_path):
    broken = tmp_path / "broken.svs"
    broken.write_text("nothing")
    case = Case(broken, cohort.cases[0].annotation, "broken")
    data = prepare(
        Cohort(tmp_path, (case, *cohort.cases)), load_scheme(), TrainingSettings(**SMALL)
    )
    assert [c.name for c in data.cases] == [c.name for c in cohort.cases]
    assert any("left out" in note and "broken.svs" in note for note in data.notes)


def test_what_nobody_teaches_is_told(cohort):
    scheme = ClassScheme.from_dict(
        {"classes": [*load_scheme().to_dict()["classes"], {"name": "nerve", "color": "#000000"}]}
    )
    bare = Case(cohort.cases[0].slide, None, "bare")
    data = prepare(Cohort(cohort.source, (*cohort.cases, bare)), scheme, TrainingSettings(**SMALL))
    assert "left out: 1 slide without annotation" in data.notes
    assert any("nerve outlined: the model cannot learn" in note for note in data.notes)


def test_nothing_annotated(tmp_path):
    (tmp_path / "a.svs").touch()
    with pytest.raises(InputError, match="none of the slides has an annotation"):
        train(read_cohort(tmp_path), tmp_path / "run", TrainingSettings(**SMALL))


def test_length(cohort):
    data = prepare(cohort, load_scheme(), TrainingSettings(**SMALL))
    tissue = data.tissue_mm2()
    assert length(TrainingSettings(steps=7), tissue, 8) == 7
    assert length(TrainingSettings(minutes=2), tissue, 8) is None
    patches = tissue * 1e6 / 256**2
    assert length(TrainingSettings(epochs=3), tissue, 8) == int(np.ceil(3 * patches / 8))


def test_time_ends_the_training(cohort, tmp_path):
    settings = TrainingSettings(**SMALL, minutes=0.02, validate_every=1000)
    result = train(cohort, tmp_path, settings)
    assert 0 < result.steps < 1000
    assert result.scores["step"] == result.steps


def test_loss_that_is_lost_stops(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "carcinomap.training.loss.SegmentationLoss.forward",
        lambda self, logits, labels: logits.sum() * float("nan"),
    )
    with pytest.raises(CarcinomapError, match="not finite at step 1"):
        train(cohort, tmp_path, TrainingSettings(**SMALL, steps=3))
    assert not (tmp_path / "model.safetensors").exists()


def test_interrupt_leaves_no_model(cohort, tmp_path):
    def interrupt():
        while not (tmp_path / "checkpoints" / "last.ckpt").exists():
            time.sleep(0.05)
        signal_main()

    def signal_main():
        import signal  # noqa: PLC0415

        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        train(cohort, tmp_path, TrainingSettings(**SMALL, steps=10_000, validate_every=2))
    assert not (tmp_path / "model.safetensors").exists()
    resumed = train(
        cohort, tmp_path, TrainingSettings(**SMALL, steps=1, validate_every=2), resume=True
    )
    assert resumed.model.is_file()
