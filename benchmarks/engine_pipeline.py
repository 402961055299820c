"""The engine without a network: pixels a second and memory, beside tiatoolbox, and by stage."""

import sys
import tempfile
from pathlib import Path

from generated_slides import slide_of
from measured import answer, best_and_median, table

HERE = Path(__file__).parent
MPP = 0.5


def add_arguments(parser):
    parser.add_argument("--side", type=int, default=30_720, help="of the generated slide, pixels")
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--overlap", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3, help="of carcinomap")
    parser.add_argument("--tiatoolbox", type=Path, help="Python that has tiatoolbox 2.1.3")
    parser.add_argument("--workers", type=int, default=0, help="of tiatoolbox; its default is 0")


def show(options):
    """Print both tables.

    The slide is all tissue, so that both do the same tiles: every one of the grid.
    """
    slide = slide_of(options.cache, options.side, options.side, tissue=1.0)
    ours = [pass_through(slide, options) for _ in range(options.repeats)]
    peer = tiatoolbox(slide, options) if options.tiatoolbox else None
    found = [told for told, _ in ours]
    megapixels = found[0]["slide_mpx"]
    settings = found[0]["settings"]
    outlines = "" if settings.get("outlines") is False else ", outlines included"
    print(
        f"Pass-through network, {options.side:,}² at {MPP} mpp, all tissue, tiles of "
        f"{options.tile}² that share {options.overlap}: classes alone{outlines}. Seconds with the "
        "libraries loaded.\n"
    )
    seconds = [told["seconds"] for told in found]
    rows = [_row("carcinomap", megapixels, min(seconds), max(process.peak for _, process in ours))]
    if peer:
        told, process = peer
        rows.append(_row("tiatoolbox", megapixels, told["seconds"], process.peak))
        rows.append(["ratio", f"{told['seconds'] / min(seconds):.1f} ×", "", ""])
    table(["", "slide Mpx/s", "seconds", "peak memory, MB"], rows)
    print(f"carcinomap, best / median of {len(ours)}: {best_and_median(seconds)} s\n")
    _show_stages(min(found, key=lambda told: told["seconds"]))


def pass_through(slide, options):
    """Map a slide in a process of its own; return what it says, and the process."""
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        return answer(
            [
                *(sys.executable, HERE / "pass_through.py", slide, "--output", folder),
                *("--mpp", MPP, "--tile", options.tile, "--overlap", options.overlap),
                *("--no-outlines", "--stages"),
            ]
        )


def tiatoolbox(slide, options):
    """Do the same with tiatoolbox."""
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        return answer(
            [
                *(options.tiatoolbox, HERE / "peer_tiatoolbox.py", slide, folder),
                *(MPP, options.tile, options.overlap, options.workers),
            ]
        )


def _row(name, megapixels, seconds, peak):
    return [name, f"{megapixels / seconds:.1f}", f"{seconds:.1f}", f"{peak:,.0f}"]


def _show_stages(told):
    """Print the processor time of each stage in the fastest run."""
    total = told["cpu"]
    stages = {stage: found["cpu"] for stage, found in told["stages"].items() if found["calls"]}
    stages["rest (hand-over, libraries' threads)"] = total - sum(stages.values())
    rows = [
        [stage, f"{cpu:.2f}", f"{cpu / total:.0%}", f"{1e3 * cpu / told['map_mpx']:.1f}"]
        for stage, cpu in stages.items()
    ]
    rows.append(["all", f"{total:.2f}", "", f"{1e3 * total / told['map_mpx']:.1f}"])
    table(["stage", "CPU s", "share", "CPU ms per map Mpx"], rows)
    wall = told["stages"]["writing: all else"]["wall"]
    print(f"Of {told['seconds']:.1f} s, the last {wall:.1f} s write the files.")
