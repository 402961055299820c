"""``carcinomap demo``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from carcinomap.cli.command import Outcome
from carcinomap.cli.on_disk import on_disk
from carcinomap.demo.settings import DemoSettings


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", callback=on_disk, help="Folder to write to.")
    ],
    settings: DemoSettings,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a demo.")] = False,
) -> Outcome:
    """Do everything once, on generated slides, with nothing to download.

    Example: `carcinomap demo --output demo/`

    Draws annotated slides, trains on them, maps a slide that was not among them, and scores the
    map. Then open demo/report.html.
    """
    from carcinomap.demo.run import run_demo  # noqa: PLC0415
    from carcinomap.evaluation import score_table  # noqa: PLC0415

    result = run_demo(output, settings, overwrite)
    files = Text(f"{result.report}\n{result.overview}")
    return Outcome(result.scores.to_dict(), Group(score_table(result.scores), files))
