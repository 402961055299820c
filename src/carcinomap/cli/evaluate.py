"""``carcinomap evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from carcinomap.cli.annotation_options import AnnotationsOption, EvenOddHolesOption, RoiOption
from carcinomap.cli.classes import ClassesOption, read_classes
from carcinomap.cli.command import Common, Outcome
from carcinomap.cli.on_disk import on_disk
from carcinomap.cli.work_options import backend_of, slides_at_once
from carcinomap.evaluation import EvaluationSettings
from carcinomap.work import WorkSettings

FEWEST = 4
"""Slides from which on processes save more than the second they take to start: a whole slide takes
some 3 s in one thread."""


def evaluate(
    truth: Annotated[
        Path, typer.Argument(help="Folder of annotated slides, a CSV table, or one slide.")
    ],
    predictions: Annotated[
        Path,
        typer.Option(
            callback=on_disk, help="Folder of class maps, or of a second reader's annotations."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", callback=on_disk, help="Folder for scores.json and report.html."
        ),
    ],
    settings: EvaluationSettings,
    work: WorkSettings,
    common: Common,
    classes: ClassesOption = None,
    annotations: AnnotationsOption = None,
    roi: RoiOption = None,
    even_odd_holes: EvenOddHolesOption = False,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Model that made the maps, or its run: tells which patients it had seen.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the scores.")] = False,
) -> Outcome:
    """Compare class maps, or a second reader's annotations, with annotations.

    Example: `carcinomap evaluate SLIDES/ --predictions maps/ --output scores/`

    Prints the scores with 95 % intervals over patients; tables and pictures are in
    scores/report.html. `carcinomap compare` compares two such results.
    """
    from carcinomap.cohort import read_cohort  # noqa: PLC0415
    from carcinomap.evaluation import evaluate_cohort, score_table  # noqa: PLC0415

    cohort = read_cohort(truth, annotations, even_odd_holes)
    annotated = sum(case.annotation is not None for case in cohort.cases)
    at_once = slides_at_once(common.workers)
    scores = evaluate_cohort(
        cohort,
        predictions,
        output,
        read_classes(classes),
        overwrite,
        roi or (),
        settings=settings,
        model=model,
        seed=common.seed,
        backend=backend_of(work, 1, annotated, at_once=at_once, fewest=FEWEST),
    )
    notes = (*cohort.notes, *scores.notes)
    return Outcome(scores.to_dict(), score_table(scores), bool(scores.failures), notes)
