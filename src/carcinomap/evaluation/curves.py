"""How a training went: the curves in a run's log."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

POINTS = 500  # of a curve; more than a plot of it can show
MOST = 1_000_000  # events, and scalars, that are read of a log
LARGEST = 4096  # bytes of an event that is read; larger ones are pictures
CURVES = 256  # that are read
LETTERS = 120  # of the name of one

FIRST = ("loss", "val/loss", "val/mean_iou")
OF_CLASS = "val/iou/"
LAST = "learning_rate"


@dataclass(frozen=True)
class Curve:
    """A figure in the course of a training.

    Attributes:
        name: As the log calls it: ``loss``, ``val/loss``, ``val/mean_iou``, ``val/iou/CLASS`` or
            ``learning_rate``.
        steps: Where it was measured, rising; steps taken before.
        values: What was measured there, all of them finite.
        run: Folder of the training, where there is more than one.
    """

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]
    run: str = ""


def read_curves(logs: Path, run: str = "") -> tuple[Curve, ...]:
    """Read the curves of a run; as far as the log can be read, and none where there is no log.

    Args:
        logs: Folder of TensorBoard's event files.
        run: What the curves shall say that they are of.
    """
    points: dict[str, list[tuple[int, float]]] = {}
    for name, step, value in islice(_scalars(logs), MOST):
        if not _is_shown(name) or (name not in points and len(points) == CURVES):
            continue
        curve = points.setdefault(name, [])
        # A run that went on after it was killed has taken some of its steps twice.
        while curve and curve[-1][0] >= step:
            curve.pop()
        curve.append((step, value))
    classes = [name for name in points if name.startswith(OF_CLASS)]
    found = (_curve(name, points.get(name, ()), run) for name in (*FIRST, *classes, LAST))
    return tuple(curve for curve in found if curve.steps)


def _is_shown(name: str) -> bool:
    return name in (*FIRST, LAST) or (name.startswith(OF_CLASS) and len(name) <= LETTERS)


def _curve(name: str, points: Iterable[tuple[int, float]], run: str) -> Curve:
    """Return a curve of points, the means of neighbours where there are very many."""
    known = np.array([point for point in points if math.isfinite(point[1])]).reshape(-1, 2)
    parts = np.array_split(known, max(1, min(len(known), POINTS)))
    means = [part.mean(axis=0) for part in parts if len(part)]
    return Curve(name, tuple(round(s) for s, _ in means), tuple(float(v) for _, v in means), run)


def _scalars(logs: Path) -> Iterator[tuple[str, int, float]]:
    """Yield (name, step, value) of all scalars, in the order in which they were written."""
    files = (path for path in logs.glob("events.out.tfevents.*") if path.is_file())
    for event in islice(chain.from_iterable(map(_events, sorted(files, key=_begun))), MOST):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                yield value.tag, event.step, value.simple_value


def _begun(path: Path) -> tuple[float, str]:
    """Return when a file was begun; its name tells no more than the second."""
    first = next(_events(path), None)
    return (0.0 if first is None or math.isnan(first.wall_time) else first.wall_time), path.name


def _events(path: Path) -> Iterator[Event]:
    """Yield the events of a file up to where it is damaged, without the large ones.

    TensorBoard's own reader sums up every byte in Python, those of the pictures too, which takes
    minutes where a training was long.
    """
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - few need it
    from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            end = os.fstat(file.fileno()).st_size
            while len(head := file.read(12)) == 12:  # length, and its checksum
                (length,) = struct.unpack("<Q4x", head)
                if length > end - file.tell():
                    return
                if length <= LARGEST:
                    yield Event.FromString(file.read(length))
                    length = 0
                file.seek(length + 4, os.SEEK_CUR)
    except (OSError, DecodeError):
        return
