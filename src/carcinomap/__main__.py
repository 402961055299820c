"""The command ``carcinomap``, also as ``python -m carcinomap``."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C shows no traceback, not even while modules are loaded."""
    try:
        if sys.argv[1:2] == ["doctor"]:  # where a library is broken that other commands load
            from carcinomap.cli.doctor import alone  # noqa: PLC0415

            alone(sys.argv[2:])
        from carcinomap.cli.main import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
