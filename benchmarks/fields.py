"""Fields of one tile each: as many at once as ``segment`` chooses, and one after the other.

python benchmarks/fields.py FOLDER MODEL [--first 40] [--repeats 3]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from carcinomap.slide import find_slides
from measured import run, table

WAYS = {"by itself": (), "one by one": ("--processes", "1")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with the fields")
    parser.add_argument("model", type=Path)
    parser.add_argument("--first", type=int, default=40, help="fields to map")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    fields = list(find_slides(options.folder))[: options.first]
    rows = []
    for _ in range(options.repeats):
        for name, how in WAYS.items():
            with tempfile.TemporaryDirectory() as maps:
                command = [sys.executable, "-m", "carcinomap", "segment", *fields, "--quiet", *how]
                done = run([*command, "--model", options.model, "--output", maps])
            rows.append([name, f"{done.seconds:.1f}", f"{done.cpu:.1f}", f"{done.peak:.0f}"])
    table([f"{len(fields)} fields", "seconds", "CPU seconds", "peak MB"], rows)


if __name__ == "__main__":
    main()
