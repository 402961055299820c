"""What a training says of its validation is what its model does there, patient by patient."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from small_training import SMALL

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.errors import InputError
from carcinomap.evaluation import Confusion
from carcinomap.model import load_model
from carcinomap.model.card import card
from carcinomap.model.torch_runtime import TorchRuntime
from carcinomap.slide import View
from carcinomap.training import TrainingSettings, train
from carcinomap.training.batches import Division
from carcinomap.training.data import prepare, validation_keys, validation_loader
from carcinomap.training.plan import Plan
from carcinomap.training.validation import PatientConfusion, pooled_scores, score_intervals

SCHEME = ClassScheme.default()


def test_counts_are_those_of_each_patient():
    random = np.random.default_rng(0)
    truth, guess = random.integers(0, 4, (2, 6, 8, 8))
    truth[random.random(truth.shape) < 0.2] = IGNORE
    owners = np.array([2, 0, 2, 2, 0, 3])
    metric = PatientConfusion(4, 4)
    for part in (slice(0, 4), slice(4, 6)):
        metric.update(*(torch.from_numpy(one[part]) for one in (guess, truth, owners)))
    for patient, counted in enumerate(metric.compute().numpy()):
        theirs = (one[owners == patient].astype(np.uint8) for one in (truth, guess))
        assert (counted == Confusion.of(*theirs, 4).matrix).all()
    metric.reset()
    assert not metric.matrices.any()


def test_classes_that_nobody_has_are_left_out():
    confusions = [Confusion(np.diag([5, 0, 0, count])) for count in (3, 4)]
    confusions[0].matrix[0, 1] = 5
    scores = pooled_scores(confusions, SCHEME)
    assert scores == {"mean_iou": pytest.approx(5 / 6), "iou": {"normal": 10 / 15, "invasive": 1.0}}
    intervals = score_intervals(confusions, SCHEME, 0)
    assert intervals["mean_iou"] == [0.75, 1.0]
    assert intervals["iou"]["normal"] == [0.5, 1.0]


@pytest.mark.parametrize("patients", [0, 1])
def test_without_another_patient_there_is_no_interval(patients):
    assert score_intervals([Confusion(np.eye(4, dtype=np.int64))] * patients, SCHEME, 0) == {}


def test_scores_and_intervals_are_those_of_the_model(cohort, tmp_path):
    exact = {"precision": "32", "validation_patches": 12}  # as the runtime computes
    settings = TrainingSettings(**{**SMALL, **exact}, steps=4, validate_every=2)
    who = (("one", "val"), ("other", "val"), ("third", "train"))
    cases = zip(cohort.cases, who, strict=True)
    cohort = replace(cohort, cases=tuple(replace(c, patient=p, split=s) for c, (p, s) in cases))
    result = train(cohort, tmp_path, settings)
    data = prepare(cohort, SCHEME, settings)
    assert data.validators == ("one", "other")
    model = load_model(result.model)
    runtime = TorchRuntime(model, torch.device("cpu"))
    plan = Plan(SCHEME, settings, model.spec.views, Division(2), 4)
    loader = validation_loader(data, plan, validation_keys(data, plan), lambda: (0, 1))
    of_patient = {name: Confusion.empty(4) for name in data.validators}
    for key in chain.from_iterable(loader.batch_sampler):
        images, labels, _ = loader.dataset[key]
        (found,) = runtime.run([tuple(image.permute(1, 2, 0).numpy()[None] for image in images)])
        guess = found[0].argmax(axis=0).astype(np.uint8)
        of_patient[data.cases[key.case].patient] += Confusion.of(
            labels.numpy().astype(np.uint8), guess, 4
        )
    pooled = pooled_scores(list(of_patient.values()), SCHEME)["mean_iou"]
    assert result.scores["mean_iou"] == pytest.approx(pooled, abs=1e-3)
    # Of two patients, one in four resamples is the one alone, and one the other.
    drawn = [pooled, *(one.mean_iou for one in of_patient.values())]
    low, high = result.scores["intervals"]["mean_iou"]
    assert (low, high) == pytest.approx((min(drawn), max(drawn)), abs=1e-3)
    assert high - low > 0.01
    told = {section.title: dict(section.rows) for section in card(model.spec, "")}
    assert told["scores"]["mean IoU"].endswith(f"(95 %: {low:.3f} to {high:.3f})")


def test_every_process_has_something_to_validate(cohort):
    settings = TrainingSettings(**SMALL)
    data = prepare(cohort, SCHEME, settings)

    def sizes_of(rank, processes):
        division = Division(4 * processes, processes)
        plan = Plan(SCHEME, settings, (View(1.0, 64),), division, None)
        keys = validation_keys(data, plan)
        loader = validation_loader(data, plan, keys, lambda: (rank, processes))
        return [len(keys) for keys in loader.batch_sampler]

    def sizes(processes):
        return [sizes_of(rank, processes) for rank in range(processes)]

    assert sizes(1) == [[4]]
    assert sizes(2) == [[2], [2]]
    assert sizes(4) == [[1]] * 4
    with pytest.raises(InputError, match="4 patches validate, too few"):
        sizes(5)
