"""PyTorch's exported program, which runs without any code of ours."""

import warnings
from functools import partial
from pathlib import Path

import torch

from carcinomap.model.export.agreement import probabilities
from carcinomap.model.export.forms import Run, Takes
from carcinomap.model.export.network import FromPixels, blank_views
from carcinomap.model.export.sizes import written
from carcinomap.model.spec import Model
from carcinomap.model.stored import KEY


class TorchForm:
    """Float pixels of 0 to 255, channels first, to probabilities."""

    beside = ""

    def write(self, model: Model, path: Path) -> Takes:
        """See ``Form.write``.

        Not for any size: PyTorch reasons about sizes with symbols, for minutes in a usual network.
        """
        return written(
            lambda takes: _export(model, path, takes),
            lambda: self.open(path),
            model,
            (Takes.ANY_NUMBER,),
        )

    def open(self, path: Path) -> Run:
        """See ``Form.open``."""
        return partial(probabilities, torch.export.load(path).module())


def _export(model: Model, path: Path, takes: Takes) -> None:
    one = takes is Takes.ONE
    number = {0: torch.export.Dim("n", min=1)}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            FromPixels(model),
            # Two, since a length of 1 is taken for a constant.
            blank_views(model, 1 if one else 2),
            dynamic_shapes=None if one else ((number,) * len(model.spec.views),),
            strict=False,
        )
        torch.export.save(program, path, extra_files={f"{KEY}.json": model.spec.to_json()})
