"""How long a scale bar is."""

import math


def bar_length(longest: float) -> float:
    """Return the greatest 1, 2 or 5 times a power of ten that is not above ``longest``, in µm."""
    power = 10.0 ** math.floor(math.log10(longest))
    return max(step * power for step in (1, 2, 5) if step * power <= longest)


def bar_text(microns: float) -> str:
    """Return a length as people write it: ``200 µm``, ``2 mm``."""
    return f"{microns / 1000:g} mm" if microns >= 1000 else f"{microns:g} µm"
