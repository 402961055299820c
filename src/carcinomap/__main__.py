"""The command ``carcinomap``, also as ``python -m carcinomap``."""

import os
import sys

from carcinomap.signals import interrupt_on_sigterm

INTERRUPTED = 130
SPINS = "1000"  # benchmarks/training_beside.py


def main() -> None:
    """Run the command line; Ctrl-C shows no traceback, not even while modules are loaded.

    SIGTERM, from a batch system for instance, is the same as Ctrl-C.
    """
    try:
        interrupt_on_sigterm()
        _wait_asleep()
        if sys.argv[1:2] == ["doctor"]:  # where a library is broken that other commands load
            from carcinomap.cli.doctor import alone  # noqa: PLC0415

            alone(sys.argv[2:])
        from carcinomap.cli.main import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _wait_asleep() -> None:
    """Have PyTorch's threads spin only shortly while they wait for one another.

    By default they keep a core from the very thread that they wait for, as soon as any other
    process computes. GNU's OpenMP reads this once, when PyTorch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


if __name__ == "__main__":
    main()
