"""``carcinomap export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from carcinomap.cli.command import Common, Outcome
from carcinomap.cli.on_disk import on_disk
from carcinomap.errors import InputError
from carcinomap.model.export import Format
from carcinomap.storage import as_path, is_remote

if TYPE_CHECKING:
    from carcinomap.model.export import Exported


def export(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    common: Common,
    target: Annotated[
        Format,
        typer.Option("--format", help="For any program, for OpenVINO, or for PyTorch."),
    ] = Format.ONNX,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            callback=on_disk,
            help="File to write (beside the model, of its name).",
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Slide on whose tissue the result is checked; else on made-up pixels."),
    ] = None,
    mpp: Annotated[
        float | None,
        typer.Option(help="Microns per level-0 pixel of that slide; overrides what it says."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> Outcome:
    """Write a model as a file for other programs.

    Example: `carcinomap export model.safetensors --format onnx --check slide.svs`

    Takes RGB pixels of 0 to 255, gives probabilities. ONNX comes with a NAME.yaml, with which
    `segment` uses it too. Nothing is kept whose probabilities differ from the model's.
    """
    from carcinomap.model import load_model  # noqa: PLC0415 - PyTorch takes seconds
    from carcinomap.model.export import (  # noqa: PLC0415
        export_model,
        made_patches,
        tissue_patches,
    )

    if output is None and is_remote(as_path(model)):
        raise InputError(f"{as_path(model)}: say with --output where to write on a disk")
    loaded = load_model(model)
    patches = (
        made_patches(loaded.spec, common.seed)
        if check is None
        else tissue_patches(check, loaded.spec, mpp, common.seed)
    )
    path = output or model.with_suffix(target.suffix)
    done = export_model(loaded, path, target, patches, overwrite=overwrite)
    return Outcome(done.to_dict(), _said(done, check))


def _said(done: "Exported", check: Path | None) -> Group:
    agreed = done.agreement
    seen = "made-up patches" if check is None else f"patches of {check.name}"
    lines = [
        " and ".join(map(str, done.files)),
        f"takes {done.takes}",
        f"checked on {agreed.patches} {seen}: probabilities differ by at most "
        f"{agreed.largest_difference:.1e}, the class of {agreed.differing_share:.4%} of "
        f"{agreed.pixels:,} pixels",
    ]
    return Group(*(Text(line, overflow="ignore", no_wrap=True) for line in lines))
