"""From a cohort to a model file."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Cohort, PatchKey
from carcinomap.errors import InputError
from carcinomap.evaluation import Confusion
from carcinomap.files import write_json
from carcinomap.model import Model, ModelSpec, Network, build_network, save_model
from carcinomap.training.batches import Division
from carcinomap.training.data import TrainingData, prepare, sampler_of, validation_keys
from carcinomap.training.fitting_batch import fitting_batch
from carcinomap.training.frequency import area_in_patches, area_in_tissue, prior_shift
from carcinomap.training.hardware import first_device, hardware, is_first_process
from carcinomap.training.initial import lower_scores, start_from
from carcinomap.training.loop import fit
from carcinomap.training.loss import SegmentationLoss, balanced_weights
from carcinomap.training.plan import Plan, length
from carcinomap.training.provenance import provenance, summary
from carcinomap.training.rehearsal import rehearse
from carcinomap.training.run import Run, read_checkpoint
from carcinomap.training.settings import TrainingSettings
from carcinomap.training.task import SegmentationTask
from carcinomap.training.validation import score_intervals
from carcinomap.version import __version__


@dataclass(frozen=True)
class TrainingResult:
    """What a training run left.

    Attributes:
        model: The model file.
        scores: ``mean_iou`` and ``iou`` by class, on the validation patches of the best ``step``,
            and their 95 % ``intervals`` over patients, where more than one validated; empty where
            nobody did.
        steps: Steps taken.
        notes: What a user should know.
    """

    model: Path
    scores: Mapping[str, Any]
    steps: int
    notes: tuple[str, ...]


def train(
    cohort: Cohort,
    output: str | Path,
    settings: TrainingSettings | None = None,
    scheme: ClassScheme | None = None,
    *,
    init: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> TrainingResult:
    """Train a model on the annotated slides of a cohort.

    Args:
        cohort: The cases.
        output: Folder of the run; ``model.safetensors`` in it is the best model, or the last one
            where nobody validates.
        settings: How to train.
        scheme: The classes; the cohort's own, or else BACH's four, where none are given.
        init: Model file to start from, of the same kind of network; its classes may be others.
        resume: Go on with the run in ``output``.
        overwrite: Start anew where there is one already.

    Raises:
        InputError: The cohort, the settings or the output folder cannot be used.
        CarcinomapError: The loss is not finite any more.
    """
    settings = settings or TrainingSettings()
    scheme = scheme or cohort.scheme or ClassScheme.default()
    started = time.time()
    hardware(settings)  # what can be wrong with it is told before slides are read
    run = Run(Path(output))
    first = is_first_process()
    if first:
        run.check(settings, scheme, init, resume, overwrite)
    ready = _make_ready(cohort, settings, scheme, init, run.batch() if resume else None)
    data, plan = ready.data, ready.plan
    if first:
        if resume:
            run.check_split(data.cases, data.fingerprints)
        run.begin(settings, scheme, init, resume, plan.division.batch)
        run.write_split(data.cases, data.fingerprints)
    task = SegmentationTask(ready.network, plan, len(data.validators), ready.loss)
    checkpoint = fit(task, data, plan, ready.validating, run, resume)
    scores = _load(checkpoint, task, plan)
    result = TrainingResult(run.model, scores, task.global_step, ready.notes)
    if first:
        _save(result, ready)
        write_json(run.summary, summary(scores, result.steps, time.time() - started, result.notes))
    return result


def check_training(
    cohort: Cohort, settings: TrainingSettings, scheme: ClassScheme, init: str | Path | None
) -> None:
    """Raise what ``train`` would raise of such a training before it touches a folder."""
    hardware(settings)
    _make_ready(cohort, settings, scheme, init, None)


@dataclass(frozen=True)
class _Ready:
    """All that a training needs, and what a user should know of it."""

    network: Network
    data: TrainingData
    plan: Plan
    loss: SegmentationLoss
    validating: Sequence[PatchKey]
    notes: tuple[str, ...]


def _make_ready(
    cohort: Cohort,
    settings: TrainingSettings,
    scheme: ClassScheme,
    init: str | Path | None,
    before: int | None,
) -> _Ready:
    """Prepare a training; ``before`` is the number of patches a step of one that goes on."""
    network, notes = _network(settings, scheme, init)
    data = prepare(cohort, scheme, settings)
    if settings.patience is not None and not data.validation:
        raise InputError("--patience waits for validations; give --validation-share too")
    plan = _plan(settings, scheme, network, data, before)
    rehearse(network, plan.views, plan.division)
    loss = _loss(data, plan)
    if init is None and loss.shift is not None:
        lower_scores(network.module, loss.shift)
    validating = validation_keys(data, plan)
    return _Ready(network, data, plan, loss, validating, (*data.notes, *notes))


def _network(
    settings: TrainingSettings, scheme: ClassScheme, init: str | Path | None
) -> tuple[Network, list[str]]:
    """Return the network to begin with, and what a user should know of it."""
    torch.manual_seed(settings.seed)
    pretrained: bool | Path = settings.pretrained and init is None
    if settings.encoder_weights is not None:
        if init is not None:
            raise InputError("--init brings its encoder's weights; leave out --encoder-weights")
        pretrained = Path(settings.encoder_weights)
    network = build_network(
        settings.architecture,
        settings.encoder,
        len(scheme),
        pretrained=pretrained,
        width=settings.width,
        context=settings.context,
        decoder_width=settings.decoder_width,
        output_stride=settings.output_stride,
    )
    if settings.patch % network.stride:
        raise InputError(
            f"--patch {settings.patch}: must be a multiple of {network.stride}, the stride of "
            f"this {network.architecture}"
        )
    if init is None:
        return network, []
    network, note = start_from(network, scheme, init)
    return network, [note]


def _plan(
    settings: TrainingSettings,
    scheme: ClassScheme,
    network: Network,
    data: TrainingData,
    before: int | None,
) -> Plan:
    """Settle what is left open: how many patches a step has, and how many steps there are.

    The patches are not counted once more, where a run goes on that has had ``before`` a step.
    """
    views = network.views(settings.mpp, settings.patch)
    batch = settings.batch or before
    if not batch:
        rehearse(network, views, Division(2))  # before a GPU is asked how many it can take
        half = hardware(settings)["precision"] != "32-true"
        fits = fitting_batch(network.module, views, first_device(settings), half)
        batch = fits * settings.accumulate
    division = Division(batch, settings.devices * settings.nodes, settings.accumulate)
    steps = length(settings, data.tissue_mm2(), division.batch)
    return Plan(scheme, settings, views, division, steps)


def _loss(data: TrainingData, plan: Plan) -> SegmentationLoss:
    scheme, settings, view = plan.scheme, plan.settings, plan.views[0]
    weights = shift = None
    sampler = sampler_of(data, scheme, settings, view)
    if settings.class_weights == "balanced":
        taught = area_in_patches(data.training, scheme, sampler, view, glass=True)
        weights = balanced_weights(taught)
    if settings.prior == "tissue":
        in_patches = area_in_patches(data.training, scheme, sampler, view)
        shift = prior_shift(in_patches, area_in_tissue(data.training, scheme))
        if weights is not None:  # they, too, make a class seem more common
            shift = shift + weights.log()
    return SegmentationLoss(settings.dice, settings.focal, settings.label_smoothing, weights, shift)


def _load(path: Path, task: SegmentationTask, plan: Plan) -> dict[str, Any]:
    """Load the weights of a checkpoint into the task's network and return their scores."""
    checkpoint = read_checkpoint(path)
    task.load_state_dict(checkpoint["state_dict"])
    patients = [Confusion(np.array(matrix)) for matrix in checkpoint.get("patients", [])]
    intervals = score_intervals(patients, plan.scheme, plan.settings.seed)
    return {**checkpoint["scores"], **({"intervals": intervals} if intervals else {})}


def _save(result: TrainingResult, ready: _Ready) -> None:
    network, plan = ready.network, ready.plan
    spec = ModelSpec(
        architecture=network.architecture,
        kwargs=network.kwargs,
        classes=plan.scheme,
        views=plan.views,
        stride=network.stride,
        preprocessing=network.preprocessing,
        training=provenance(ready.data, plan, result.steps, result.notes),
        scores=result.scores,
        version=__version__,
    )
    save_model(Model(spec, network.module.eval().cpu()), result.model)
