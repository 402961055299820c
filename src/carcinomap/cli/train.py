"""``carcinomap train``."""

from pathlib import Path
from typing import Annotated

import typer

from carcinomap.cli.annotation_options import (
    AnnotationsOption,
    EvenOddHolesOption,
    RoiOption,
    with_roi,
)
from carcinomap.cli.classes import ClassesOption, read_classes
from carcinomap.cli.command import Outcome
from carcinomap.training import TrainingSettings


def train(
    cohort: Annotated[
        Path, typer.Argument(help="Folder of slides with annotations beside them, or a CSV table.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")],
    settings: TrainingSettings,
    classes: ClassesOption = None,
    annotations: AnnotationsOption = None,
    roi: RoiOption = None,
    even_odd_holes: EvenOddHolesOption = False,
    init: Annotated[
        Path | None,
        typer.Option(help="Model file to start from; its classes may be others."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start the run anew.")] = False,
) -> Outcome:
    """Train a model on annotated slides.

    Example: `carcinomap train SLIDES/ --output runs/first`

    SLIDES/ holds NAME.svs with NAME.xml, or annotations of any other kind. The model is
    runs/first/model.safetensors; watch with `tensorboard --logdir runs/first/logs`.
    """
    from carcinomap.cohort import read_cohort  # noqa: PLC0415
    from carcinomap.training import train as train_model  # noqa: PLC0415
    from carcinomap.training.hardware import is_first_process  # noqa: PLC0415

    result = train_model(
        read_cohort(cohort, annotations, even_odd_holes),
        output,
        settings,
        with_roi(read_classes(classes), roi),
        init=init,
        resume=resume,
        overwrite=overwrite,
    )
    if not is_first_process():
        raise typer.Exit  # the first one tells
    data = {"model": str(result.model), "steps": result.steps, "scores": dict(result.scores)}
    iou = ", ".join(f"{name} {value:.3f}" for name, value in result.scores["iou"].items())
    text = (
        f"{result.steps} steps; best validation mean IoU {result.scores['mean_iou']:.3f} "
        f"at step {result.scores['step']} ({iou})\n{result.model}"
    )
    return Outcome(data, text, notes=result.notes)
