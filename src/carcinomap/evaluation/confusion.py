"""The confusion matrix, and every score that follows from it.

Pixels are counted once, into a matrix of classes × classes; everything else is arithmetic on that
matrix. So a slide of any size is scored in the memory of one window, the slides of a cohort pool
by adding their matrices, and a score never depends on how the slide was cut into windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.segmentation import NOT_MAPPED

MOST = 10**14
"""Larger counts are of no slide, and their sums would not fit."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """How many pixels of each true class were mapped as each class.

    A score that is 0 / 0 is None: an absent class has no recall, which is not a recall of 0.

    Attributes:
        matrix: int64 (classes, classes); rows are the truth, columns the prediction.
    """

    matrix: NDArray[np.int64]

    @classmethod
    def empty(cls, classes: int) -> Confusion:
        """Return the matrix of no pixel at all."""
        return cls(np.zeros((classes, classes), np.int64))

    @classmethod
    def of(
        cls,
        truth: NDArray[np.uint8],
        prediction: NDArray[np.uint8],
        classes: int,
        counted: NDArray[np.bool_] | None = None,
    ) -> Confusion:
        """Count the pixels of one window.

        Args:
            truth: Class indices; ``IGNORE`` is never counted.
            prediction: Class indices of the same shape; ``NOT_MAPPED`` counts as class 0.
            classes: Number of classes.
            counted: Which pixels to count; all where None.

        Raises:
            ValueError: A counted pixel has an index that is no class.
        """
        keep = truth != IGNORE if counted is None else counted & (truth != IGNORE)
        rows = truth[keep].astype(np.intp)
        columns = prediction[keep].astype(np.intp)
        columns[columns == NOT_MAPPED] = 0
        if max(rows.max(initial=0), columns.max(initial=0)) >= classes:
            raise ValueError(f"a class index beyond the {classes} classes")
        pairs = np.bincount(rows * classes + columns, minlength=classes * classes)
        return cls(pairs.reshape(classes, classes).astype(np.int64))

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.matrix + other.matrix)

    def __mul__(self, times: int) -> Confusion:
        return Confusion(self.matrix * times)

    def to_dict(self) -> list[list[int]]:
        """Return the matrix as JSON holds it."""
        rows: list[list[int]] = self.matrix.tolist()
        return rows

    @classmethod
    def from_dict(cls, data: Any, classes: int) -> Confusion:
        """Read what ``to_dict`` returned.

        Raises:
            ValueError: It is no matrix of counts of so many classes.
        """
        return cls(whole_numbers(data, (classes, classes)))

    @property
    def pixels(self) -> int:
        """Number of pixels counted."""
        return int(self.matrix.sum())

    @property
    def truth_pixels(self) -> tuple[int, ...]:
        """Number of pixels of each class in the truth."""
        return tuple(int(count) for count in self._truth)

    @property
    def mapped_pixels(self) -> tuple[int, ...]:
        """Number of counted pixels of each class in the map."""
        return tuple(int(count) for count in self._mapped)

    @property
    def iou(self) -> tuple[float | None, ...]:
        """Intersection over union per class, TP / (TP + FP + FN).

        Source: Jaccard, New Phytologist 11 (1912), 37–50.
        """
        return self._per_class(self._hits, self._truth + self._mapped - self._hits)

    @property
    def dice(self) -> tuple[float | None, ...]:
        """Dice coefficient per class, 2 TP / (2 TP + FP + FN).

        Source: Dice, Ecology 26 (1945), 297–302.
        """
        return self._per_class(2 * self._hits, self._truth + self._mapped)

    @property
    def precision(self) -> tuple[float | None, ...]:
        """Share of a class's mapped pixels that are true, TP / (TP + FP).

        Source: van Rijsbergen, Information Retrieval (2nd ed. 1979), chapter 7.
        """
        return self._per_class(self._hits, self._mapped)

    @property
    def recall(self) -> tuple[float | None, ...]:
        """Share of a class's true pixels that were mapped, TP / (TP + FN).

        Source: van Rijsbergen, Information Retrieval (2nd ed. 1979), chapter 7.
        """
        return self._per_class(self._hits, self._truth)

    @property
    def specificity(self) -> tuple[float | None, ...]:
        """Share of the pixels of other classes that were not mapped as this one, TN / (TN + FP).

        Source: Yerushalmy, Public Health Reports 62 (1947), 1432–1449.
        """
        others = self.pixels - self._truth
        return self._per_class(others - (self._mapped - self._hits), others)

    @property
    def area_ratio(self) -> tuple[float | None, ...]:
        """Mapped area of a class over its true area, wherever it lies, (TP + FP) / (TP + FN).

        1 where the areas agree. Source: the same as one plus the relative volume difference of
        Heimann et al., IEEE Transactions on Medical Imaging 28 (2009), 1251–1265.
        """
        return self._per_class(self._mapped, self._truth)

    @property
    def mean_iou(self) -> float | None:
        """Mean IoU over the classes present in the truth, class 0 included.

        Source: Everingham et al., IJCV 111 (2015), 98–136 (per class over the
        pooled pixels, then averaged).
        """
        return self._mean_of_present(self.iou)

    @property
    def mean_dice(self) -> float | None:
        """Mean Dice coefficient over the classes present in the truth, class 0 included."""
        return self._mean_of_present(self.dice)

    @property
    def pixel_accuracy(self) -> float | None:
        """Share of the counted pixels that are mapped right, ΣTP / all."""
        return int(self._hits.sum()) / self.pixels if self.pixels else None

    @property
    def frequency_weighted_iou(self) -> float | None:
        """Mean of the classes' IoU, each weighted by its share of the true pixels.

        Source: Long, Shelhamer and Darrell, CVPR 2015, section 5.
        """
        if not self.pixels:
            return None
        weighted = zip(self.iou, self.truth_pixels, strict=True)
        return sum(iou * count for iou, count in weighted if iou is not None) / self.pixels

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa by area: agreement beyond chance; None where chance alone agrees in all.

        ``κ = (p_o − p_e) / (1 − p_e)`` with the shares of pixels that agree and that would agree if
        truth and map were independent; −1 … 1.

        Source: Cohen, Educational and Psychological Measurement 20 (1960), 37–46.
        """
        # Whole numbers, exact whatever their size: n² passes what a float resolves.
        total = self.pixels
        pairs = zip(self.truth_pixels, self.mapped_pixels, strict=True)
        by_chance = sum(true * mapped for true, mapped in pairs)
        below = total * total - by_chance
        return (total * int(self._hits.sum()) - by_chance) / below if below else None

    @property
    def bach(self) -> float | None:
        """BACH score of the labels 0–3; None where all is normal in truth and map.

        ``s = 1 − Σ|p−g| / Σ max(g, |g−3|)·[1−(1−p_bin)(1−g_bin)]`` with prediction p, truth g and
        ``·_bin`` = label above 0: distances between ordered labels, over the greatest that were
        possible, without the pixels that are normal in both. A distance depends on the two labels
        alone, so the matrix gives the sum over pixels exactly.

        Source: Aresta et al., BACH: Grand challenge on breast cancer histology images, Medical
        Image Analysis 56 (2019), 122–139, score of part B.

        Raises:
            ValueError: There are not four classes.
        """
        if self.matrix.shape != (4, 4):
            raise ValueError("the BACH score is defined for four classes")
        labels = np.arange(4)
        distance = np.abs(labels[:, None] - labels)
        greatest = np.repeat(np.maximum(labels, np.abs(labels - 3))[:, None], 4, axis=1)
        greatest[0, 0] = 0
        possible = int((self.matrix * greatest).sum())
        return 1 - int((self.matrix * distance).sum()) / possible if possible else None

    @property
    def _hits(self) -> NDArray[np.int64]:
        return np.diagonal(self.matrix)

    @property
    def _truth(self) -> NDArray[np.int64]:
        return np.asarray(self.matrix.sum(axis=1))

    @property
    def _mapped(self) -> NDArray[np.int64]:
        return np.asarray(self.matrix.sum(axis=0))

    @staticmethod
    def _per_class(
        numerators: NDArray[np.int64], denominators: NDArray[np.int64]
    ) -> tuple[float | None, ...]:
        return tuple(
            int(above) / int(below) if below else None
            for above, below in zip(numerators, denominators, strict=True)
        )

    def _mean_of_present(self, scores: tuple[float | None, ...]) -> float | None:
        present = [
            score
            for score, count in zip(scores, self._truth, strict=True)
            if count and score is not None
        ]
        return sum(present) / len(present) if present else None


def whole_numbers(data: Any, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return counts that were read from a file, int64.

    Raises:
        ValueError: They are not whole, negative, absurdly many, or of another shape.
    """
    array = np.asarray(data)
    if array.shape != shape or (array.size and array.dtype.kind != "i"):
        raise ValueError(f"not {' × '.join(map(str, shape))} whole numbers")
    if array.size and (int(array.min()) < 0 or int(array.max()) > MOST):
        raise ValueError("a count that is negative or absurd")
    return array.astype(np.int64)


def has_bach_classes(scheme: ClassScheme) -> bool:
    """Tell whether the scheme's classes are BACH's: normal, benign, in situ, invasive, in order."""
    bach = ClassScheme.default()
    return [bach.index(name) for name in scheme.names] == list(range(len(bach)))
