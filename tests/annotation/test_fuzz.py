"""Every annotation file, broken in many ways, is an error that says so, or a result.

    CARCINOMAP_FUZZ=1000 pytest tests/annotation/test_fuzz.py -s

breaks every real file a thousand times and prints the figures.
"""

import os
import resource
import time
import zlib

import numpy as np
import pytest
from mutations import mutated

from carcinomap.annotation import (
    FORMATS,
    AnnotationSet,
    ClassScheme,
    FileContext,
    SlideFrame,
    read_annotations,
    write_annotations,
)
from carcinomap.errors import InputError

MUTATIONS = int(os.environ.get("CARCINOMAP_FUZZ", "6"))
LONGEST = 30.0  # seconds; far from what is usual, near to what people call hanging
MEMORY = 1 << 30  # more than before
SCHEME = ClassScheme.from_dict(ClassScheme.default().to_dict() | {"unknown": "ignore"})
CONTEXT = FileContext(
    SlideFrame(50_000, 40_000, 0.5, (100, 200), (1e6, -2e6)), scheme=SCHEME, mpp=200.0
)

MADE = {
    "made.ndpa": """<?xml version="1.0" encoding="utf-8"?><annotations>
        <ndpviewstate id="1"><title>Tumour</title><details>é</details>
        <coordformat>nanometers</coordformat><annotation type="freehand" displayname="f"
        color="#ff0000"><closed>1</closed><pointlist><point><x>1000000</x><y>-200000</y></point>
        <point><x>1200000</x><y>-200000</y></point><point><x>1200000</x><y>100000</y></point>
        </pointlist></annotation></ndpviewstate>
        <ndpviewstate id="2"><title>round</title><annotation type="circle"><x>5000</x><y>6000</y>
        <radius>70000</radius></annotation></ndpviewstate></annotations>""",
    "made.json": """{"name": "é", "elements": [{"type": "polyline", "closed": true, "group": "a",
        "points": [[1, 2, 0], [100, 2, 0], [100, 90, 0], [1, 90, 0]],
        "holes": [[[10, 10, 0], [20, 10, 0], [20, 20, 0]]], "lineColor": "rgb(1,2,3)"},
        {"type": "rectangle", "center": [50, 60, 0], "width": 10, "height": 20, "rotation": 0.5},
        {"type": "ellipse", "center": [5, 6, 0], "width": 10, "height": 20, "rotation": 0},
        {"type": "circle", "center": [5, 6, 0], "radius": 10},
        {"type": "point", "center": [1, 2, 3]}]}""",
}


def real_files(folder):
    names = ["bach/*.xml", "bach/annotations/*.xml", "annotations/*/*", "glas/*.xml"]
    return [file for name in names for file in sorted(folder.glob(name))]


@pytest.mark.parametrize("name", MADE)
def test_made_files_are_whole(tmp_path, name):
    file = tmp_path / name
    file.write_text(MADE[name], encoding="utf-8")
    assert len(read_annotations(file, CONTEXT)) >= 2


def test_broken_made_files(tmp_path):
    files = {name: text.encode() for name, text in MADE.items()}
    report = Report()
    for name, data in files.items():
        survive(name, data, list(files.values()), tmp_path, 25 * MUTATIONS, report)
    assert report.readable > 0


def test_broken_real_files(tmp_path, real_data):
    files = real_files(real_data)
    some = [file.read_bytes() for file in files[:: max(1, len(files) // 20)]]
    report = Report()
    before = peak_memory()
    for file in files:
        survive(file.name, file.read_bytes(), some, tmp_path, MUTATIONS, report)
    assert report.readable > 0
    assert peak_memory() - before < MEMORY
    report.show(len(files))


def peak_memory():
    """Return the most bytes that this process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Report:
    """What came of it."""

    def __init__(self):
        self.broken = self.readable = 0
        self.longest = (0.0, "")

    def show(self, files):
        print(
            f"\n{files} files, {self.broken + self.readable:,} mutations: {self.broken:,} refused, "
            f"{self.readable:,} readable; longest {self.longest[0]:.2f} s ({self.longest[1]}); "
            f"peak memory {peak_memory() / 1e9:.2f} GB"
        )


def survive(name, data, others, folder, count, report):
    file = folder / name
    for number in range(count):
        seed = zlib.crc32(f"{name} {number}".encode())
        file.write_bytes(mutated(data, np.random.default_rng(seed), others))
        started = time.perf_counter()
        try:
            use(read_annotations(file, CONTEXT), folder)
        except InputError:
            report.broken += 1
        else:
            report.readable += 1
        took = time.perf_counter() - started
        report.longest = max(report.longest, (took, f"{name}, mutation {number}"))
        assert took < LONGEST, (name, number)


def use(annotations, folder):
    """What was read can be asked, drawn and written."""
    assert annotations.regions >= len(annotations)
    assert all(area >= 0 for area in annotations.areas(SCHEME).values())
    assert annotations.label_image(0, 0, 64, 64, 500.0, SCHEME).shape == (64, 64)
    if isinstance(annotations, AnnotationSet):
        for one in FORMATS:
            if one.write:
                written = folder / f"written{one.suffixes[-1]}"
                write_annotations(annotations, written, CONTEXT, one)
