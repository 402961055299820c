"""Write small cohorts: slides with a block of tissue on glass, and outlines on them."""

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from carcinomap.demo.aperio import write_svs

WIDTH, HEIGHT, MPP = 1536, 1024, 1.0
TISSUE = (600, 400, 1400, 900)  # left, top, right, bottom
Box = tuple[float, float, float, float]


def write_slide(path: Path, tissue: Box | None = TISSUE, mpp: float = MPP) -> Path:
    """Write a slide of two levels, 1 and 4 times reduced."""
    random = np.random.default_rng(1)
    image = np.full((HEIGHT, WIDTH, 3), 244, np.uint8)
    if tissue is not None:
        left, top, right, bottom = map(int, tissue)
        image[top:bottom, left:right] = (190, 100, 160)
    noise = random.integers(-12, 12, (HEIGHT // 4, WIDTH // 4, 1)).repeat(4, 0).repeat(4, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_svs(path, np.clip(image + noise, 0, 255).astype(np.uint8), mpp)
    return path


def ring(box: Box) -> list[tuple[float, float]]:
    """Return the corners of a box."""
    left, top, right, bottom = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def write_outlines(
    path: Path,
    *regions: tuple[str, Box | list[tuple[float, float]]],
    scale: float = 1,
    mpp: float | None = None,
    negative: frozenset[int] = frozenset(),
) -> Path:
    """Write an ImageScope file of boxes or rings, all coordinates times ``scale``."""
    text = []
    for number, (label, shape) in enumerate(regions):
        points = shape if isinstance(shape, list) else ring(shape)
        vertices = "".join(f'<Vertex X="{x * scale}" Y="{y * scale}"/>' for x, y in points)
        text.append(
            f'<Region Id="{number + 1}" Type="0" Text={quoteattr(label)} '
            f'NegativeROA="{int(number in negative)}"><Vertices>{vertices}</Vertices></Region>'
        )
    named = "" if mpp is None else f' MicronsPerPixel="{mpp}"'
    path.write_text(
        f'<Annotations{named}><Annotation Id="1"><Regions>{"".join(text)}</Regions></Annotation>'
        "</Annotations>",
        encoding="utf-8",
    )
    return path


ALL_CLASSES = (
    ("Benign", (620, 420, 800, 600)),
    ("Carcinoma in situ", (900, 420, 1100, 600)),
    ("Invasive carcinoma", (1150, 650, 1380, 880)),
)


def write_pair(folder: Path, name: str = "a", *regions: tuple[str, Box], **how: object) -> Path:
    """Write a slide with its outlines, one of every class where none are given."""
    write_slide(folder / f"{name}.svs")
    return write_outlines(folder / f"{name}.xml", *(regions or ALL_CLASSES), **how)
