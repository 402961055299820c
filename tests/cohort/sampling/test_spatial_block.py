import shapely
from sampled_sources import SCHEME, source

from carcinomap.cohort import spatial_block


def test_strip_has_its_share_of_every_class():
    regions = [("invasive", (500, y, 900, y + 300)) for y in range(200, 3800, 400)]
    regions += [("in situ", (2500, y, 2700, y + 300)) for y in range(200, 3800, 400)]
    strip = spatial_block(source(*regions), SCHEME)
    # Cut across: along the columns one class would lie wholly on one side.
    assert (strip.left, strip.right) == (0, 4000)
    assert 0.15 < (strip.bottom - strip.top) / 4000 < 0.4


def test_strip_prefers_to_know_every_class_on_both_sides():
    """The one invasive focus lies in the middle: a strip with part of it is wide, but knows it."""
    regions = [("in situ", (x, 3000, x + 100, 3900)) for x in range(100, 3900, 200)]
    regions.append(("invasive", (1200, 100, 2800, 1500)))
    strip = spatial_block(source(*regions), SCHEME)
    assert (strip.top, strip.bottom) == (0, 4000)
    inside = strip.polygon().intersection(shapely.box(1200, 100, 2800, 1500)).area
    assert 0.05 < inside / (1600 * 1400) < 0.5
