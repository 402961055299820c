"""The process in which a probe runs: ``python -m carcinomap.doctor.child PROBE FIRST``.

It writes a line of JSON for each check that begins, and for each thing that is known. Who reads
them knows what was looked at when the process ends before it said that it was done.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import Any

from carcinomap.doctor.line import Check, why


def main(probe: str, first: int) -> None:
    """Do the checks of a probe, from a certain one on."""
    tell = _teller()
    checks: tuple[Check, ...] = import_module(f"carcinomap.doctor.probes.{probe}").CHECKS
    for check in checks[first:]:
        tell({"check": {"name": check.name, "remedy": check.remedy, "needed": check.needed}})
        try:
            for line in check.look():
                tell({"line": asdict(line)})
        except (Exception, SystemExit) as error:
            tell({"line": asdict(check.broken(why(error)))})
    tell({"done": probe})


def _teller() -> Callable[[dict[str, Any]], None]:
    """Return what writes to standard output; whatever else is written there goes elsewhere."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(record: dict[str, Any]) -> None:
        told.write(json.dumps(record) + "\n")
        told.flush()

    return tell


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
