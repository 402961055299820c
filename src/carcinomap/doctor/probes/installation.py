"""carcinomap, the Python that runs it, and the system."""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from carcinomap.doctor.line import Check, Line
from carcinomap.version import __version__


def _carcinomap() -> Iterator[Line]:
    folder = Path(__file__).resolve().parents[2]
    yield Line("carcinomap", "ok", f"{__version__}, in {folder}", facts={"version": __version__})


def _python() -> Iterator[Line]:
    own = "of its own environment" if sys.prefix != sys.base_prefix else "of the system"
    said = f"{platform.python_version()} {own}, {sys.executable}"
    facts = {"version": platform.python_version(), "executable": sys.executable}
    if sys.maxsize < 2**32:
        advice = "install the 64-bit Python: a slide does not fit into what 32 bits can address"
        yield Line("Python", "broken", f"{said}, 32-bit", advice, facts)
    else:
        yield Line("Python", "ok", said, facts=facts)


def _system() -> Iterator[Line]:
    yield Line("system", "ok", f"{platform.platform()}, {platform.machine()}")


CHECKS = (
    Check("carcinomap", _carcinomap, "install carcinomap again"),
    Check("Python", _python, "install Python again"),
    Check("system", _system, "", needed=False),
)
