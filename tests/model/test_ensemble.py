from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carcinomap.annotation import ClassScheme, TissueClass
from carcinomap.errors import InputError
from carcinomap.model.ensemble import ALL_ORIENTATIONS, Ensemble, entropy
from carcinomap.slide import View


class Member:
    """Gives probabilities that depend on the colours, weighted by the place in the tile."""

    def __init__(self, seed: int, stride: int = 4, classes: ClassScheme | None = None) -> None:
        self.classes = classes or ClassScheme.default()
        self.views = (View(1.0, 8),)
        self.stride = stride
        self.batch_pixels = 0
        self.at_once = 1
        self.side = None
        self.any_size = True
        self.place = np.random.default_rng(seed).random((4, 8, 8)).astype(np.float32)
        self.seen: list[np.ndarray] = []

    def of(self, images: np.ndarray) -> np.ndarray:
        mixed = self.place + images[:, None, :, :, 0] / 255
        return (mixed / mixed.sum(axis=1, keepdims=True)).astype(np.float32)

    def run(self, batches: Iterable[tuple[np.ndarray, ...]]) -> Iterator[np.ndarray]:
        for (images,) in batches:
            self.seen.append(images)
            yield self.of(images)


def tiles(count: int, batch: int = 2) -> list[tuple[np.ndarray, ...]]:
    random = np.random.default_rng(9)
    return [(random.integers(0, 256, (batch, 8, 8, 3), np.uint8),) for _ in range(count)]


def test_the_mean_of_the_members() -> None:
    members = [Member(seed) for seed in range(3)]
    batches = tiles(5)
    found = list(Ensemble(members).run(iter(batches)))
    for (images,), mean in zip(batches, found, strict=True):
        expected = np.mean([member.of(images) for member in members], axis=0)
        np.testing.assert_allclose(mean, expected, rtol=1e-6)


def test_every_orientation_is_seen_and_turned_back() -> None:
    member = Member(0)
    (images,) = tiles(1)[0]
    (mean,) = Ensemble.turning(member).run([(images,)])
    assert len({image[0].tobytes() for image in member.seen}) == 8
    # Whichever way the tile lies, the answer lies the same way.
    for turns, mirrored in ALL_ORIENTATIONS:

        def turned(array: np.ndarray, axes: tuple[int, int]) -> np.ndarray:
            result = np.rot90(array, turns, axes)  # noqa: B023 - called in this round
            return np.flip(result, axes[1]) if mirrored else result  # noqa: B023

        (other,) = Ensemble.turning(member).run([(turned(images, (1, 2)),)])
        np.testing.assert_allclose(other, turned(mean, (2, 3)), rtol=1e-5)


def test_turning_an_ensemble_turns_its_members() -> None:
    ensemble = Ensemble.turning(Ensemble([Member(0), Member(1)]))
    assert ensemble.opinions == 16


def test_disagreement_is_none_among_equals_and_all_among_opposites() -> None:
    same = Ensemble([Member(3), Member(3)])
    (values,) = same.run_with_entropy(tiles(1))
    np.testing.assert_allclose(entropy(values[:, :4], 1), values[:, 4:], rtol=1e-5)

    class Sure(Member):
        sure: int

        def of(self, images: np.ndarray) -> np.ndarray:
            return np.tile(np.eye(4, dtype=np.float32)[self.sure], (len(images), 8, 8, 1))

        def run(self, batches: Iterable[tuple[np.ndarray, ...]]) -> Iterator[np.ndarray]:
            for (images,) in batches:
                yield self.of(images).transpose(0, 3, 1, 2)

    one, other = Sure(0), Sure(1)
    one.sure, other.sure = 0, 1
    (values,) = Ensemble([one, other]).run_with_entropy(tiles(1))
    assert values.shape == (2, 5, 8, 8)
    np.testing.assert_allclose(entropy(values[:, :4], 1), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(values[:, 4:], 0, atol=1e-6)


@given(st.integers(2, 6), st.integers(0, 999))
def test_entropy_is_shannons(classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 0.1), (3, 5)).transpose(2, 0, 1)
    found = entropy(probabilities.astype(np.float32), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(probabilities > 0, probabilities * np.log(probabilities), 0)
    np.testing.assert_allclose(found[0], -terms.sum(axis=0), atol=1e-5)
    assert found.max() <= np.log(classes) * (1 + 1e-6)


def test_members_that_do_not_fit_are_refused() -> None:
    two = ClassScheme((TissueClass("a", "#000000"), TissueClass("b", "#ffffff")))
    with pytest.raises(InputError, match=r"models 1 and 2 .* stride differ \(4 and 8\)"):
        Ensemble([Member(0), Member(1, stride=8)])
    with pytest.raises(InputError, match=r"classes differ \(normal.*and a, b\)"):
        Ensemble([Member(0), Member(1, classes=two)])
