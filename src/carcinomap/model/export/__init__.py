"""A model as a file for other programs, checked against the model before it is kept.

Each format is a ``Form``: it writes a file and says how to execute one. What the files do is the
same – pixels in, probabilities out – so that whoever uses them can get no preprocessing wrong.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from carcinomap.model.export.forms import Format

if TYPE_CHECKING:
    from carcinomap.model.export.agreement import Agreement
    from carcinomap.model.export.exporting import Exported, export_model
    from carcinomap.model.export.patches import made_patches, tissue_patches

__all__ = ["Agreement", "Exported", "Format", "export_model", "made_patches", "tissue_patches"]

# They import PyTorch, which whoever only asks for the formats' names need not wait for.
_HOMES = {
    "Agreement": "agreement",
    "Exported": "exporting",
    "export_model": "exporting",
    "made_patches": "patches",
    "tissue_patches": "patches",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
