"""Classes: their order, names, colours and spellings, and what to do with any other label."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any

from carcinomap.annotation.scheme_file import SchemeError, fields, pairs, read_yaml, text, texts
from carcinomap.errors import InputError
from carcinomap.storage import AnyPath, as_path

IGNORE = 255
"""Value of a pixel of truth that counts neither for nor against a model."""

MAX_CLASSES = 254
"""Class indices are bytes, and the two highest are kept for what is no class."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_POLICIES = ("error", "ignore", "background")


@lru_cache(maxsize=4096)
def normalised(label: str) -> str:
    """Return ``label`` as labels are compared: no case, no accents, single spaces."""
    letters = unicodedata.normalize("NFKD", label.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(plain.casefold().split())


@dataclass(frozen=True)
class TissueClass:
    """One class.

    Attributes:
        name: How it is called in tables, maps and reports.
        colour: ``#rrggbb``.
        aliases: Other spellings that annotation files use for it; ``""`` stands for regions
            without any label.
    """

    name: str
    colour: str
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not normalised(self.name):
            raise SchemeError("a class needs a name", "name")
        if not _COLOUR.fullmatch(self.colour):
            raise SchemeError(
                f'{self.colour!r} is no colour; write it like "#d55e00", with the quotes', "color"
            )


@dataclass(frozen=True)
class ClassScheme:
    """Ordered classes; the position of a class is its index, and 0 is the background.

    Attributes:
        classes: At least two and at most 254.
        ignore: Labels whose regions become ``IGNORE``.
        roi: Labels of regions of interest: where a slide has one, the rest of it is ``IGNORE``.
        values: For label images: (pixel value, label of any of these), by value.
        unknown: What any other label means: ``error``, ``ignore`` or ``background``.

    Raises:
        InputError: Two spellings agree, a colour is none, or there are too many classes.
    """

    classes: tuple[TissueClass, ...]
    ignore: tuple[str, ...] = ()
    roi: tuple[str, ...] = ("roi",)
    values: tuple[tuple[int, str], ...] = ()
    unknown: str = "error"

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) <= MAX_CLASSES:
            raise SchemeError(
                f"{len(self.classes)} classes, where 2 to 254 are possible", "classes"
            )
        if self.unknown not in _POLICIES:
            raise SchemeError(f"{self.unknown!r} is none of {', '.join(_POLICIES)}", "unknown")
        seen: dict[str, str] = {}
        for spelling, place in self._spellings():
            key = normalised(spelling)
            if key in seen:
                raise SchemeError(
                    f"{spelling!r} is there twice: {seen[key]!r} means the same", *place
                )
            seen[key] = spelling
        self._check_values()

    def _spellings(self) -> Iterator[tuple[str, tuple[str | int, ...]]]:
        """Yield every label the scheme knows with its place in the scheme's dictionary."""
        for number, tissue in enumerate(self.classes):
            yield tissue.name, ("classes", number, "name")
            for position, alias in enumerate(tissue.aliases):
                yield alias, ("classes", number, "aliases", position)
        for key, labels in (("ignore", self.ignore), ("roi", self.roi)):
            for position, label in enumerate(labels):
                yield label, (key, position)

    def _check_values(self) -> None:
        for value, label in self.values:
            if not self.knows(label):
                raise SchemeError(
                    f"{label!r} is neither a class nor ignored, nor a region of interest",
                    "values",
                    str(value),
                )
        numbers = [value for value, _ in self.values]
        if numbers != sorted(set(numbers)) or any(value < 0 for value in numbers):
            raise SchemeError("pixel values are whole numbers, each given once, in order", "values")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in order."""
        return tuple(tissue.name for tissue in self.classes)

    @property
    def colours_rgb(self) -> list[tuple[int, int, int]]:
        """Colours of the classes as (red, green, blue), 0 to 255, in order."""
        numbers = [bytes.fromhex(tissue.colour[1:]) for tissue in self.classes]
        return [(red, green, blue) for red, green, blue in numbers]

    @cached_property
    def _indices(self) -> dict[str, int]:
        indices = {normalised(label): IGNORE for label in self.ignore}
        for index, tissue in enumerate(self.classes):
            for spelling in (tissue.name, *tissue.aliases):
                indices[normalised(spelling)] = index
        return indices

    @cached_property
    def _roi_labels(self) -> frozenset[str]:
        return frozenset(normalised(label) for label in self.roi)

    def index(self, label: str) -> int | None:
        """Return the index of the class that ``label`` names.

        Returns:
            The index; ``IGNORE`` for an ignored label; ``None`` for any other, ``roi`` included.
        """
        return self._indices.get(normalised(label))

    def is_roi(self, label: str) -> bool:
        """Return whether ``label`` marks a region of interest."""
        return normalised(label) in self._roi_labels

    def knows(self, label: str) -> bool:
        """Return whether ``label`` is a class, ignored, or a region of interest."""
        return self.index(label) is not None or self.is_roi(label)

    def value(self, label: str) -> int:
        """Return the pixel value that regions of ``label`` are painted with.

        Raises:
            InputError: The label is unknown, and unknown labels are errors.
        """
        index = self.index(label)
        if index is not None:
            return index
        if self.unknown == "error":
            raise InputError(f"no class is called {label!r}{self.suggestion(label)}")
        return IGNORE if self.unknown == "ignore" else 0

    def suggestion(self, label: str) -> str:
        """Return `` (did you mean …?)`` with the nearest known label, or nothing."""
        known = {normalised(spelling): spelling for spelling, _ in self._spellings()}
        nearest = get_close_matches(normalised(label), known, n=1)
        return f" (did you mean {known[nearest[0]]!r}?)" if nearest else ""

    def with_roi(self, *labels: str) -> "ClassScheme":
        """Return the scheme with more labels that mark regions of interest.

        Raises:
            InputError: One of them is the label of a class, or ignored.
        """
        for label in labels:
            if self.index(label) is not None:
                raise InputError(f"--roi {label}: regions of this name are a class or ignored")
        fresh = [label for label in labels if not self.is_roi(label)]
        return replace(self, roi=(*self.roi, *dict.fromkeys(fresh)))

    @classmethod
    def default(cls) -> "ClassScheme":
        """Return the four classes of the BACH challenge, in the spellings of its files."""
        return cls(
            classes=(
                TissueClass("normal", "#b3b3b3"),
                TissueClass("benign", "#e69f00"),
                TissueClass(
                    "in situ", "#56b4e9", ("carcinoma in situ", "in situ carcinoma", "dcis")
                ),
                TissueClass("invasive", "#d55e00", ("carcinoma invasive", "invasive carcinoma")),
            ),
            ignore=("unsure",),
        )

    @classmethod
    def from_yaml(cls, path: str | AnyPath) -> "ClassScheme":
        """Read a ``classes.yaml``.

        Raises:
            InputError: Something in it is wrong; the message names the file and the line.
        """
        path = as_path(path)
        value, line_of = read_yaml(path)
        try:
            return cls.from_dict(value)
        except SchemeError as fault:
            raise InputError(f"{path}, line {line_of(fault.place)}: {fault}") from None

    @classmethod
    def from_dict(cls, value: object) -> "ClassScheme":
        """Build a scheme from what ``to_dict`` returns, or a ``classes.yaml`` contains.

        Raises:
            InputError: A key is unknown or missing, or a value is not what it should be.
        """
        known = fields(value, required={"classes"}, optional={"ignore", "roi", "values", "unknown"})
        rest: dict[str, Any] = {
            key: texts(known[key], key) for key in ("ignore", "roi") if key in known
        }
        if "values" in known:
            rest["values"] = pairs(known["values"], "values")
        if "unknown" in known:
            rest["unknown"] = text(known["unknown"], "unknown")
        entries = known["classes"]
        if not isinstance(entries, list):
            raise SchemeError("a list of classes was expected", "classes")
        classes = tuple(_tissue_class(entry, number) for number, entry in enumerate(entries))
        return cls(classes=classes, **rest)

    def to_dict(self) -> dict[str, Any]:
        """Return the scheme as plain JSON values, keys sorted, as in a ``classes.yaml``."""
        return {
            "classes": [
                {"aliases": list(tissue.aliases), "color": tissue.colour, "name": tissue.name}
                for tissue in self.classes
            ],
            "ignore": list(self.ignore),
            "roi": list(self.roi),
            "unknown": self.unknown,
            "values": dict(sorted((str(value), label) for value, label in self.values)),
        }


def _tissue_class(value: object, number: int) -> TissueClass:
    place = ("classes", number)
    known: Mapping[str, object] = fields(
        value, *place, required={"name", "color"}, optional={"aliases"}
    )
    name, colour = (text(known[key], *place, key) for key in ("name", "color"))
    aliases = texts(known.get("aliases", []), *place, "aliases")
    try:
        return TissueClass(name, colour, aliases)
    except SchemeError as fault:
        raise SchemeError(str(fault), *place, *fault.place) from None
