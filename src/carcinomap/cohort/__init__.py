"""Which slide belongs to which patient, annotation and split; where to take patches from.

A folder of ``NAME.svs`` + ``NAME.xml`` is a cohort with no configuration at all. A sampler says
where a patch lies (a ``PatchKey``, plain numbers); what a patch is, it neither knows nor reads.
"""

from carcinomap.cohort.candidate import why_no_annotation
from carcinomap.cohort.case import Case, Cohort
from carcinomap.cohort.checking import CheckReport, check_cohort, read_every_level
from carcinomap.cohort.convert import Conversion, convert_annotations, files_to_convert
from carcinomap.cohort.describe import describe_annotation, describe_slide
from carcinomap.cohort.finding import Finding
from carcinomap.cohort.frame import frame_of
from carcinomap.cohort.keys import PatchKey
from carcinomap.cohort.patches import TileSettings, WrittenTiles, write_tiles
from carcinomap.cohort.reading import read_cohort
from carcinomap.cohort.sampling import HardPlaces, PatchSampler, Sampling, grid_keys
from carcinomap.cohort.sources import Block, PatchSource
from carcinomap.cohort.split import spatial_block, split_by_patient
from carcinomap.cohort.store import SlideStore

__all__ = [
    "Block",
    "Case",
    "CheckReport",
    "Cohort",
    "Conversion",
    "Finding",
    "HardPlaces",
    "PatchKey",
    "PatchSampler",
    "PatchSource",
    "Sampling",
    "SlideStore",
    "TileSettings",
    "WrittenTiles",
    "check_cohort",
    "convert_annotations",
    "describe_annotation",
    "describe_slide",
    "files_to_convert",
    "frame_of",
    "grid_keys",
    "read_cohort",
    "read_every_level",
    "spatial_block",
    "split_by_patient",
    "why_no_annotation",
    "write_tiles",
]
