"""Which groups an ASAP file needs for the labels and layers of some annotations."""

from collections.abc import Iterator

from carcinomap.annotation.annotations import Annotation
from carcinomap.annotation.formats.asap_xml import LAYER_SEPARATOR, NO_GROUP, is_hole_group
from carcinomap.annotation.formats.colours import colour_or_default
from carcinomap.annotation.formats.xml_writing import Losses, attributes


class Groups:
    """The groups of a file; each can be part of one other alone."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._parents: dict[str, str] = {}
        self._colours: dict[str, str] = {}

    def of(self, annotation: Annotation) -> str:
        """Return the name of the group for an annotation."""
        name = self._name(annotation.label)
        path = [part for part in annotation.layer.split(LAYER_SEPARATOR) if part]
        if not self._add([*path, name]):
            self._losses.add("the layer of {} regions is lost: a group can be in one other alone")
            self._parents.setdefault(name, NO_GROUP)
        colour = colour_or_default(annotation.colour, annotation.label)
        for group in (*path, name):
            self._colours.setdefault(group, colour)
        return name

    def add(self, name: str, colour: str) -> None:
        """Add a group of its own."""
        self._parents[name] = NO_GROUP
        self._colours[name] = colour

    def lines(self) -> Iterator[str]:
        """Yield the lines of the file that define the groups."""
        for name, parent in self._parents.items():
            if name != NO_GROUP:
                head = attributes(Name=name, PartOfGroup=parent, Color=self._colours[name])
                yield f"\t\t<Group {head}>\n\t\t\t<Attributes/>\n\t\t</Group>\n"

    def _name(self, label: str) -> str:
        if not label:
            return NO_GROUP
        if label != NO_GROUP and not is_hole_group(label):
            return label
        self._losses.add(
            f"{{}} regions labelled {label!r} are written as '{label} region': "
            "to ASAP's readers such a group is no class"
        )
        return f"{label} region"

    def _add(self, path: list[str]) -> bool:
        """Add groups that are parts of one another, outermost first, unless something forbids."""
        parents = dict(zip(path, [NO_GROUP, *path[:-1]], strict=True))
        fits = all(self._parents.get(name, parent) == parent for name, parent in parents.items())
        if not fits or len(parents) < len(path) or (NO_GROUP in parents and len(path) > 1):
            return False
        self._parents |= parents
        return True
