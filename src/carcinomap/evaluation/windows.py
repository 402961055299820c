"""Windows that cover a plane once."""

from collections.abc import Iterator


def windows(width: int, height: int, side: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (x, y, width, height) of windows of at most ``side`` that cover a plane once."""
    for y in range(0, height, side):
        for x in range(0, width, side):
            yield x, y, min(side, width - x), min(side, height - y)
