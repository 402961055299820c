"""Cross-validation by patient: a model for each fold, and scores on patients none had seen."""

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case, Cohort
from carcinomap.cohort.folds import classes_of_one_fold, fold_cases
from carcinomap.cohort.split import check_patients
from carcinomap.errors import InputError
from carcinomap.files import escaped, write_text
from carcinomap.model import open_model
from carcinomap.progress import progress
from carcinomap.segmentation.models import fold_folders
from carcinomap.training import train
from carcinomap.training.data import areas_mm2, fingerprints_of, prepare
from carcinomap.training.fit import check_training
from carcinomap.training.fold_results import Fold, FoldsResult
from carcinomap.training.held_out import score_held_out
from carcinomap.training.run import FOLDS, FREE_ON_RESUME, Run
from carcinomap.training.settings import TrainingSettings

LENGTH = {"steps", "epochs", "minutes"}


def cross_validate(
    cohort: Cohort,
    output: str | Path,
    folds: int,
    settings: TrainingSettings | None = None,
    scheme: ClassScheme | None = None,
    *,
    init: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> FoldsResult:
    """Train one model for each fold of the patients, and score it on the fold.

    The patients of a fold neither train its model nor choose the step that is kept: validation
    is taken from the others, as in ``train``. Patients whom the cohort says to be test patients
    take no part at all.

    Args:
        cohort: The cases.
        output: Folder: the runs ``fold-1``, ``fold-2``, …, each with the maps of what it held
            out; ``folds.csv``; ``scores.json``, ``report.html`` and ``folds.json`` at the end.
        folds: How many.
        settings: How each model is trained.
        scheme: The classes; the cohort's own, or else BACH's four, where none are given.
        init: Model file that every fold starts from, as in ``train``.
        resume: Keep the folds that are finished, and go on with the others.
        overwrite: Start anew where there is a cross-validation already.

    Raises:
        InputError: The cohort, the settings or the output folder cannot be used, or there are
            fewer patients than folds.
        CarcinomapError: A training fails, or not one slide could be scored.
    """
    settings = settings or TrainingSettings()
    scheme = scheme or cohort.scheme or ClassScheme.default()
    output = Path(output)
    _check(output, settings, resume, overwrite)
    dealt = _deal(cohort, folds, settings, scheme)
    if overwrite:  # what is there goes only for a training that can begin
        first = replace(cohort, cases=dealt.split(1), notes=())
        check_training(first, settings, scheme, init)
    notes = [*dealt.notes, *([] if init is None else _known_before(Path(init), dealt.cases))]
    _begin(output, folds, dealt.table(), resume)
    done = []
    for number in range(1, folds + 1):
        split = dealt.split(number)
        _announce(number, folds, split)
        run = Run(output / f"fold-{number}")
        others_learn = replace(cohort, cases=split, notes=())
        told = _train(others_learn, run, settings, scheme, init, resume)
        # What is known of the slides was said of all of them at the start.
        notes += [f"fold {number}: {note}" for note in told if note not in notes]
        done.append(_scored(number, run, split, scheme, settings.device))
    result = FoldsResult.of(done, scheme, settings.seed, notes)
    result.write(output)
    return result


@dataclass(frozen=True)
class _Deal:
    """Which case is in which fold.

    Attributes:
        cases: Those that take part, their split undecided.
        numbers: The fold of each, from 1.
        notes: What is to be said of the cases.
    """

    cases: tuple[Case, ...]
    numbers: tuple[int, ...]
    notes: tuple[str, ...]

    def split(self, number: int) -> tuple[Case, ...]:
        """Return the cases, those of one fold as test cases."""
        return tuple(
            replace(case, split="test" if its_fold == number else "")
            for case, its_fold in zip(self.cases, self.numbers, strict=True)
        )

    def table(self) -> str:
        """Return the deal as a CSV table."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["slide", "patient", "fold"])
        for case, number in zip(self.cases, self.numbers, strict=True):
            writer.writerow([case.name, case.patient, number])
        return table.getvalue()


def _announce(number: int, folds: int, split: Sequence[Case]) -> None:
    """Show which fold it is, above the bars of its training."""
    with progress("cross-validation", folds, "folds") as advance:
        held_out = sum(case.split == "test" for case in split)
        advance(number - 1, f"fold {number} of {folds} holds out {held_out} slides")


def _scored(number: int, run: Run, split: Sequence[Case], scheme: ClassScheme, device: str) -> Fold:
    """Map and score what a fold's model has not seen."""
    held_out = tuple(case for case in split if case.split == "test")
    scores = score_held_out(run.model, held_out, run.folder / "maps", scheme, device)
    return Fold(number, run.model, held_out, *scores)


def _check(output: Path, settings: TrainingSettings, resume: bool, overwrite: bool) -> None:
    """Raise InputError where the settings or the folder will not do, before any work is done."""
    if resume and overwrite:
        raise InputError("--resume goes on with the folds and --overwrite replaces them: give one")
    if settings.devices * settings.nodes > 1:
        raise InputError(
            "--folds trains its models one after the other in one process; use it with one device"
        )
    single = Run(output)
    if single.settings.exists() or single.model.exists():
        raise InputError(f"{output}: holds the run of a single model; choose another --output")
    table = output / FOLDS
    if resume and not table.is_file():
        raise InputError(f"{output}: nothing to resume, there is no {table.name}")
    if not (resume or overwrite) and (table.exists() or fold_folders(output)):
        raise InputError(
            f"{output}: there is a cross-validation already; go on with it by --resume, start "
            "anew with --overwrite, or choose another --output"
        )


def _deal(cohort: Cohort, folds: int, settings: TrainingSettings, scheme: ClassScheme) -> _Deal:
    """Choose a fold for each case that takes part."""
    check_patients(cohort.cases)
    tests = {case.patient for case in cohort.cases if case.split == "test"}
    taking_part = [case for case in cohort.cases if case.patient not in tests]
    undecided = tuple(replace(case, split="") for case in taking_part)
    data = prepare(replace(cohort, cases=undecided), scheme, settings)
    cases = [replace(case, split="") for case in data.cases]
    # Where one patient is cut in two, a source stands on both sides; it is the same annotation.
    sources = {source.case: source for source in (*data.training, *data.validation)}
    areas = [areas_mm2(source, scheme) for _, source in sorted(sources.items())]
    for of_case in areas:
        del of_case[scheme.names[0]]  # it is wherever nothing is outlined
    numbers = fold_cases(cases, areas, folds, settings.seed)
    notes = [*data.notes, *classes_of_one_fold(cases, areas, numbers)]
    if any(case.split for case in taking_part):
        notes.append("cross-validation holds every patient out once: train and val are not used")
    return _Deal(tuple(cases), tuple(numbers), tuple(notes))


def _begin(output: Path, folds: int, table: str, resume: bool) -> None:
    """Clear away an earlier cross-validation, or make sure that the one to go on with fits.

    Raises:
        InputError: The folds to go on with are other ones, so that a model that is finished may
            have learned from those it would be scored on.
    """
    path = output / FOLDS
    if resume:
        if path.read_text(encoding="utf-8", errors="surrogateescape") != table:
            raise InputError(
                f"{path}: not the folds that these slides, outlines, --folds and --seed give; "
                "resume with what it was begun with, or start anew with --overwrite"
            )
        return
    for folder in fold_folders(output):
        shutil.rmtree(folder)
    _remove_scores(output)
    for number in range(1, folds + 1):
        # All at once: a folder without a model says that the ensemble is not whole yet.
        (output / f"fold-{number}").mkdir(parents=True)
    write_text(path, table)


def _remove_scores(output: Path) -> None:
    """Remove what speaks of all folds, which are not whole any more."""
    for name in ("folds.json", "scores.json", "report.html"):
        (output / name).unlink(missing_ok=True)


def _known_before(init: Path, cases: Sequence[Case]) -> list[str]:
    """Return a note where the model to start from has learned from those it will be scored on."""
    before = open_model(init).spec.training.get("patients")
    splits = before if isinstance(before, dict) else {}
    known = {
        patient
        for split in ("train", "val")
        if isinstance(patients := splits.get(split), list)
        for patient in patients
        if isinstance(patient, str)
    }
    both = sorted(known & {escaped(case.patient) for case in cases})
    if not both:
        return []
    return [
        f"{init} was trained with patients of the names {', '.join(both)}: if they are the same "
        "ones, the scores out of fold are too good to be true"
    ]


def _train(
    cohort: Cohort,
    run: Run,
    settings: TrainingSettings,
    scheme: ClassScheme,
    init: str | Path | None,
    resume: bool,
) -> tuple[str, ...]:
    """Train the model of a fold, unless it is there; return what is to be said about it."""
    if resume and _is_finished(run, settings, scheme, init):
        run.check_outlines(cohort.cases, fingerprints_of(cohort.cases))
        return tuple(open_model(run.model).spec.training.get("notes", ()))
    # They were made by an earlier model, if there are any.
    shutil.rmtree(run.folder / "maps", ignore_errors=True)
    _remove_scores(run.folder.parent)
    begun = resume and run.last.is_file()
    again = {"resume": begun, "overwrite": not begun}
    return train(cohort, run.folder, settings, scheme, init=init, **again).notes


def _is_finished(
    run: Run, settings: TrainingSettings, scheme: ClassScheme, init: str | Path | None
) -> bool:
    """Say whether a model is there and was trained in this way, and as long."""
    if not run.model.is_file() or not run.started_alike(init):
        return False
    spec = open_model(run.model).spec
    before, asked = spec.training.get("settings", {}), settings.model_dump(mode="json")
    same = {*before, *asked} - (FREE_ON_RESUME - LENGTH)
    return spec.classes == scheme and all(before.get(key) == asked.get(key) for key in same)
