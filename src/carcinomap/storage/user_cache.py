"""Where this machine keeps what can be made again: the user's cache folder."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder(part: str) -> Path:
    """Return the folder for one kind of kept things; it need not be there yet.

    It lies in the user's cache folder, or in that which ``CARCINOMAP_CACHE`` names.
    """
    named = os.environ.get("CARCINOMAP_CACHE")
    return (Path(named) if named else user_cache_path("carcinomap")) / part
