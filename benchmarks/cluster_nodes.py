"""A machine of several is killed in the middle: all is finished, nothing twice, the same bytes."""

import sys
import tempfile
from pathlib import Path

from carcinomap.cluster import RayCluster
from carcinomap.progress import set_quiet
from carcinomap.segmentation import segment
from cluster_machines import add_machine, digests, machines, model_of, slides_of
from measured import table


def add_arguments(parser):
    parser.add_argument("--slides", type=int, default=12)
    parser.add_argument("--side", type=int, default=8192, help="of each slide, pixels")
    parser.add_argument("--machines", type=int, default=3)


def show(options):
    set_quiet(True)
    model = model_of(options.cache)
    slides = slides_of(options.cache, options.slides, options.side)
    common = {"device": "cpu", "threads": 1}
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        alone, together = Path(folder) / "alone", Path(folder) / "together"
        segment(slides, model, alone, **common)
        with machines() as cluster:
            nodes = [add_machine(cluster, number) for number in range(options.machines)]
            watch = Watch(lambda: cluster.remove_node(nodes[-1], allow_graceful=False))
            result = segment(slides, model, together, backend=watch, **common)
        expected, found = digests(alone), digests(together)
    print(
        f"{options.machines} machines of one core, {options.slides} slides of {options.side}², a "
        f"U-Net; one machine killed while all were in the middle of a slide.\n"
    )
    names = sorted({*expected, *found})
    same = [name for name in names if expected.get(name) == found.get(name)]
    table(["", ""], [*watch.rows(), ["files; the same without a cluster", _pair(names, same)]])
    if not watch.killed or result.failures or len(same) < len(names):
        never = "" if watch.killed else " (no moment to kill came: larger slides have more)"
        sys.exit(f"this is not what must be{never}: {result.failures}")


def _pair(*lists):
    return "; ".join(str(len(one)) for one in lists)


class Watch:
    """A cluster of which a machine is killed, and a board that sees what that costs."""

    def __init__(self, kill):
        self.killed = False
        self._kill = kill
        self._tries = {}  # of each slide, the newest step of each time it was begun
        self._outcomes = []

    def run(self, tasks, board):
        """See ``Backend``; nobody looks at the board that was there before."""
        yield from RayCluster(cpus=1, gpus=0).run(tasks, self)

    def started(self, index, name, host):
        """See ``Board``."""
        self._tries.setdefault(index, []).append(None)

    def progressed(self, index, step):
        """See ``Board``; this is where the machine is killed."""
        self._tries[index][-1] = step
        running = [tries[-1] for tries in self._tries.values() if tries[-1] != "ended"]
        if self._outcomes and not self.killed and all(_in_the_middle(step) for step in running):
            self.killed = True
            self._kill()

    def ended(self, outcome):
        """See ``Board``."""
        self._tries[outcome.index].append("ended")
        self._outcomes.append(outcome)

    def rows(self):
        """Return what was seen, for a table."""
        written = [one for one in self._outcomes if one.error is None and not one.result.skipped]
        again = [tries[:-1] for tries in self._tries.values() if len(tries) > 2]
        resumed = [one for one in self._outcomes if one.attempts > 1 and one.result.resumed]
        beyond = [first.done + last.total - first.total for first, *_, last in again]
        tiles = [first.total for first, *_ in again]
        return [
            ["results written", len(written)],
            ["slides begun again; of them continued", _pair(again, resumed)],
            ["their tiles", f"{sum(tiles):g}"],
            ["done when the machine died", f"{sum(first.done for first, *_ in again):g}"],
            ["still to do after it", f"{sum(last.total for *_, last in again):g}"],
            ["done twice, since their part of the map was not finished", f"{sum(beyond):g}"],
        ]


def _in_the_middle(step):
    return step is not None and 0 < step.done < step.total
