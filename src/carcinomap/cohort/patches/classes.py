"""What the pixel values of labels mean: as a ``classes.yaml``, and as a table for other tools."""

import csv
import io
from dataclasses import replace

import yaml

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.cohort.patches.folder import PatchFolder
from carcinomap.files import write_text

_WHITE = (255, 255, 255)


def write_classes(folder: PatchFolder, scheme: ClassScheme) -> None:
    """Write the classes, whose indices are the values, and their colours."""
    ignored = scheme.ignore or (_free_label(scheme),)
    values = (*enumerate(scheme.names), (IGNORE, ignored[0]))
    written = replace(scheme, ignore=ignored, values=values).to_dict()
    text = yaml.safe_dump(written, sort_keys=False, allow_unicode=True)
    write_text(folder.classes, text)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["value", "name", "red", "green", "blue"])
    for (value, name), colour in zip(values, (*scheme.colours_rgb, _WHITE), strict=True):
        writer.writerow([value, name, *colour])
    write_text(folder.palette, table.getvalue())


def read_classes(folder: PatchFolder) -> ClassScheme | None:
    """Read the classes of a patch data set, where it has a file of them.

    Raises:
        InputError: Something in it is wrong.
    """
    return ClassScheme.from_yaml(folder.classes) if folder.classes.is_file() else None


def _free_label(scheme: ClassScheme) -> str:
    """Return a label for ignored pixels that means nothing else."""
    label = "ignore"
    while scheme.knows(label):
        label += "d"
    return label
