"""What people drew on a slide, and what the drawn regions mean.

A pathologist's outlines are the truth that a model learns from and is measured against, and
they come as people leave them: one class spelt four ways, outlines that cross themselves,
arrows and strokes between the regions, holes that stick out of what they are cut from. This
room turns such a file into labelled polygons (``Annotation``) and accounts for every region
of it: it is an area, or it is a hole, or a note says why it is neither. What the labels mean
is the class scheme's business (``ClassScheme``) alone, so that one file serves several
questions.

Everything is in level-0 pixels. There is never a mask of a whole slide: ``label_image`` draws
the window it is asked for, at the scale it is asked for.
"""

from carcinomap.annotation.annotations import Annotation, AnnotationSet, Note, check_labels
from carcinomap.annotation.drawing import Window
from carcinomap.annotation.formats import (
    ANNOTATION_SUFFIXES,
    FORMATS,
    Annotations,
    FileContext,
    Format,
    format_of,
    format_to_write,
    read_annotations,
    write_annotations,
)
from carcinomap.annotation.frame import SlideFrame
from carcinomap.annotation.geometry import Area
from carcinomap.annotation.label_images import LabelImage
from carcinomap.annotation.scheme import IGNORE, ClassScheme, TissueClass

__all__ = [
    "ANNOTATION_SUFFIXES",
    "FORMATS",
    "IGNORE",
    "Annotation",
    "AnnotationSet",
    "Annotations",
    "Area",
    "ClassScheme",
    "FileContext",
    "Format",
    "LabelImage",
    "Note",
    "SlideFrame",
    "TissueClass",
    "Window",
    "check_labels",
    "format_of",
    "format_to_write",
    "read_annotations",
    "write_annotations",
]
