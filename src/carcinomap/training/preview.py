"""Patches as they are read and as training varies them, to be looked at before anyone trains."""

from pathlib import Path

from PIL import Image

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Cohort
from carcinomap.errors import InputError
from carcinomap.files import atomic_path
from carcinomap.slide import View
from carcinomap.training.augmentation import Changes, Variation, draw, varied
from carcinomap.training.augmentation.extremes import extremes
from carcinomap.training.data import prepare, sampler_of
from carcinomap.training.dataset import Patch, PatchDataset
from carcinomap.training.settings import TrainingSettings
from carcinomap.training.sheet import Panel, Row, draw_sheet

SUFFIXES = (".png", ".jpg", ".jpeg")


def contact_sheet(
    cohort: Cohort,
    scheme: ClassScheme,
    settings: TrainingSettings,
    count: int = 6,
    columns: int = 5,
) -> tuple[Image.Image, tuple[str, ...]]:
    """Draw patches of the first training step, each varied in many ways.

    Args:
        cohort: The cases.
        scheme: The classes.
        settings: How training would draw and vary patches; of a network with several views, the
            first is shown.
        count: Number of patches, a row each.
        columns: The patch as it is read, and variations as training draws them. On their right
            follow the strongest variations, one effect at a time.

    Returns:
        The sheet, and what a user should know of the cohort.

    Raises:
        InputError: The cohort cannot be trained on.
    """
    data = prepare(cohort, scheme, settings)
    view = View(settings.mpp, settings.patch)
    sampler = sampler_of(data, scheme, settings, view)
    dataset = PatchDataset(data.cases, data.training, scheme, [view], teaching=True)
    variation = Variation.of(settings)
    rows = []
    for sample in range(count):
        key = sampler.key(0, sample)
        patch = dataset[key]
        drawn = [draw(variation, settings.seed, step, [sample]) for step in range(columns - 1)]
        rows.append(
            Row(
                data.cases[key.case].name,
                tuple(_panel(patch, changes) for changes in (Changes.none(1), *drawn)),
                {words: _panel(patch, one) for words, one in extremes(variation).items()},
            )
        )
    microns = settings.patch * settings.mpp
    place = cohort.source.resolve().name
    title = f"{place}: patches of {settings.patch} pixels, about {microns:.0f} µm"
    return draw_sheet(title, rows, scheme), data.notes


def check_name(path: str | Path) -> None:
    """Make sure that a contact sheet can have this name.

    Raises:
        InputError: It says neither PNG nor JPEG.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: a picture's name ends with {', '.join(SUFFIXES)}")


def write(sheet: Image.Image, path: str | Path) -> None:
    """Write a contact sheet as PNG or JPEG, by the name of the file.

    Raises:
        InputError: The name says neither.
    """
    check_name(path)
    with atomic_path(path) as temporary:
        sheet.save(temporary)


def _panel(patch: Patch, changes: Changes) -> Panel:
    """Return a patch with changes done to it."""
    (image, *_), label = patch
    (changed,), labels = varied([image[None].float() / 255], label[None], changes)
    pixels = (changed[0] * 255).round().byte().permute(1, 2, 0)
    return Panel(pixels.numpy(), labels[0].byte().numpy())
