"""Patches for other tools: slides cut into image and label tiles, and such folders as cohorts."""

from carcinomap.cohort.patches.settings import TileSettings
from carcinomap.cohort.patches.writing import WrittenTiles, write_tiles

__all__ = ["TileSettings", "WrittenTiles", "write_tiles"]
