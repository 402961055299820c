"""What a model knows of itself, and whether it has met before whom it is scored on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from carcinomap.cohort import Case
from carcinomap.errors import CarcinomapError
from carcinomap.evaluation.curves import Curve, read_curves
from carcinomap.evaluation.labels import listed
from carcinomap.files import escaped
from carcinomap.model import Model, open_model
from carcinomap.model.card import Section, card, printable
from carcinomap.segmentation.models import RUN_MODEL, model_files
from carcinomap.segmentation.results.outputs import MAP, RECORD
from carcinomap.storage import AnyPath, local_copy

RECORD_BYTES = 16 * 1024**2  # of a map's record, more than any honest one has

MET = {
    "train": "{} are of patients whom the model was trained on, going by names and annotations; "
    "the scores tell how well it knows them, not how well it maps others.",
    "val": "{} are of patients who chose the step of the training that was kept, going by names "
    "and annotations; others may score lower.",
    "unclear": "{} have an annotation that the training's cohort had under another name; the "
    "model may have been trained on them.",
}
"""What is said of slides, by the part that they had in the training; held-out ones are fine."""

FOREIGN = "{} have a map that another model made; what is known of this one is not about them."
UNTOLD = "The model does not say whom it was trained with; they may be among those scored."


@dataclass(frozen=True)
class Training:
    """Whom one model was trained with.

    Attributes:
        fingerprint: Of the model.
        patients: Their names, by split.
        annotations: Name of the slide by the SHA-256 of its annotation file; those of the
            cohort's held-out slides, too.
    """

    fingerprint: str
    patients: Mapping[str, frozenset[str]]
    annotations: Mapping[str, str]

    @classmethod
    def of(cls, model: Model) -> Training:
        """Take what is usable from a model file, which may hold anything."""
        training = model.spec.training
        patients = _mapping(training.get("patients"))
        digests = {
            name: digest
            for name, digest in _mapping(training.get("fingerprints")).items()
            if isinstance(digest, str)
        }
        # Files in which nothing is outlined are alike, and tell no slide from another.
        times = Counter(digests.values())
        return cls(
            model.fingerprint,
            {split: _texts(names) for split, names in patients.items()},
            {digest: name for name, digest in digests.items() if times[digest] == 1},
        )

    def split_of(self, patient: str, digest: str) -> str:
        """Return the part that a slide had in the training.

        Args:
            patient: The slide's.
            digest: SHA-256 of its annotation.

        Returns:
            ``train``, ``val``, ``test``, ``unclear`` where only the annotation is known, or
            ``none``.
        """
        before = self.annotations.get(digest)
        for name in (escaped(patient), before):  # a slide without a patient is its own
            for split in ("train", "val", "test"):
                if name in self.patients.get(split, ()):
                    return split
        return "none" if before is None else "unclear"


@dataclass(frozen=True)
class KnownModel:
    """What is known of a model, or of several that vote or were trained in folds.

    Attributes:
        sections: The model card; of several models, each under its name, and once what is alike.
        curves: How the training went; none where its log is not beside the model.
        trainings: Whom each of the models was trained with.
    """

    sections: tuple[Section, ...]
    curves: tuple[Curve, ...]
    trainings: tuple[Training, ...]

    @classmethod
    def of(cls, path: str | Path) -> KnownModel:
        """Ask a model file, or the folder of a training run or of a cross-validation.

        Raises:
            InputError: There is no model, or it cannot be used.
        """
        files = model_files(Path(path))
        runs = [file.parent.name if len(files) > 1 else "" for file in files]
        models = [open_model(file) for file in files]
        curves = [
            curve
            for file, run in zip(files, runs, strict=True)
            if file.name == RUN_MODEL  # another model beside a log need not be of that training
            for curve in read_curves(file.parent / "logs", run)
        ]
        return cls(
            tuple(_sections(runs, models)),
            tuple(curves),
            tuple(Training.of(model) for model in models),
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 by which maps name their model; several are named together."""
        each = [training.fingerprint for training in self.trainings]
        return each[0] if len(each) == 1 else hashlib.sha256("\n".join(each).encode()).hexdigest()

    def warnings(self, cases: Sequence[Case], maps: Sequence[Path]) -> tuple[str, ...]:
        """Tell for which slides the scores of the model are not what they seem.

        A slide is known again by its patient's name, and by its annotation where it was renamed.

        Args:
            cases: The slides that are scored.
            maps: The map of each, or what else it is scored by. Of several models, only those
                are asked that made the map, where the record beside it tells them.
        """
        found: dict[str, list[str]] = {what: [] for what in (*MET.values(), FOREIGN)}
        for case, path in zip(cases, maps, strict=True):
            makers = _makers(path)
            if not makers <= {training.fingerprint for training in self.trainings}:
                found[FOREIGN].append(case.name)
            splits = self._splits_of(case, makers)
            if met := [what for split, what in MET.items() if split in splits]:
                found[met[0]].append(case.name)
        warnings = [
            what.format(f"{len(names)} of {len(cases)} slides ({listed(names)})")
            for what, names in found.items()
            if names
        ]
        told = any(training.patients or training.annotations for training in self.trainings)
        return tuple(warnings if told else [*warnings, UNTOLD])

    def _splits_of(self, case: Case, makers: frozenset[str]) -> set[str]:
        """Return the parts that a slide had in the trainings of the models that mapped it."""
        asked = [one for one in self.trainings if one.fingerprint in makers] or self.trainings
        digest = _digest(case.annotation)
        return {training.split_of(case.patient, digest) for training in asked}


def _sections(runs: Sequence[str], models: Sequence[Model]) -> Iterator[Section]:
    """Yield the sections of all cards, each that is the same in several models once."""
    shown: set[Section] = set()
    for run, model in zip(runs, models, strict=True):
        for section in card(model.spec, model.fingerprint):
            if section not in shown:
                shown.add(section)
                title = f"{printable(run)}: {section.title}" if run else section.title
                yield replace(section, title=title)


def _makers(path: Path) -> frozenset[str]:
    """Return the fingerprints of the models that made a map; none where nothing tells them."""
    record = path.with_name(path.name.removesuffix(MAP) + RECORD)
    try:
        if not record.is_file() or record.stat().st_size > RECORD_BYTES:
            return frozenset()
        content = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return frozenset()
    model = _mapping(_mapping(content).get("model"))
    members = model.get("members")
    each = [_mapping(member) for member in members] if isinstance(members, list) else [model]
    return _texts([one.get("sha256") for one in each])


def _digest(annotation: AnyPath | None) -> str:
    """Return the SHA-256 of an annotation file; nothing where it cannot be read."""
    if annotation is None:
        return ""
    try:
        with local_copy(annotation).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (CarcinomapError, OSError):
        return ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> frozenset[str]:
    """Return the texts in a list, which may hold anything else as well."""
    return (
        frozenset(one for one in value if isinstance(one, str))
        if isinstance(value, list)
        else frozenset()
    )
