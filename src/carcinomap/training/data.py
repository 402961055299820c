"""From a cohort to loaders: what trains, what validates, and in which order."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader

from carcinomap.annotation import AnnotationSet, ClassScheme, check_labels
from carcinomap.cohort import (
    Case,
    Cohort,
    PatchKey,
    PatchSampler,
    PatchSource,
    Sampling,
    grid_keys,
    spatial_block,
    split_by_patient,
)
from carcinomap.errors import InputError
from carcinomap.progress import progress
from carcinomap.slide import View
from carcinomap.storage import local_copy
from carcinomap.training.batches import KeyBatches, SharedBatches
from carcinomap.training.dataset import Patch, PatchDataset
from carcinomap.training.hardware import worker_count
from carcinomap.training.plan import Plan
from carcinomap.training.settings import TrainingSettings
from carcinomap.training.validation import PatientPatch, PatientPatches


@dataclass(frozen=True)
class TrainingData:
    """The cases with their splits, and where patches come from.

    Attributes:
        cases: Every case that takes part, with its split.
        training: Sources of training patches.
        validation: Sources of validation patches; may be none.
        notes: What a user should know: slides left out, and how validation was chosen.
        fingerprints: SHA-256 of every case's annotation file as it was read, by the case's name.
    """

    cases: tuple[Case, ...]
    training: tuple[PatchSource, ...]
    validation: tuple[PatchSource, ...]
    notes: tuple[str, ...]
    fingerprints: Mapping[str, str]

    def annotated_mm2(self, scheme: ClassScheme) -> dict[str, dict[str, float]]:
        """Return the outlined area of every class, for each split."""
        found: dict[str, dict[str, float]] = {}
        # Where one patient is cut in two, a source stands on both sides; it is the same slide.
        sources = {source.case: source for source in (*self.validation, *self.training)}
        for source in sources.values():
            of_split = found.setdefault(self.cases[source.case].split, {})
            for name, area in areas_mm2(source, scheme).items():
                of_split[name] = round(of_split.get(name, 0.0) + area, 4)
        return found

    @property
    def validators(self) -> tuple[str, ...]:
        """The patients who validate, in order."""
        return tuple(sorted({self.cases[source.case].patient for source in self.validation}))

    def tissue_mm2(self) -> float:
        """Return the area that training draws from."""
        return sum(source.tissue.area_mm2 for source in self.training)


def prepare(cohort: Cohort, scheme: ClassScheme, settings: TrainingSettings) -> TrainingData:
    """Open every annotated slide once, find its tissue, and decide what validates.

    Raises:
        InputError: An annotation has labels that are no class, or no annotated slide is left.
    """
    annotated = [case for case in cohort.cases if case.annotation is not None]
    if not annotated:
        raise InputError(f"{cohort.source}: none of the slides has an annotation to learn from")
    cases, sources, notes = _open_all(annotated, scheme, settings.skip_artefacts)
    notes = [*cohort.notes, *notes]
    if left := len(cohort.cases) - len(annotated):
        notes.append(f"left out: {left} slide{'s' * (left > 1)} without annotation")
    areas = [areas_mm2(source, scheme) for source in sources]
    split = split_by_patient(cases, areas, settings.validation_share, settings.seed)
    training = [source for source in sources if split[source.case].split == "train"]
    validation = [source for source in sources if split[source.case].split == "val"]
    if not training:
        raise InputError(f"{cohort.source}: no slide is left to train on")
    notes += _what_nobody_teaches(training, scheme)
    if not validation and settings.validation_share:
        blocks = [spatial_block(source, scheme) for source in training]
        pairs = list(zip(training, blocks, strict=True))
        validation = [source.restricted(inside=block) for source, block in pairs]
        training = [source.restricted(outside=block) for source, block in pairs]
        notes.append(
            "fewer than two patients: a strip of each slide validates, so the scores tell how "
            "well the rest of the same slides is known, not how well another patient would be"
        )
    return TrainingData(
        split, tuple(training), tuple(validation), tuple(notes), fingerprints_of(cases)
    )


def fingerprints_of(cases: Sequence[Case]) -> dict[str, str]:
    """Return the SHA-256 of the annotation files of cases, by the name of the case."""
    return {
        case.name: hashlib.sha256(local_copy(case.annotation).read_bytes()).hexdigest()
        for case in cases
        if case.annotation is not None
    }


def _what_nobody_teaches(training: Sequence[PatchSource], scheme: ClassScheme) -> Iterator[str]:
    areas = [areas_mm2(source, scheme) for source in training]
    never = [name for name in scheme.names[1:] if not any(of_case[name] for of_case in areas)]
    if never:
        yield (
            f"in no slide to learn from is {', '.join(never)} outlined: the model cannot learn "
            "what that is"
        )


def _open_all(
    cases: Sequence[Case], scheme: ClassScheme, skip_artefacts: bool
) -> tuple[list[Case], list[PatchSource], list[str]]:
    """Return the readable cases, renumbered, with their sources, and notes on the others."""
    opened: list[Case] = []
    sources: list[PatchSource] = []
    notes: list[str] = []
    with progress("reading slides", len(cases), "slides") as advance:
        for case in cases:
            advance()
            try:
                sources.append(PatchSource.of(len(opened), case, scheme, skip_artefacts))
                opened.append(case)
            except InputError as error:
                notes.append(f"left out: {error}")
    if not sources:
        raise InputError("\n".join(["none of the slides can be used", *notes]))
    _check_labels(sources, scheme)
    notes += filter(None, (source.annotations.summary() for source in sources))
    return opened, sources, notes


def _check_labels(sources: Sequence[PatchSource], scheme: ClassScheme) -> None:
    """Raise InputError where a label or a pixel value means nothing; outlines all at once."""
    outlined = [one.annotations for one in sources if isinstance(one.annotations, AnnotationSet)]
    check_labels([(one.source, one.labels()) for one in outlined], scheme)
    for source in sources:
        source.annotations.check(scheme)


def areas_mm2(source: PatchSource, scheme: ClassScheme) -> dict[str, float]:
    """Return the outlined area of every class, in mm²."""
    areas = source.annotations.areas(scheme)
    return {name: area * source.mpp**2 / 1e6 for name, area in areas.items()}


def sampler_of(
    data: TrainingData, scheme: ClassScheme, settings: TrainingSettings, view: View
) -> PatchSampler:
    """Return what draws the places to train on."""
    sampling = Sampling(
        slides=settings.sample_slides,
        polygons=settings.sample_polygons,
        background=settings.background,
        hard=settings.hard_negatives,
        scale_jitter=settings.scale_jitter,
    )
    return PatchSampler(data.training, scheme, view, settings.seed, sampling)


def training_loader(
    data: TrainingData, plan: Plan, now: Callable[[], tuple[int, int]]
) -> DataLoader[Patch]:
    """Return a loader that gives the batches up to the next validation; see ``KeyBatches``.

    Where a strip of each slide validates, no patch touches it. A wider view beside the patch may:
    it shows tissue there, as it will to whoever uses the model, but no label.
    """
    sampler = sampler_of(data, plan.scheme, plan.settings, plan.views[0])
    workers = worker_count(plan.settings)
    return DataLoader(
        PatchDataset(data.cases, data.training, plan.scheme, plan.views, teaching=True),
        batch_sampler=KeyBatches(sampler, plan.division, plan.interval, now),
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def validation_keys(data: TrainingData, plan: Plan) -> list[PatchKey]:
    """Return the keys of the patches that validate; none where nobody does.

    Raises:
        InputError: The validation slides are too small, or there are fewer patches than processes.
    """
    if not data.validation:
        return []
    keys = [
        key for source in data.validation for key in grid_keys(source, plan.scheme, plan.views[0])
    ]
    if not keys:
        raise InputError("the validation slides have no tissue of the size of a patch")
    if len(keys) > plan.settings.validation_patches:
        random = np.random.default_rng(plan.settings.seed)
        chosen = random.choice(len(keys), plan.settings.validation_patches, replace=False)
        keys = [keys[i] for i in sorted(chosen)]
    processes = plan.division.processes
    if len(keys) < processes:
        raise InputError(
            f"{len(keys)} patches validate, too few to be shared by {processes} devices; "
            "let more patients validate (--validation-share), or train on fewer devices"
        )
    return keys


def validation_loader(
    data: TrainingData,
    plan: Plan,
    keys: Sequence[PatchKey],
    share: Callable[[], tuple[int, int]],
) -> DataLoader[PatientPatch] | None:
    """Return a loader of the validation patches, the same ones every time; None without any.

    Args:
        data: The sources.
        plan: Of the training; a batch is no larger than a part of one of its steps.
        keys: Of the patches.
        share: Returns the number of this process and how many there are, who share the patches.
    """
    if not keys:
        return None
    size = min(plan.division.size, len(keys) // plan.division.processes)
    validating = {source.case for source in data.validation}
    numbers = {case: data.validators.index(data.cases[case].patient) for case in validating}
    patches = PatchDataset(data.cases, data.validation, plan.scheme, plan.views, teaching=False)
    return DataLoader(
        PatientPatches(patches, numbers),
        batch_sampler=SharedBatches(
            [list(keys[i : i + size]) for i in range(0, len(keys), size)], share
        ),
        num_workers=min(worker_count(plan.settings), 1),
        pin_memory=torch.cuda.is_available(),
    )
