"""The command ``carcinomap``, also as ``python -m carcinomap``."""

import sys

from carcinomap.signals import interrupt_on_sigterm

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C shows no traceback, not even while modules are loaded.

    SIGTERM, from a batch system for instance, is the same as Ctrl-C.
    """
    try:
        interrupt_on_sigterm()
        if sys.argv[1:2] == ["doctor"]:  # where a library is broken that other commands load
            from carcinomap.cli.doctor import alone  # noqa: PLC0415

            alone(sys.argv[2:])
        from carcinomap.cli.main import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
