"""Where on a slide tissue lies, and where it cannot be judged: out of focus, under pen, folded."""

from carcinomap.slide.tissue.mask import TissueMask, find_tissue
from carcinomap.slide.tissue.quality import Artefact, QualityMap, find_artefacts

__all__ = ["Artefact", "QualityMap", "TissueMask", "find_artefacts", "find_tissue"]
