"""What the pixel values of a label image mean."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from carcinomap.annotation.scheme import IGNORE, ClassScheme
from carcinomap.errors import InputError

_KIND, _VALUES = "carcinomap", "values"  # keys of a description, as written here
_MAP = "carcinomap/class-map"  # marks the OME-XML of class maps
_NOT_MAPPED = 255  # in class maps
_OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
_LONGEST = 1_000_000  # characters of a description
_UNREADABLE = (
    ParseError,
    DefusedXmlException,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    RecursionError,
    InputError,
)
_PLAIN = re.compile(r"\w[\w -]*")


@dataclass(frozen=True)
class FileValues:
    """What a label image itself says of its values.

    Attributes:
        labels: (value, label), where it names any; a scheme that gives values overrules them.
        blank: Values that stand for nothing drawn, if they mean class 0.
    """

    labels: tuple[tuple[int, str], ...] = ()
    blank: frozenset[int] = frozenset([0])

    @classmethod
    def of(cls, description: str) -> "FileValues":
        """Read a TIFF's description: label images and class maps made here name their values."""
        if len(description) > _LONGEST:
            return cls()
        try:
            if _MAP in description:
                classes = enumerate(_map_classes(description))
                return cls(tuple(classes), frozenset([0, _NOT_MAPPED]))
            if description.startswith(f'{{"{_KIND}"'):
                values = json.loads(description)[_VALUES]
                return cls(tuple((int(value), str(label)) for value, label in values.items()))
        except _UNREADABLE:  # then it says nothing
            return cls()
        return cls()

    @staticmethod
    def describe(values: Mapping[int, str]) -> str:
        """Return the description from which ``of`` reads the values."""
        about = {_KIND: "label image", _VALUES: {str(v): label for v, label in values.items()}}
        return json.dumps(about)


def _map_classes(description: str) -> list[str]:
    """Return the names of the classes in a class map's OME-XML."""
    place = f"{_OME}StructuredAnnotations/{_OME}MapAnnotation[@Namespace='{_MAP}']"
    text = fromstring(description).findtext(f"{place}/{_OME}Value/{_OME}M[@K='classes']")
    return list(ClassScheme.from_dict(json.loads(text or "")).names)


@dataclass(frozen=True)
class Meaning:
    """What the values of an image mean in a scheme.

    Attributes:
        labels: Label of every value that is in the image.
        blank: Values that say that nothing is drawn.
        roi: Values of regions of interest in which nothing is drawn.
        painted: uint8 ``(256,)``: what ``label_image`` shows of each value.
        outside: What it shows outside the image.
    """

    labels: Mapping[int, str]
    blank: frozenset[int]
    roi: frozenset[int]
    painted: npt.NDArray[np.uint8]
    outside: int

    @classmethod
    def of(
        cls, source: Path, counts: Mapping[int, int], own: FileValues, scheme: ClassScheme
    ) -> "Meaning":
        """Look up the values of an image.

        Args:
            source: The file.
            counts: Number of pixels of every value in it.
            own: What it says itself.
            scheme: What labels mean, and values.

        Raises:
            InputError: Nothing says what the values mean, or some mean nothing and the scheme
                calls that an error.
        """
        labels = _labels(source, counts, own, scheme)
        roi = frozenset(value for value, label in labels.items() if scheme.is_roi(label))
        indices = {v: 0 if v in roi else scheme.value(label) for v, label in labels.items()}
        blank = frozenset(v for v in own.blank - roi if indices.get(v) == 0)
        outside = IGNORE if roi else 0
        painted = np.zeros(256, np.uint8)
        for value, index in indices.items():
            painted[value] = outside if value in blank else index
        return cls(labels, blank, roi, painted, outside)

    @property
    def drawn(self) -> frozenset[int]:
        """Values that stand for regions, ignored ones included."""
        return frozenset(self.labels) - self.blank - self.roi

    @property
    def interest(self) -> frozenset[int]:
        """Values of pixels of which something is known, where it is bounded; else none.

        It is by regions of interest, and where pixels of value 0 are ignored: nobody looked there.
        """
        if self.roi:
            return self.drawn | self.roi
        return self.drawn - {0} if self.painted[0] == IGNORE else frozenset()


def _labels(
    source: Path, counts: Mapping[int, int], own: FileValues, scheme: ClassScheme
) -> dict[int, str]:
    values = dict(scheme.values or own.labels)
    if not values:
        raise InputError(
            f"{source}: a label image, and nothing says what its pixel values mean. "
            + _advice(counts, values, scheme)
        )
    for value in own.blank - {0}:
        values.setdefault(value, scheme.names[0])
    labels = {value: values.get(value, f"value {value}") for value in counts}
    strange = [value for value, label in labels.items() if not scheme.knows(label)]
    if strange and scheme.unknown == "error":
        told = ", ".join(f"{value} ({counts[value]:,} pixels)" for value in strange)
        raise InputError(
            f"{source}: pixel values that are in no class: {told}. "
            f"{_advice(counts, values, scheme)} Or say `unknown: ignore` there."
        )
    return labels


def _advice(counts: Mapping[int, int], values: Mapping[int, str], scheme: ClassScheme) -> str:
    """Return a line for classes.yaml that gives every value of an image a meaning."""
    ignored = scheme.ignore[0] if scheme.ignore else "unsure"
    guesses = {value: name for value, name in enumerate(scheme.names) if value in counts}
    known = {value: label for value, label in values.items() if scheme.knows(label)}
    line = values_line(dict.fromkeys(counts, ignored) | guesses | known)
    more = "" if scheme.ignore else f" and `ignore: [{ignored}]`"
    return f"Put into a classes.yaml (--classes), with the right names: `{line}`{more}."


def values_line(values: Mapping[int, str]) -> str:
    """Return the line of a classes.yaml that gives pixel values their labels."""
    pairs = (f"{value}: {_scalar(label)}" for value, label in sorted(values.items()))
    return f"values: {{{', '.join(pairs)}}}"


def _scalar(label: str) -> str:
    return label if _PLAIN.fullmatch(label) else json.dumps(label, ensure_ascii=False)
