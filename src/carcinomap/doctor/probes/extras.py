"""What carcinomap can use, but does not need."""

import os
import socket
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from carcinomap.doctor.line import Check, Line, reinstall
from carcinomap.doctor.requirements import command, extras, installed, required

PURPOSES = {
    "cluster": "the same work on many machines",
    "export": "networks as ONNX files",
    "remote": "slides and results on S3 and by HTTP",
}
ANSWER_SECONDS = 1.0


def _extra(extra: str) -> Iterator[Line]:
    name, purpose = f"[{extra}]", PURPOSES.get(extra, "")
    wanted = list(required(extra))
    missing = [one for one in wanted if _unusable(one)]
    if missing:
        names = ", ".join(one.name for one in missing)
        said = f"{names} not here or too old; for {purpose}"
        yield Line(name, "absent", said, f'pip install "carcinomap[{extra}]"')
        return
    for one in wanted:
        import_module(one.name.replace("-", "_"))
    versions = ", ".join(f"{one.name} {installed(one.name)}" for one in wanted)
    yield Line(name, "ok", f"{versions}: {purpose}")


def _unusable(wanted: Requirement) -> bool:
    version = installed(wanted.name)
    return version is None or not wanted.specifier.contains(version, prereleases=True)


def _checks() -> Iterator[Check]:
    if installed("carcinomap") is None:
        return
    for extra in extras():
        packages = (command(one).removeprefix("pip install ") for one in required(extra))
        yield Check(f"[{extra}]", partial(_extra, extra), reinstall(*packages), needed=False)


def _running_cluster() -> Iterator[Line]:
    """Say whether a Ray cluster answers that was started here or is named in the environment."""
    if installed("ray") is None:
        return
    address, named = cluster_address(), "RAY_ADDRESS" in os.environ
    if address is not None and _answers(address):
        yield Line("Ray cluster", "ok", f"{address} answers: --cluster auto uses it")
    elif address is not None and named:
        said = f"{address}, which RAY_ADDRESS names, does not answer"
        yield Line("Ray cluster", "note", said, "ray start --head there, or unset RAY_ADDRESS")
    else:
        yield Line("Ray cluster", "ok", "none runs here; --cluster local starts one")


def cluster_address() -> str | None:
    """Return where a Ray cluster should be; Ray looks for it in the same places."""
    named = os.environ.get("RAY_ADDRESS")
    if named:
        return None if named in ("auto", "local") else named
    folder = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray"  # noqa: S108 - Ray's own
    try:
        return (folder / "ray_current_cluster").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _answers(address: str) -> bool:
    place = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        with socket.create_connection((place.hostname, place.port), ANSWER_SECONDS):
            return True
    except (OSError, ValueError):
        return False


CHECKS = (*_checks(), Check("Ray cluster", _running_cluster, "", needed=False))
