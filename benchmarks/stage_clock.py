"""Which stage of the engine spends how much processor time, for ``engine.py``."""

import functools
import importlib
import sys
import threading
import time

ROOM = "carcinomap.segmentation"
STAGES = {
    "tissue and plan": f"{ROOM}.mapping.map_slide:plan_of",
    "reading": f"{ROOM}.mapping.pipeline:Feed._read",
    "runtime": "__main__:PassThrough.probabilities",
    "blending": f"{ROOM}.mapping.blending:Blender.add",
    "finishing: classes, mask, spool": f"{ROOM}.mapping.finishing:Finisher.__call__",
    "finishing: outlines of blocks": f"{ROOM}.outlines.tracing:trace_block",
    "writing: pyramid": f"{ROOM}.results.pyramid:build_pyramid",
    "writing: class map": f"{ROOM}.results.writer:write_class_map",
    "writing: outlines": f"{ROOM}.results.whole:_write_outlines",
    "writing: picture": f"{ROOM}.results.whole:_draw",
    "writing: all else": f"{ROOM}.results.whole:write_results",
}
"""The function that each stage is; a stage within another counts on its own alone."""


class StageClock:
    """Clocks every call of the functions of ``STAGES`` by its thread's processor time.

    What a call leaves to threads of a library is not on its clock; ``report`` leaves it, as all
    that is in no stage, to the rest of the process's time.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._inner = threading.local()  # processor time of the stages within the running one
        self._found = {stage: {"cpu": 0.0, "wall": 0.0, "calls": 0} for stage in STAGES}
        for stage, place in STAGES.items():
            self._clock(stage, place)

    def report(self):
        """Return seconds of processor time, seconds summed over calls, and calls of each stage."""
        return self._found

    def _clock(self, stage, place):
        module, _, path = place.partition(":")
        owner = importlib.import_module(module)
        *outer, name = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        original = getattr(owner, name)
        clocked = self._clocked(stage, original)
        setattr(owner, name, clocked)
        for other in list(sys.modules.values()):  # those that have imported it by name
            if getattr(other, "__name__", "").startswith("carcinomap"):
                for key, value in list(vars(other).items()):
                    if value is original:
                        setattr(other, key, clocked)

    def _clocked(self, stage, original):
        found = self._found[stage]

        @functools.wraps(original)
        def clocked(*positional, **named):
            before = getattr(self._inner, "cpu", 0.0)
            self._inner.cpu = 0.0
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return original(*positional, **named)
            finally:
                cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
                with self._lock:
                    found["cpu"] += cpu - self._inner.cpu
                    found["wall"] += wall
                    found["calls"] += 1
                self._inner.cpu = before + cpu

        return clocked
