"""Options about annotations, the same in every command that reads them."""

from pathlib import Path
from typing import Annotated

import typer

from carcinomap.annotation import ClassScheme

CohortArgument = Annotated[
    Path,
    typer.Argument(help="Folder of slides with annotations beside them, a CSV table, or a slide."),
]

AnnotationsOption = Annotated[
    Path | None, typer.Option(help="Folder of the annotations, if they lie apart.")
]

RoiOption = Annotated[
    list[str] | None,
    typer.Option(
        "--roi",
        metavar="NAME",
        help="Label of regions outside which nothing counts, beside those of the classes; "
        "may be given several times.",
    ),
]

EvenOddHolesOption = Annotated[
    bool,
    typer.Option(
        "--even-odd-holes",
        help="Regions inside others of their layer are holes (annotations without negative ones).",
    ),
]


def with_roi(scheme: ClassScheme | None, labels: list[str] | None) -> ClassScheme | None:
    """Add the labels of ``--roi`` to a scheme, or to the default one where there is none."""
    for label in labels or ():
        scheme = (scheme or ClassScheme.default()).with_roi(label)
    return scheme
