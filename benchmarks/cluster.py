"""What many slides on many machines must show: speed, machines that die, ten thousand slides.

    python benchmarks/cluster.py speedup [--slides 40] [--side 4096] [--repeats 3]
    python benchmarks/cluster.py nodes [--slides 12] [--machines 3]
    python benchmarks/cluster.py many [--slides 10000]

Prints tables in Markdown. Machines are Ray's, several on this one: each is processes of its own, of
one core, to which it is bound. Slides are generated, and the model is the default U-Net, hardly
trained. All goes to --cache, by default a folder that is gone in the end.
"""

import argparse
import tempfile
from pathlib import Path

import cluster_many
import cluster_nodes
import cluster_speedup

PARTS = {"speedup": cluster_speedup, "nodes": cluster_nodes, "many": cluster_many}


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
