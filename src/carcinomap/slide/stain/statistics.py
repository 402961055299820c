"""What is known of the colours of a slide, or of many; a plain value that JSON can hold.

Optical densities in here are natural logarithms, relative to the light through bare glass.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from carcinomap.errors import InputError

SMALLEST_ANGLE = 3.0  # degrees between the two stains; real slides have 8 and more
UNIT_TO = 1e-3  # how far from 1 a stain's length may be
DECIMALS = 6  # whatever order sums are taken in, the same slide has the same statistics

_Light = Annotated[float, Field(strict=True, ge=1, le=255)]
_Part = Annotated[float, Field(strict=True, ge=-1, le=1)]
_Amount = Annotated[float, Field(strict=True, ge=0.01, le=20)]
_Mean = Annotated[float, Field(strict=True, ge=-20, le=20)]
_Spread = Annotated[float, Field(strict=True, ge=1e-3, le=20)]
_Vector = tuple[_Part, _Part, _Part]


class StainStatistics(BaseModel):
    """The colours of a slide's tissue, as the methods of Macenko and of Reinhard see them.

    Attributes:
        glass: Grey levels of red, green and blue light through bare glass.
        haematoxylin: Optical densities of the stain for red, green and blue, of length 1.
        eosin: Likewise.
        most: Amounts of haematoxylin and eosin that 1 % of the tissue exceeds.
        mean: Of the tissue in lαβ (Ruderman 1998), relative to the glass.
        spread: Standard deviations about it.

    Raises:
        ValidationError: A number is out of bounds, or the stains cannot be told apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    glass: tuple[_Light, _Light, _Light]
    haematoxylin: _Vector
    eosin: _Vector
    most: tuple[_Amount, _Amount]
    mean: tuple[_Mean, _Mean, _Mean]
    spread: tuple[_Spread, _Spread, _Spread]

    @model_validator(mode="after")
    def _stains_are_two(self) -> Self:
        for name in ("haematoxylin", "eosin"):
            if abs(math.hypot(*getattr(self, name)) - 1) > UNIT_TO:
                raise ValueError(f"the length of {name} is not 1")
        cosine = sum(map(float.__mul__, self.haematoxylin, self.eosin))
        if abs(cosine) > math.cos(math.radians(SMALLEST_ANGLE)):
            raise ValueError("haematoxylin and eosin have the same colour")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, value: object) -> "StainStatistics":
        """Read what ``to_dict`` gave, trusting nothing.

        Raises:
            InputError: It is no such value; the message says what is wrong with it.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(str(key) for key in fault["loc"])
            told = f"{place}: {fault['msg']}" if place else fault["msg"]
            raise InputError(f"stain statistics: {told}") from None


REFERENCE = StainStatistics(
    glass=(240.0, 240.0, 240.0),
    haematoxylin=(0.5626, 0.7201, 0.4062),
    eosin=(0.2159, 0.8012, 0.5581),
    most=(1.9705, 1.0308),
    # Published for grey levels; the glass of the other reference makes them relative.
    mean=(8.74108109 - math.sqrt(3) * math.log(240), -0.12440419, 0.0444982),
    spread=(0.6135447, 0.10989545, 0.0286032),
)
"""Published values to aim at where those of the training slides are not known.

Macenko: the default of Veta's staining-normalization, which later programmes share, for light
of 240.
Reinhard: slide TCGA-A2-A3XS-DX1 of the breast cancer data of Amgad et al. (Bioinformatics 35,
2019), as HistomicsTK recommends it.
"""


def median_of(statistics: Sequence[StainStatistics]) -> StainStatistics:
    """Return the median of every number; stains are brought back to length 1.

    Args:
        statistics: Of one slide at least.
    """
    dicts = [one.to_dict() for one in statistics]
    middle = {key: np.median([one[key] for one in dicts], axis=0) for key in dicts[0]}
    for stain in ("haematoxylin", "eosin"):
        middle[stain] /= np.linalg.norm(middle[stain])
    return rounded(middle)


def rounded(numbers: Mapping[str, Any]) -> StainStatistics:
    """Return statistics of arrays.

    Raises:
        InputError: They cannot be those of a stained slide.
    """
    return StainStatistics.from_dict(
        {key: np.round(value, DECIMALS).tolist() for key, value in numbers.items()}
    )
