"""A network that is written for batches of any size where it can be."""

from collections.abc import Callable, Sequence

from carcinomap.model.any_size import TRIED
from carcinomap.model.export.agreement import agreement
from carcinomap.model.export.forms import Run, Takes
from carcinomap.model.export.patches import patches_of
from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model, ModelSpec


def written(
    write: Callable[[Takes], None],
    opened: Callable[[], Run],
    model: Model,
    wanted: Sequence[Takes],
) -> Takes:
    """Write a network for the first kind of batches with which it does what the model does.

    Whether that holds is seen by trying: exporters turn sizes into constants silently. (Not those
    of several views: see ``any_size``.)

    Args:
        write: Writes it for a kind of batches.
        opened: Returns what executes what was written.
        model: What it is made from.
        wanted: The kinds to try before single patches.
    """
    for takes in wanted:
        if takes is Takes.ANY_SIZE and len(model.spec.views) > 1:
            continue
        try:
            write(takes)
            if agreement(opened(), model, _batches(model.spec, takes)).good:
                return takes
        except Exception:  # noqa: S112 - each exporter and runtime says no in its own way
            continue
    write(Takes.ONE)
    return Takes.ONE


def _batches(spec: ModelSpec, takes: Takes) -> list[Views]:
    """Return batches that only a network for this kind of them takes."""
    if takes is Takes.ANY_SIZE:
        return [patches_of(spec, *tried) for tried in TRIED]
    side = spec.views[0].size // spec.stride
    return [patches_of(spec, 3, side, side)]
