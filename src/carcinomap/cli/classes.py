"""The option ``--classes``, the same in every command."""

from pathlib import Path
from typing import Annotated

import typer

from carcinomap.annotation import ClassScheme

ClassesOption = Annotated[
    Path | None,
    typer.Option(
        "--classes",
        help="YAML file that names the classes; else those of the maps or tiles, or BACH's four.",
    ),
]


def read_classes(path: Path | None) -> ClassScheme | None:
    """Read the file of ``--classes``, if one was given."""
    return None if path is None else ClassScheme.from_yaml(path)
