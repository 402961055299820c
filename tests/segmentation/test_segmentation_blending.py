import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.segmentation.mapping.blending import Blender, class_index, tile_weights
from carcinomap.segmentation.mapping.plan import CELL, STRIPE, TilePlan


def brute_force(plan: TilePlan, tiles: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Blend all tiles in one array that holds the whole map."""
    classes, size, margin = tiles[0].shape[0], plan.size, plan.size
    sums = np.zeros((classes, plan.height + margin, plan.width + margin), np.float32)
    total = np.zeros(sums.shape[1:], np.float32)
    weights = tile_weights(size)
    for place, tile in zip(plan.tiles, tiles, strict=True):
        window = np.s_[place.y : place.y + size, place.x : place.x + size]
        sums[:, *window] += tile * weights
        total[window] += weights
    covered = total > 0
    return np.where(covered, sums / np.where(covered, total, 1), 0), covered


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 900),
    st.integers(1, 900),
    st.sampled_from([(128, 0), (128, 64), (224, 96), (512, 128)]),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.3, 0.8, 1.0]),
)
def test_streamed_equals_the_whole_map_in_one_array(
    width: int, height: int, layout: tuple[int, int], seed: int, share: float
) -> None:
    random = np.random.default_rng(seed)
    plan = TilePlan.of(width, height, *layout, 32, lambda *_: random.random() < share)
    tiles = [random.random((3, plan.size, plan.size), np.float32) for _ in plan.tiles]
    if not tiles:
        return
    expected, covered = brute_force(plan, tiles)
    blender = Blender(plan, 3)
    seen = set()
    for place, tile in zip(plan.tiles, tiles, strict=True):
        for done in blender.add(place, tile):
            y, x = done.cell[0] * CELL, done.cell[1] * CELL
            h, w = min(CELL, height - y), min(CELL, width - x)
            np.testing.assert_array_equal(
                done.probabilities[:, :h, :w], expected[:, y : y + h, x : x + w]
            )
            np.testing.assert_array_equal(done.covered[:h, :w], covered[y : y + h, x : x + w])
            assert done.cell not in seen
            seen.add(done.cell)
    assert blender.live == 0
    assert seen == {cell for tile in plan.tiles for cell in plan.cells(tile)}


def test_constant_probabilities_show_no_seam() -> None:
    plan = TilePlan.of(1000, 700, 256, 64, 32, lambda *_: True)
    constant = np.broadcast_to(
        np.array([0.1, 0.2, 0.7], np.float32)[:, None, None], (3, plan.size, plan.size)
    )
    blender = Blender(plan, 3)
    for place in plan.tiles:
        for done in blender.add(place, constant):
            inside = done.probabilities[:, done.covered]
            np.testing.assert_allclose(inside, constant[:, 0, :1].repeat(inside.shape[1], 1), 1e-6)


def test_weights_are_positive_symmetric_and_highest_in_the_middle() -> None:
    weights = tile_weights(1024)
    assert weights.dtype == np.float32
    assert (weights > 1e-8).all()
    np.testing.assert_array_equal(weights, weights[::-1])
    np.testing.assert_array_equal(weights, weights.T)
    assert weights.max() == weights[511, 511]


def peak(width: int, height: int) -> int:
    plan = TilePlan.of(width, height, 512, 128, 32, lambda *_: True)
    blender = Blender(plan, 1)
    tile = np.zeros((1, 512, 512), np.float32)
    peak = 0
    for place in plan.tiles:
        blender.add(place, tile)
        peak = max(peak, blender.live)
    return peak


def test_what_is_in_memory_depends_on_the_stripe_and_not_on_the_area() -> None:
    stripe = STRIPE * (512 - 128)
    rows_of_a_stripe = (stripe // CELL + 2) * 3
    assert peak(stripe, 3000) <= rows_of_a_stripe
    assert peak(stripe, 12000) <= rows_of_a_stripe
    # Beside it waits the seam to the next stripe, never more than two or three cells wide.
    assert peak(3 * stripe, 3000) <= rows_of_a_stripe + 3 * -(-3000 // CELL)
    assert peak(6 * stripe, 3000) <= rows_of_a_stripe + 3 * -(-3000 // CELL)


@given(st.integers(1, 254), st.integers(0, 2**32 - 1))
def test_class_index_is_argmax_ties_included(classes: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).integers(0, 4, (classes, 5, 7)).astype(np.float32)
    np.testing.assert_array_equal(class_index(probabilities), probabilities.argmax(axis=0))
