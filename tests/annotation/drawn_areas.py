"""Generated areas as people and programs draw them, for round trips."""

import shapely
from hypothesis import strategies as st
from shapely import box

from carcinomap.annotation import Annotation, AnnotationSet
from carcinomap.annotation.geometry import only_areas

SIDES = st.integers(1, 12)
CORNERS = st.integers(0, 16)
BOXES = st.builds(lambda x, y, w, h: box(x, y, x + w, y + h), CORNERS, CORNERS, SIDES, SIDES)
ROUND = st.builds(
    lambda x, y, radius: shapely.set_precision(shapely.Point(x, y).buffer(radius), 1 / 1024),
    *(CORNERS, CORNERS, SIDES),
)


def overlaid(shapes):
    """Return what is left where each shape turns inside out what lies below it."""
    area = shapely.Polygon()
    for shape in shapes:
        area = shapely.symmetric_difference(area, shape, grid_size=1 / 1024)
    return only_areas([area])


AREAS = st.lists(BOXES | ROUND, min_size=1, max_size=5).map(overlaid).filter(lambda a: a.area > 0)
LABELS = st.sampled_from(
    ["benign", "Normal", "in situ", "überall é", "癌", '<a href="x">&amp;', ""]
)
COLOURS = st.sampled_from([None, "#ff0000", "#00ff7f"])
LAYERS = st.sampled_from(["", "", "Layer 1", "α/β", "benign"])


def annotation_sets(labels=LABELS, layers=LAYERS):
    """Return a strategy of sets whose annotations have names of their own.

    Some areas are there twice, or fill a hole of the one before.
    """
    annotations = st.lists(
        st.builds(Annotation, labels, AREAS, colour=COLOURS, layer=layers), max_size=5
    )
    return st.builds(named, annotations, st.lists(st.sampled_from(["", "twice", "fill"])))


def named(annotations, changes):
    made = []
    for position, annotation in enumerate(annotations):
        change = changes[position] if position < len(changes) else ""
        area = annotation.geometry
        before = made[-1].geometry if made else area
        holes = [hole for part in shapely.get_parts(before) for hole in part.interiors]
        if change == "twice":
            area = before
        elif change == "fill" and holes:
            area = shapely.Polygon(holes[0])
        name = f"{position} »{annotation.label}«\n\t'\""
        made.append(Annotation(annotation.label, area, name, annotation.colour, annotation.layer))
    return AnnotationSet(tuple(made))


def parts_of(annotations):
    """Return (label, name, layer, colour, polygon) of every part of every annotation."""
    return [
        (one.label, one.name, one.layer, one.colour, part)
        for one in annotations.annotations
        for part in shapely.get_parts(one.geometry)
    ]


def hole_count(annotations):
    """Return how many holes all annotations have together."""
    return sum(len(part.interiors) for *_, part in parts_of(annotations))
