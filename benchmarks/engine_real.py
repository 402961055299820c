"""A real network on a real slide, beside its bare forward passes and beside FAST."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from carcinomap import load_model, open_slide
from carcinomap.model import open_runtime
from carcinomap.model.probabilities import Probabilities
from carcinomap.segmentation import segment_slide
from measured import answer, best_and_median, run, table

HERE = Path(__file__).parent
MPP_AT_1X = 10.0


def add_arguments(parser):
    parser.add_argument("slide", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--mpp", type=float, help="of a slide that does not say its own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fast", type=Path, help="Python that has pyfast 4.18.0")


def show(options):
    model = load_model(options.model)
    mapped = _beside_bare_forward(model, options)
    _whole_processes(model, mapped, options)


class Recorder:
    """A ``Runtime`` that keeps the batches it is given."""

    def __init__(self, runtime):
        self._runtime = runtime
        self.batches = []

    def __getattr__(self, name):
        return getattr(self._runtime, name)

    def run(self, batches):
        """See ``carcinomap.model.Runtime.run``."""

        def kept():
            for batch in batches:
                self.batches.append(batch)
                yield batch

        return self._runtime.run(kept())


def _beside_bare_forward(model, options):
    """Print how long a slide takes and how long its tiles alone; return the mapped megapixels.

    The tiles are kept from a first run, which also compiles the network.
    """
    runtime = open_runtime(model, options.device)
    recorder = Recorder(runtime)
    whole, bare = [], []
    with open_slide(options.slide, options.mpp) as slide:
        record = _timed_segment(slide, recorder, model, options.cache)[0]
        for _ in range(options.repeats):
            whole.append(_timed_segment(slide, runtime, model, options.cache)[1])
            started = time.perf_counter()
            for _ in runtime.run(iter(recorder.batches)):
                pass
            bare.append(time.perf_counter() - started)
    computed = sum(np.prod(batch[0].shape[:3]) for batch in recorder.batches) / 1e6
    mapped = record["tissue_mm2"] * 1e6 / record["mpp"] ** 2 / 1e6
    shape = " × ".join(map(str, recorder.batches[0][0].shape[:3]))
    print(
        f"{options.slide.name}, {type(runtime).__name__}: {len(recorder.batches)} batches of "
        f"{shape}, {computed:.1f} Mpx computed for {mapped:.1f} Mpx mapped. Opened runtime, all "
        f"files written; best / median of {options.repeats}, taking turns.\n"
    )
    rows = [
        [name, best_and_median(seconds), f"{computed / min(seconds):.2f}"]
        for name, seconds in (("segment_slide", whole), ("forward passes alone", bare))
    ]
    ratio = min(whole) / min(bare)
    rows.append(["ratio", f"{ratio:.3f} / {np.median(whole) / np.median(bare):.3f}", ""])
    table(["", "seconds", "Mpx computed a second"], rows)
    return mapped


def _timed_segment(slide, runtime, model, cache):
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        started = time.perf_counter()
        done = segment_slide(slide, runtime, model, folder)
        return done.record, time.perf_counter() - started


def _whole_processes(model, mapped, options):
    """Print time and memory of ``carcinomap segment`` and, if it is there, of FAST."""
    ours, theirs, patches = [], [], 0.0
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        network = Path(folder) / "network.onnx"
        if options.fast:
            _export(model, network)
        for number in range(options.repeats):
            ours.append(run(_segment_command(options, Path(folder) / str(number))))
            if options.fast:
                magnification = MPP_AT_1X / model.spec.views[0].mpp
                command = [options.fast, HERE / "peer_fast.py", options.slide, network]
                told, process = answer([*command, magnification])
                patches = told["patches"] * told["side"] ** 2 / 1e6
                theirs.append(process)
    print(f"Whole processes; best / median of {options.repeats}, taking turns.\n")
    rows = [_row("carcinomap segment", mapped, ours)]
    if theirs:
        rows.append(_row("FAST", patches, theirs))
    head = ["", "seconds", "CPU s", "Mpx mapped", "seconds per Mpx mapped", "peak memory, MB"]
    table(head, rows)


def _segment_command(options, folder):
    command = [sys.executable, "-m", "carcinomap", "segment", options.slide]
    command += ["--model", options.model, "--output", folder, "--device", options.device]
    return command + (["--mpp", options.mpp] if options.mpp else [])


def _row(name, megapixels, runs):
    seconds = [one.seconds for one in runs]
    return [
        name,
        best_and_median(seconds, "{:.1f}"),
        f"{min(one.cpu for one in runs):.1f}",
        f"{megapixels:.1f}",
        best_and_median([value / megapixels for value in seconds], "{:.3f}"),
        f"{max(one.peak for one in runs):,.0f}",
    ]


def _export(model, path):
    """Write the network, from pixels 0 … 255 (n, 3, h, w) to probabilities, as ONNX for FAST."""
    import torch  # noqa: PLC0415 - takes seconds

    class ChannelsFirst(Probabilities):
        def forward(self, image):
            return super().forward(image.permute(0, 2, 3, 1))

    # As a user of FAST has it: without the rewriting of our runtimes.
    exported = ChannelsFirst(model).eval()
    exported.network = model.network
    # FAST's OpenVINO is of 2023: the plain exporter, and operators of that time.
    torch.onnx.export(
        exported,
        (torch.zeros(1, 3, 512, 512),),
        path,
        dynamo=False,
        opset_version=13,
        input_names=["image"],
        output_names=["probabilities"],
    )
