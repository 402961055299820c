"""``carcinomap evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from carcinomap.cli.annotation_options import AnnotationsOption, EvenOddHolesOption, RoiOption
from carcinomap.cli.classes import ClassesOption, read_classes
from carcinomap.cli.command import Outcome


def evaluate(
    truth: Annotated[
        Path, typer.Argument(help="Folder of annotated slides, a CSV table, or one slide.")
    ],
    predictions: Annotated[Path, typer.Option(help="Folder of class maps.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for scores.json and report.html.")
    ],
    classes: ClassesOption = None,
    annotations: AnnotationsOption = None,
    roi: RoiOption = None,
    even_odd_holes: EvenOddHolesOption = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the scores.")] = False,
) -> Outcome:
    """Compare class maps with annotations.

    Example: `carcinomap evaluate SLIDES/ --predictions maps/ --output scores/`

    Prints IoU, Dice, precision and recall; the pictures are in scores/report.html.
    """
    from carcinomap.cohort import read_cohort  # noqa: PLC0415
    from carcinomap.evaluation import evaluate_cohort, score_table  # noqa: PLC0415

    cohort = read_cohort(truth, annotations, even_odd_holes)
    scores = evaluate_cohort(
        cohort, predictions, output, read_classes(classes), overwrite, roi or ()
    )
    notes = (*cohort.notes, *(case.note for case in scores.cases if case.note))
    return Outcome(scores.to_dict(), score_table(scores), bool(scores.failures), notes)
