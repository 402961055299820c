"""One and two workers of one core on Ray, and one without Ray: seconds for the same slides."""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from carcinomap.cluster import RayCluster
from carcinomap.progress import set_quiet
from carcinomap.segmentation import segment
from measured import answer, best_and_median, table

HERE = Path(__file__).parent
WARM_UP = 4  # slides, so that each worker maps at least one


def add_arguments(parser):
    parser.add_argument("--slides", type=int, default=40)
    parser.add_argument("--side", type=int, default=4096, help="of each slide, pixels")
    parser.add_argument("--repeats", type=int, default=3)


def mapped(slides, model, output, backend):
    """Map slides with one thread each; return the seconds."""
    started = time.perf_counter()
    result = segment(slides, model, output, device="cpu", threads=1, backend=backend)
    seconds = time.perf_counter() - started
    if result.failures or len(result.done) < len(slides):
        sys.exit(f"not all slides were mapped: {result.failures}")
    return seconds


def show(options):
    from cluster_machines import model_of, slides_of  # noqa: PLC0415 - Ray is not for who is local

    set_quiet(True)
    model = model_of(options.cache)
    slides = slides_of(options.cache, WARM_UP + options.slides, options.side)
    seconds = {"without Ray": [], "Ray, 1 worker": [], "Ray, 2 workers": []}
    for _ in range(options.repeats):  # taking turns
        for name, found in zip(seconds, _one_of_each(options.cache, slides, model), strict=True):
            seconds[name].append(found)
            print(f"{name}: {found:.1f} s", file=sys.stderr, flush=True)
    print(
        f"{options.slides} slides of {options.side}², a U-Net, seconds from the first to the last "
        f"with the cluster started and the model loaded; best / median of {options.repeats}.\n"
    )
    table(["", "seconds"], [[name, best_and_median(found)] for name, found in seconds.items()])
    local, one, two = (median(found) for found in seconds.values())
    rows = [["speed-up of 2 workers", f"{one / two:.2f} ×"]]
    rows.append(["more time on Ray than without it", f"{100 * (one / local - 1):.1f} %"])
    table(["medians", ""], rows)


def _one_of_each(cache, slides, model):
    from cluster_machines import add_machine, machines  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, HERE / "cluster_local.py", model, folder, WARM_UP]
        yield answer([*command, *slides])[0]
    backend = RayCluster(cpus=1, gpus=0)
    with tempfile.TemporaryDirectory(dir=cache) as folder, machines() as cluster:
        for number in range(2):
            add_machine(cluster, number)
            output = Path(folder) / str(number)
            mapped(slides[:WARM_UP], model, output / "warm-up", backend)
            yield mapped(slides[WARM_UP:], model, output / "maps", backend)
