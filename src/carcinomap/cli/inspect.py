"""``carcinomap inspect``."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from carcinomap.annotation import ANNOTATION_SUFFIXES, ClassScheme
from carcinomap.cli.classes import ClassesOption, read_classes
from carcinomap.cli.command import Common, Outcome
from carcinomap.cohort import describe_annotation, describe_slide, why_no_annotation
from carcinomap.errors import CarcinomapError
from carcinomap.slide import find_slides, is_slide_file


def inspect(
    files: Annotated[
        list[Path],
        typer.Argument(help="Slides, annotations, maps, models, or folders of slides."),
    ],
    common: Common,
    classes: ClassesOption = None,
    mpp: Annotated[
        float | None, typer.Option(help="Microns per level-0 pixel; overrides what a slide says.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder for pictures of the slides with tissue and artefacts marked."),
    ] = None,
) -> Outcome:
    """Show what is in a slide, an annotation, a class map or a model.

    Example: `carcinomap inspect new.svs`

    A slide's pixels are really read. An annotation of the same name beside it is read too.
    """
    scheme = read_classes(classes)
    paths = [file for path in files for file in ([path] if _is_zarr(path) else find_slides(path))]

    def look(path: Path) -> dict[str, Any] | CarcinomapError:
        try:
            return _describe(path, scheme, mpp, pictures)
        except CarcinomapError as error:
            return error

    with ThreadPoolExecutor(common.workers or 1) as pool:
        found = list(pool.map(look, paths))
    errors = [one for one in found if isinstance(one, CarcinomapError)]
    if errors and len(paths) == 1:
        raise errors[0]
    data = [
        {"file": str(path), "error": str(one)} if isinstance(one, CarcinomapError) else one
        for path, one in zip(paths, found, strict=True)
    ]
    tables = Group(*(_table(path, one) for path, one in zip(paths, data, strict=True)))
    return Outcome(data[0] if len(data) == 1 else data, tables, failed=bool(errors))


def _describe(
    path: Path, scheme: ClassScheme | None, mpp: float | None, pictures: Path | None
) -> dict[str, Any]:
    """Say what a file is, by its name, and what is in it."""
    if path.suffix.lower() in (".safetensors", ".onnx"):
        from carcinomap.model import load_model  # noqa: PLC0415

        return {"file": str(path), **json.loads(load_model(path).spec.to_json())}
    if _is_zarr(path):
        from carcinomap.segmentation.describe import describe_planes  # noqa: PLC0415

        return {"file": str(path), **describe_planes(path)}
    paints_classes = not is_slide_file(path) or why_no_annotation(path) is None
    if path.name.endswith(".ome.tif") and paints_classes:
        from carcinomap.segmentation.describe import describe_class_map  # noqa: PLC0415

        return {"file": str(path), **describe_class_map(path)}
    if path.suffix.lower() in ANNOTATION_SUFFIXES and paints_classes:
        return {"file": str(path), **describe_annotation(path, scheme, mpp)}
    return {"file": str(path), **describe_slide(path, scheme, mpp, pictures)}


def _is_zarr(path: Path) -> bool:
    """Say whether a path names planes: a folder that is one thing, and not one full of slides."""
    return path.name.endswith(".ome.zarr")


def _table(path: Path, data: dict[str, Any]) -> Table:
    table = Table(title=str(path), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in data.items():
        if key != "file":
            table.add_row(key.replace("_", " "), _cell(value))
    return table


def _cell(value: Any) -> str:
    """Write a value for people; of classes and the like, their names."""
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_cell(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list) and all(isinstance(one, dict) and "name" in one for one in value):
        return ", ".join(one["name"] for one in value) or "none"
    if isinstance(value, list):
        return "\n".join(map(_cell, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return "not known" if value is None else str(value)
