"""What names of slides and annotations have in common, and what people get wrong in them."""

import re
import unicodedata
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from carcinomap.annotation import ANNOTATION_SUFFIXES
from carcinomap.files import escaped
from carcinomap.slide.finding import IMAGE_SUFFIXES, LABEL_ENDINGS, WHOLE_SLIDE_SUFFIXES
from carcinomap.storage import AnyPath

NO_UTF8 = "not UTF-8 text; save the table as CSV UTF-8"
"""Of a table; but a name that a file really has may be of any bytes."""

_ENDINGS = {
    *(*ANNOTATION_SUFFIXES, *WHOLE_SLIDE_SUFFIXES, *IMAGE_SUFFIXES, *LABEL_ENDINGS),
    *(".ome", ".asap"),
}
_END = re.compile(f"({'|'.join(map(re.escape, sorted(_ENDINGS)))})+$", re.IGNORECASE)


def bare_name(path: AnyPath) -> str:
    """Return a file's name without suffixes, and without endings such as ``_mask``."""
    return _END.sub("", path.name)


def is_unicode(text: str) -> bool:
    """Say whether a text is one: Python keeps what is no UTF-8 as halves of characters."""
    return escaped(text) == text


def names_a_file(path: AnyPath) -> bool:
    """Say whether a file on a disk has this name, which may be longer than any can be."""
    try:
        return isinstance(path, Path) and path.is_file()
    except (OSError, ValueError):
        return False


def loose(name: str) -> str:
    """Return a name without what people get wrong: case, spaces around it, how accents are kept."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def nearest(name: str, names: Collection[str]) -> str | None:
    """Return the name that one was probably meant to be: a longer or shorter form, or a typo."""
    plain = {loose(other): other for other in names}
    name = loose(name)
    same_start = [one for one in plain if one.startswith(name) or name.startswith(one)]
    cutoff = 0.0 if same_start else 0.8
    found = get_close_matches(name, same_start or plain, n=1, cutoff=cutoff)
    return plain[found[0]] if found else None


def hint(name: str, names: Collection[str]) -> str:
    """Return `` (did you mean …?)`` with the nearest of some names, or nothing."""
    near = nearest(name, names)
    return f" (did you mean {near!r}?)" if near else ""
