"""Maps slides on one core without a cluster, for ``cluster_speedup.py``.

    python benchmarks/cluster_local.py MODEL OUTPUT WARM_UP SLIDE…

Prints the seconds of the slides behind the first WARM_UP ones, with the model loaded.
"""

import json
import os
import sys
from pathlib import Path

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before any library starts a thread

from carcinomap.progress import set_quiet  # noqa: E402
from cluster_speedup import mapped  # noqa: E402


def main():
    set_quiet(True)
    model, output, slides = sys.argv[1], Path(sys.argv[2]), sys.argv[4:]
    warm_up = int(sys.argv[3])
    mapped(slides[:warm_up], model, output / "warm-up", None)
    print(json.dumps(mapped(slides[warm_up:], model, output / "maps", None)))


if __name__ == "__main__":
    main()
