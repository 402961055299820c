"""How many cores this process may use."""

import os
from collections.abc import Iterator

from carcinomap.doctor.line import Check, Line
from carcinomap.granted import usable_cores


def _cores() -> Iterator[Line]:
    there, usable = os.cpu_count() or 1, usable_cores()
    facts = {"there": there, "usable": usable}
    if usable >= there:
        yield Line("cores", "ok", str(there), facts=facts)
        return
    workers = max(1, int(usable))
    yield Line(
        "cores",
        "note",
        f"{usable:g} of {there}: a batch system, a container or taskset grants no more",
        f"ask it for more, or give --workers {workers}, so that threads do not crowd",
        facts,
    )


CHECKS = (Check("cores", _cores, "", needed=False),)
