"""What Ray carries to a machine: it finds out whether that machine can do anything for the run.

Only Python and Ray have to be there for it. A machine without carcinomap, or with another version,
would otherwise fail every task in no time, and so be given nearly all of them, and so would one
that does not see the slides; one that does not share the folder of results would keep its own to
itself.
"""

from collections.abc import Callable
from typing import Any


def arrival() -> Callable[..., Any]:
    """Return the function for Ray: a nested one is sent as it is, and not looked up by its name.

    It takes the version of carcinomap that asks, the mark of ``shared.marked``, the files that the
    task opens, the pickled task, the pickled ``Order`` and which ``Try`` it is. It returns what
    ``node.do`` does, or, of a machine that cannot work for the run, Ray's name of it and why.
    """

    def arrive(
        version: str,
        mark: str,
        files: list[str],
        task: bytes,
        order: bytes,
        of: tuple[int, int],
    ) -> Any:
        import os  # noqa: PLC0415 - it takes no names of this file with it
        import pickle  # noqa: PLC0415
        import platform  # noqa: PLC0415

        import ray  # noqa: PLC0415

        machine, host = ray.get_runtime_context().get_node_id(), platform.node()
        try:
            from carcinomap.version import __version__  # noqa: PLC0415

            if __version__ != version:
                return machine, f"{host} has carcinomap {__version__}, and here is {version}"
            from carcinomap.cluster.node import do  # noqa: PLC0415
        except Exception as fault:
            return machine, f"{host} cannot load carcinomap ({type(fault).__name__}: {fault})"
        if mark and not os.path.exists(mark):
            folder = os.path.dirname(mark)
            return machine, f"{host} has another {folder}, or none, and it has to be shared"
        for file in files:
            if not os.path.exists(file):
                return machine, f"{host} does not see {file}"
        return do(task, pickle.loads(order), of)  # noqa: S301 - of whose cluster this is

    return arrive
