"""From a cohort to a model file."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Cohort
from carcinomap.errors import InputError
from carcinomap.evaluation import Confusion
from carcinomap.files import write_json
from carcinomap.model import Model, ModelSpec, Network, build_network, save_model
from carcinomap.slide import View
from carcinomap.training.batches import Division
from carcinomap.training.data import TrainingData, prepare, sampler_of
from carcinomap.training.fitting_batch import fitting_batch
from carcinomap.training.frequency import area_in_patches, area_in_tissue, prior_shift
from carcinomap.training.hardware import first_device, hardware, is_first_process
from carcinomap.training.initial import lower_scores, start_from
from carcinomap.training.loop import fit, length
from carcinomap.training.loss import SegmentationLoss, balanced_weights
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
    network = _network(settings, scheme, init is None)
    notes = []
    if init is not None:
        network, note = start_from(network, scheme, init)
        notes.append(note)
    data = prepare(cohort, scheme, settings)
    if settings.patience is not None and not data.validation:
        raise InputError("--patience waits for validations; give --validation-share too")
    views = network.views(settings.mpp, settings.patch)
    division = _division(settings, network, run.batch() if resume else None)
    rehearse(network, views, division)
    if first:
        if resume:
            run.check_split(data.cases)
        run.begin(settings, scheme, init, resume, division.batch)
        run.write_split(data.cases)
    loss = _loss(data, scheme, settings, views[0])
    if init is None and loss.shift is not None:
        lower_scores(network.module, loss.shift)
    steps = length(settings, data, division.batch)
    task = SegmentationTask(
        network.module,
        network.preprocessing,
        scheme,
        settings,
        steps,
        division,
        len(data.validators),
        loss,
    )
    checkpoint = fit(task, data, scheme, settings, views, division, run, steps, resume)
    scores = _load(checkpoint, task, scheme, settings.seed)
    result = TrainingResult(run.model, scores, task.global_step, (*data.notes, *notes))
    if first:
        _save(result, network, data, scheme, settings, division.batch)
        write_json(run.summary, summary(scores, result.steps, time.time() - started, result.notes))
    return result


def _network(settings: TrainingSettings, scheme: ClassScheme, from_scratch: bool) -> Network:
    torch.manual_seed(settings.seed)
    weights = settings.encoder_weights if from_scratch else None
    network = build_network(
        settings.architecture,
        settings.encoder,
        len(scheme),
        pretrained=settings.pretrained and from_scratch if weights is None else Path(weights),
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
    return network


def _division(settings: TrainingSettings, network: Network, before: int | None) -> Division:
    """Return how a step's patches are divided; they are counted here where that is left open.

    Not once more, where a run goes on that has taken ``before`` patches a step.
    """
    batch = settings.batch or before
    if not batch:
        views = network.views(settings.mpp, settings.patch)
        half = hardware(settings)["precision"] != "32-true"
        fits = fitting_batch(network.module, views, first_device(settings), half)
        batch = fits * settings.accumulate
    return Division(batch, settings.devices * settings.nodes, settings.accumulate)


def _loss(
    data: TrainingData, scheme: ClassScheme, settings: TrainingSettings, view: View
) -> SegmentationLoss:
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


def _load(path: Path, task: SegmentationTask, scheme: ClassScheme, seed: int) -> dict[str, Any]:
    """Load the weights of a checkpoint into the task's network and return their scores."""
    checkpoint = read_checkpoint(path)
    task.load_state_dict(checkpoint["state_dict"])
    patients = [Confusion(np.array(matrix)) for matrix in checkpoint.get("patients", [])]
    intervals = score_intervals(patients, scheme, seed)
    return {**checkpoint["scores"], **({"intervals": intervals} if intervals else {})}


def _save(
    result: TrainingResult,
    network: Network,
    data: TrainingData,
    scheme: ClassScheme,
    settings: TrainingSettings,
    batch: int,
) -> None:
    spec = ModelSpec(
        architecture=network.architecture,
        kwargs=network.kwargs,
        classes=scheme,
        views=network.views(settings.mpp, settings.patch),
        stride=network.stride,
        preprocessing=network.preprocessing,
        training=provenance(data, scheme, settings, result.steps, batch, result.notes),
        scores=result.scores,
        version=__version__,
    )
    save_model(Model(spec, network.module.eval().cpu()), result.model)
