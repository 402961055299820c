"""Write small ASAP files."""

from pathlib import Path
from xml.sax.saxutils import quoteattr


def annotation_xml(points, kind="Polygon", group="None", name="Annotation 0", colour="#F4FA58"):
    """Return an <Annotation>; a point is (x, y) or (x, y, order)."""
    places = [(*point, at) if len(point) == 2 else point for at, point in enumerate(points)]
    inner = "".join(f'<Coordinate Order="{order}" X="{x}" Y="{y}" />' for x, y, order in places)
    head = f"Name={quoteattr(name)} Type={quoteattr(kind)} PartOfGroup={quoteattr(group)}"
    return f'<Annotation {head} Color="{colour}"><Coordinates>{inner}</Coordinates></Annotation>'


def group_xml(name, parent="None", colour="#64FE2E"):
    """Return a <Group>."""
    head = f"Name={quoteattr(name)} PartOfGroup={quoteattr(parent)}"
    return f'<Group {head} Color="{colour}"><Attributes /></Group>'


def write(folder: Path, *annotations, groups=()):
    """Write a file and return its path."""
    path = folder / "slide.xml"
    path.write_text(
        f'<?xml version="1.0"?><ASAP_Annotations><Annotations>{"".join(annotations)}</Annotations>'
        f"<AnnotationGroups>{''.join(groups)}</AnnotationGroups></ASAP_Annotations>",
        encoding="utf-8",
    )
    return path
