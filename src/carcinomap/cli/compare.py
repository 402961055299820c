"""``carcinomap compare``."""

from pathlib import Path
from typing import Annotated

import typer

from carcinomap.cli.command import Common, Outcome


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="scores.json of one evaluation, or its folder.")
    ],
    second: Annotated[
        Path, typer.Argument(metavar="B", help="The same of another one, of the same slides.")
    ],
    common: Common,
    resamples: Annotated[
        int,
        typer.Option(min=100, max=100_000, help="Cohorts that are drawn for the intervals."),
    ] = 2000,
) -> Outcome:
    """Say how two evaluations of the same slides differ, and whether that may be chance.

    Example: `carcinomap compare scores-a/ scores-b/`

    Prints every score of both, B − A, and the 95 % interval of the difference over patients.
    """
    from carcinomap.evaluation.comparison import compare as compare_scores  # noqa: PLC0415
    from carcinomap.evaluation.comparison_table import comparison_table  # noqa: PLC0415

    comparison = compare_scores(first, second, resamples, common.seed)
    return Outcome(comparison.to_dict(), comparison_table(comparison), notes=comparison.notes)
