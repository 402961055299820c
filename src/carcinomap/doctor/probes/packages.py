"""The versions of the packages that carcinomap asks for."""

from collections.abc import Iterator

from packaging.requirements import Requirement

from carcinomap.doctor.line import Check, Line, reinstall
from carcinomap.doctor.requirements import command, installed, required

CV2 = "opencv-python-headless"
OTHER_CV2 = ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")


def _packages() -> Iterator[Line]:
    if installed("carcinomap") is None:
        said = "not compared: carcinomap runs from a folder and was not installed"
        yield Line("packages", "note", said, "in that folder: pip install --editable .")
        return
    wanted = list(required())
    bad = [line for one in wanted if (line := _fault(one)) is not None]
    yield from bad
    versions = {one.name: installed(one.name) for one in wanted}
    if not bad:
        said = f"all {len(wanted)} that are needed are here, none too old (--json lists them)"
        yield Line("packages", "ok", said, facts=versions)


def _fault(wanted: Requirement) -> Line | None:
    """Return what is wrong with a package, if anything is."""
    version = installed(wanted.name)
    if version is None:
        return Line(wanted.name, "broken", "not installed", command(wanted))
    if not wanted.specifier.contains(version, prereleases=True):
        said = f"{version}, but {wanted.specifier} is needed"
        return Line(wanted.name, "broken", said, command(wanted))
    return None


def _one_opencv() -> Iterator[Line]:
    """The packages of OpenCV write over each other's files."""
    others = [name for name in OTHER_CV2 if installed(name)]
    if others:
        names = " ".join(others)
        said = f"{names}: installed beside {CV2}, in the same files"
        advice = f"pip uninstall {names}, then {reinstall(CV2)}"
        yield Line("OpenCV", "note", said, advice)


CHECKS = (
    Check("packages", _packages, reinstall("carcinomap")),
    Check("OpenCV", _one_opencv, reinstall(CV2), needed=False),
)
