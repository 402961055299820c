"""Disagreement with the map in one piece against overlap; options are those of ``seams.py``."""

import argparse
import subprocess
import sys
from pathlib import Path


def add_arguments(parser):
    parser.add_argument("arguments", nargs=argparse.REMAINDER)


def show(options):
    script = Path(__file__).with_name("seams.py")
    subprocess.run([sys.executable, script, *options.arguments], check=True)
