"""``carcinomap inspect``."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from carcinomap.annotation import ANNOTATION_SUFFIXES, ClassScheme
from carcinomap.cli.classes import ClassesOption, read_classes
from carcinomap.cli.command import Common, Outcome
from carcinomap.cli.on_disk import on_disk
from carcinomap.cohort import describe_annotation, describe_slide, why_no_annotation
from carcinomap.errors import CarcinomapError
from carcinomap.model.card import card, caveats, printable
from carcinomap.slide import find_slides, is_slide_file
from carcinomap.storage import AnyPath, reading_copy
from carcinomap.training import TrainingSettings

Description = tuple[dict[str, Any], RenderableType]
"""Of one file: for ``--json``, and for people."""


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
        typer.Option(
            callback=on_disk,
            help="Folder for pictures of the slides with tissue and artefacts marked.",
        ),
    ] = None,
) -> Outcome:
    """Show what is in a slide, an annotation, a class map or a model.

    Example: `carcinomap inspect new.svs`

    A slide's pixels are really read. An annotation of the same name beside it is read too.
    """
    scheme = read_classes(classes)
    paths = [file for path in files for file in ([path] if _is_zarr(path) else find_slides(path))]

    def look(path: AnyPath) -> Description | CarcinomapError:
        try:
            if path.suffix.lower() in (".safetensors", ".onnx"):
                return _describe_model(path)
            data = {"file": str(path), **_describe(path, scheme, mpp, pictures)}
            return data, _table(path, data)
        except CarcinomapError as error:
            return error

    if common.workers:
        with ThreadPoolExecutor(common.workers) as pool:
            found = list(pool.map(look, paths))
    else:
        found = list(map(look, paths))  # where Ctrl-C does not wait for a thread
    errors = [one for one in found if isinstance(one, CarcinomapError)]
    if errors and len(paths) == 1:
        raise errors[0]
    described = [
        _failed(path, one) if isinstance(one, CarcinomapError) else one
        for path, one in zip(paths, found, strict=True)
    ]
    data = [one for one, _ in described]
    text = Group(*(shown for _, shown in described))
    return Outcome(data[0] if len(data) == 1 else data, text, failed=bool(errors))


def _failed(path: AnyPath, error: CarcinomapError) -> Description:
    data = {"file": str(path), "error": str(error)}
    return data, _table(path, data)


def _describe_model(path: AnyPath) -> Description:
    """Say all that a model file knows; to people as its card."""
    from carcinomap.model import load_model  # noqa: PLC0415 - PyTorch takes seconds

    model = load_model(path)
    data = {
        "file": str(path),
        **json.loads(model.spec.to_json()),
        "fingerprint": model.fingerprint,
        "caveats": caveats(model.spec),
    }
    sections = card(model.spec, model.fingerprint, TrainingSettings().model_dump())
    table = _empty_table(path)
    for section in sections:
        for number, (key, value) in enumerate(section.rows):
            last = number == len(section.rows) - 1
            title = section.title if number == 0 else ""
            cells = (title, f"{key}: {value}" if key else value)
            table.add_row(*map(Text, cells), end_section=last)
    return data, table


def _describe(
    path: AnyPath, scheme: ClassScheme | None, mpp: float | None, pictures: Path | None
) -> dict[str, Any]:
    """Say what a file is, by its name, and what is in it."""
    if _is_zarr(path) and isinstance(path, Path):
        from carcinomap.segmentation.describe import describe_planes  # noqa: PLC0415

        return describe_planes(path)
    annotates = path.suffix.lower() in ANNOTATION_SUFFIXES
    if not annotates or (is_slide_file(path) and why_no_annotation(path) is not None):
        return describe_slide(path, scheme, mpp, pictures)
    with reading_copy(path) as file:
        if file.name.endswith(".ome.tif"):
            from carcinomap.segmentation.describe import describe_class_map  # noqa: PLC0415

            return describe_class_map(file)
        return describe_annotation(file, scheme, mpp)


def _is_zarr(path: AnyPath) -> bool:
    """Say whether a path names planes: a folder that is one thing, and not one full of slides."""
    return path.name.endswith(".ome.zarr")


def _table(path: AnyPath, data: dict[str, Any]) -> Table:
    table = _empty_table(path)
    for key, value in data.items():
        if key != "file":
            lines = _cell(value).splitlines()
            table.add_row(key.replace("_", " "), Text("\n".join(map(printable, lines))))
    return table


def _empty_table(path: AnyPath) -> Table:
    table = Table(title=Text(printable(str(path))), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
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
