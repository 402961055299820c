"""The command line of a benchmark of several parts, each a module of its own."""

import argparse
import tempfile
from pathlib import Path


def show(title, parts):
    """Show the part that the command line names.

    Args:
        title: What the benchmark is.
        parts: Modules by name, each with a docstring, ``add_arguments(parser)`` and
            ``show(options)``, whose ``cache`` is a folder that exists.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--cache", type=Path, help="folder for generated slides and results")
    commands = parser.add_subparsers(dest="part", required=True)
    for name, part in parts.items():
        part.add_arguments(commands.add_parser(name, help=part.__doc__.splitlines()[0]))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.cache = options.cache or Path(folder)
        options.cache.mkdir(parents=True, exist_ok=True)
        parts[options.part].show(options)
