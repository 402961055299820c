"""``carcinomap train``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from carcinomap.cli.annotation_options import (
    AnnotationsOption,
    CohortArgument,
    EvenOddHolesOption,
    RoiOption,
    with_roi,
)
from carcinomap.cli.classes import ClassesOption, read_classes
from carcinomap.cli.command import Outcome
from carcinomap.cli.on_disk import on_disk
from carcinomap.training import TrainingSettings

if TYPE_CHECKING:
    from carcinomap.training import TrainingResult
    from carcinomap.training.fold_results import FoldsResult


def train(
    cohort: CohortArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", callback=on_disk, help="Folder of the run.")
    ],
    settings: TrainingSettings,
    classes: ClassesOption = None,
    annotations: AnnotationsOption = None,
    roi: RoiOption = None,
    even_odd_holes: EvenOddHolesOption = False,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Train so many models, each scored on patients it never saw."),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(help="Model file to start from; its classes may be others."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start the run anew.")] = False,
) -> Outcome:
    """Train a model on annotated slides.

    Example: `carcinomap train SLIDES/ --output runs/first`

    SLIDES/ holds NAME.svs with NAME.xml, or annotations of any other kind, or tiles with
    train_feature/ and train_label/. The model is runs/first/model.safetensors; watch with
    `tensorboard --logdir runs/first/logs`.
    """
    from carcinomap.cohort import read_cohort  # noqa: PLC0415
    from carcinomap.training import train as train_model  # noqa: PLC0415
    from carcinomap.training.folds import cross_validate  # noqa: PLC0415
    from carcinomap.training.hardware import is_first_process  # noqa: PLC0415

    found = read_cohort(cohort, annotations, even_odd_holes)
    scheme = with_roi(read_classes(classes) or found.scheme, roi)
    again: dict[str, Any] = {"init": init, "resume": resume, "overwrite": overwrite}
    if folds is not None:
        return _of_folds(cross_validate(found, output, folds, settings, scheme, **again), output)
    result = train_model(found, output, settings, scheme, **again)
    if not is_first_process():
        raise typer.Exit  # the first one tells
    return _of_one(result)


def _of_one(result: "TrainingResult") -> Outcome:
    data = {"model": str(result.model), "steps": result.steps, "scores": dict(result.scores)}
    said = f"{result.steps} steps; {_best(result.scores)}\n{result.model}"
    return Outcome(data, said, notes=result.notes)


def _best(scores: Mapping[str, Any]) -> str:
    if not scores:
        return "nobody validated, so nothing is known of how good the model is"
    ends = scores.get("intervals", {}).get("mean_iou")
    sure = f" (95 %: {ends[0]:.3f} to {ends[1]:.3f})" if ends else ""
    iou = ", ".join(f"{name} {value:.3f}" for name, value in scores["iou"].items())
    return (
        f"best validation mean IoU {scores['mean_iou']:.3f}{sure} at step {scores['step']}: {iou}"
    )


def _of_folds(result: "FoldsResult", output: Path) -> Outcome:
    from carcinomap.evaluation import score_table  # noqa: PLC0415

    said = Text(
        f"{len(result.folds)} folds; the scores are those of patients whom no model had seen\n"
        f"{output / 'report.html'}"
    )
    data = {"models": [str(model) for model in result.models], **result.to_dict()}
    text = Group(score_table(result.scores), said)
    return Outcome(data, text, bool(result.scores.failures), result.notes)
