"""Peak memory against the area of the slide, with a pass-through network.

Classes lie as lesions do: patches of up to 0.6 mm in normal tissue, however large the slide. (One
region that spans a slide is one polygon, and takes the memory of all its vertices.)
"""

import sys
import tempfile
from pathlib import Path

from generated_slides import slide_of
from measured import answer, table

HERE = Path(__file__).parent
SIZES = ["10000x10000", "30720x30720", "75000x50000", "150000x100000"]
TISSUE = 0.45
SMOOTH = 65  # pixels; classes then lie in patches, as a network's do


def add_arguments(parser):
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="WIDTHxHEIGHT in pixels")
    parser.add_argument("--mpp", type=float, default=0.5, help="of the map; the slides have 0.5")
    parser.add_argument("--no-outlines", action="store_true")
    parser.add_argument("--plot", type=Path, help="PNG to draw")


def show(options):
    rows, points = [], []
    for size in options.sizes:
        width, height = map(int, size.split("x"))
        told, process = _segment(slide_of(options.cache, width, height, TISSUE), options)
        points.append((told["slide_mpx"] / 1e3, process.peak))
        rows.append(
            [
                f"{width:,} × {height:,}",
                f"{told['slide_mpx'] / 1e3:.2f}",
                f"{told['tissue_mpx']:,.0f}",
                "–" if options.no_outlines else f"{told['regions']:,}",
                f"{told['seconds']:.0f}",
                f"{told['slide_mpx'] / told['seconds']:.0f}",
                f"{process.peak:,.0f}",
            ]
        )
    print(f"Pass-through network, slides at 0.5 mpp mapped at {options.mpp:g} mpp.\n")
    table(
        ["slide", "Gpx", "tissue, map Mpx", "regions", "seconds", "slide Mpx/s", "peak memory, MB"],
        rows,
    )
    if options.plot:
        _draw(options.plot, points)


def _segment(slide, options):
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        command = [sys.executable, HERE / "pass_through.py", slide, "--output", folder, "--lesions"]
        command += ["--mpp", options.mpp, "--smooth", SMOOTH]
        return answer(command + ["--no-outlines"] * options.no_outlines)


def _draw(path, points):
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes half a second

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*points, strict=True), marker="o")
    axes.set(xlabel="slide, gigapixels", ylabel="peak memory, MB", xlim=0)
    axes.set_ylim(0, 1.1 * max(peak for _, peak in points))
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
