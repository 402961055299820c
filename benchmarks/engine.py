"""What the segmentation engine must show: speed beside its peers, memory, seams, kills.

    python benchmarks/engine.py pipeline [--tiatoolbox PYTHON]
    python benchmarks/engine.py real SLIDE MODEL [--fast PYTHON]
    python benchmarks/engine.py memory --plot memory.png
    python benchmarks/engine.py seams SLIDE MODEL --at X Y [--at X Y …]
    python benchmarks/engine.py kills [SLIDE [MODEL]] [--kills 50] [--planes]

Prints tables in Markdown. Peers have environments of their own, whose Python is named. Generated
slides go to --cache, by default a folder that is gone in the end. Every measured run is a process
of its own, unless the table says otherwise; peak memory is that of the process and its children.
"""

import argparse
import tempfile
from pathlib import Path

import engine_kills
import engine_memory
import engine_pipeline
import engine_real
import engine_seams

PARTS = {
    "pipeline": engine_pipeline,
    "real": engine_real,
    "memory": engine_memory,
    "seams": engine_seams,
    "kills": engine_kills,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder for generated slides and results")
    parts = parser.add_subparsers(dest="part", required=True)
    for name, part in PARTS.items():
        part.add_arguments(parts.add_parser(name, help=part.__doc__.splitlines()[0]))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.cache = options.cache or Path(folder)
        options.cache.mkdir(parents=True, exist_ok=True)
        PARTS[options.part].show(options)


if __name__ == "__main__":
    main()
