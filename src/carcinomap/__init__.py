"""carcinomap maps cancer in histopathology whole-slide images."""

from carcinomap.version import __version__

__all__ = ["__version__"]
