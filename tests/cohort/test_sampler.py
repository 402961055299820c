from collections import Counter

import numpy as np
import pytest
import shapely

from carcinomap.annotation import Annotation, AnnotationSet, ClassScheme
from carcinomap.cohort import Block, PatchSampler, PatchSource, grid_keys, spatial_block
from carcinomap.errors import InputError
from carcinomap.slide import TissueMask, View

SCHEME = ClassScheme.default()
VIEW = View(1.0, 64)
MPP = 0.5
HALF = 64  # of the view, in level-0 pixels


def source(*regions, case=0, side=4000, tissue=None):
    mask = np.zeros((side // 16, side // 16), bool)
    left, top, right, bottom = tissue or (0, 0, side, side)
    mask[top // 16 : bottom // 16, left // 16 : right // 16] = True
    annotations = AnnotationSet(
        tuple(Annotation(label, shapely.box(*box)) for label, box in regions)
    )
    return PatchSource(case, side, side, MPP, TissueMask(mask, 8.0, MPP), annotations)


LARGE = ("invasive", (200, 200, 1800, 1800))
SMALL = ("in situ", (2500, 2500, 2600, 2600))


def keys(sampler, steps=40, batch=8):
    return [key for step in range(steps) for key in sampler.batch(step, batch)]


def test_same_seed_same_keys_in_any_order():
    one, other = (PatchSampler([source(LARGE, SMALL)], SCHEME, VIEW, 3) for _ in range(2))
    assert one.key(5, 2) == [other.key(5, i) for i in (0, 1, 2)][2]
    assert keys(one, 5) == keys(other, 5)
    assert keys(one, 5) != keys(PatchSampler([source(LARGE, SMALL)], SCHEME, VIEW, 4), 5)


def test_classes_are_balanced_whatever_their_area():
    sampler = PatchSampler([source(LARGE, SMALL, tissue=(0, 0, 3000, 3000))], SCHEME, VIEW, 0)
    assert sampler.classes == (0, 2, 3)
    near = Counter()
    for key in keys(sampler, 100):
        near["small"] += abs(key.x - 2550) < 50 + HALF and abs(key.y - 2550) < 50 + HALF
        near["large"] += key.x < 1800 + HALF / 2 and key.y < 1800 + HALF / 2
        near["all"] += 1
    assert near["small"] / near["all"] == pytest.approx(1 / 3, abs=0.06)
    assert near["large"] / near["all"] == pytest.approx(1 / 3 + 1 / 50, abs=0.08)


def test_patches_lie_on_the_slide():
    sampler = PatchSampler([source(("benign", (0, 0, 4000, 30)))], SCHEME, VIEW, 1, 0.2)
    for key in keys(sampler):
        half = HALF * key.scale - 0.1
        assert half <= key.x <= 4000 - half
        assert half <= key.y <= 4000 - half
        assert 1 / 1.2 <= key.scale <= 1.2
        assert 0 <= key.orientation < 8


def test_small_slide_is_centred():
    for key in keys(PatchSampler([source(side=96)], SCHEME, VIEW, 1), 2):
        assert (key.x, key.y) == (48, 48)


def test_covered_part_of_a_region_is_not_drawn_for_it():
    """The later region lies on top: its place belongs to its class."""
    covered = source(("benign", (0, 0, 4000, 4000)), ("invasive", (0, 0, 4000, 2000)))
    sampler = PatchSampler([covered], SCHEME, View(1.0, 64), 0)
    benign = [k for k in keys(sampler, 60) if k.y > 2000]
    assert 0.4 < len(benign) / 480 < 0.6


def test_block_keeps_training_and_validation_apart():
    whole = source(LARGE, SMALL)
    block = Block(0, 0, 1000, 4000)
    sampler = PatchSampler([whole.restricted(outside=block)], SCHEME, VIEW, 0)
    assert all(key.x >= 1000 + HALF for key in keys(sampler))
    validation = grid_keys(whole.restricted(inside=block), SCHEME, VIEW)
    assert validation
    assert all(key.x <= 1000 - HALF for key in validation)


def test_grid_covers_the_tissue_with_few_patches():
    found = grid_keys(source(tissue=(0, 0, 2048, 1024)), SCHEME, VIEW, least=0)
    covered = np.zeros((4000, 4000), int)
    for key in found:
        left, top = round(key.x - HALF), round(key.y - HALF)
        assert min(left, top) >= 0
        covered[top : top + 2 * HALF, left : left + 2 * HALF] += 1
    assert (covered > 0).mean() > 0.999  # but for rounding
    assert covered.mean() < 1.06
    only = grid_keys(source(tissue=(0, 0, 2048, 1024)), SCHEME, VIEW)
    assert 16 * 8 <= len(only) < 18 * 10


@pytest.mark.parametrize("side", [100, 128, 130, 300])
def test_grid_reaches_both_ends_of_a_small_slide(side):
    xs = {key.x for key in grid_keys(source(side=side), SCHEME, VIEW)}
    assert min(xs) <= HALF
    assert max(xs) >= side - HALF


def test_grid_includes_outlines_without_tissue():
    bare = source(("benign", (3000, 3000, 3600, 3600)), tissue=(0, 0, 0, 0))
    found = grid_keys(bare, SCHEME, VIEW)
    assert found
    assert all(2900 < key.x < 3700 and 2900 < key.y < 3700 for key in found)


def test_areas_weigh_slides_of_one_class():
    a = source(("benign", (0, 0, 3000, 1000)), case=0, tissue=(0, 0, 0, 0))
    b = source(("benign", (0, 0, 1000, 1000)), case=1, tissue=(0, 0, 0, 0))
    drawn = Counter(key.case for key in keys(PatchSampler([a, b], SCHEME, VIEW, 0), 100))
    assert drawn[0] / 800 == pytest.approx(0.75, abs=0.06)


def test_nothing_to_draw():
    with pytest.raises(InputError, match="no tissue"):
        PatchSampler([source(tissue=(0, 0, 0, 0))], SCHEME, VIEW, 0)


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


def test_no_room_beside_validation_is_told():
    everywhere = source(LARGE).restricted(outside=Block(0, 0, 4000, 4000))
    with pytest.raises(InputError, match="smaller --patch"):
        PatchSampler([everywhere], SCHEME, VIEW, 0).key(0, 0)
