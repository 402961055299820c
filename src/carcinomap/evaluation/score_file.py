"""``scores.json``, written, and read back for what was counted of every slide."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from carcinomap.annotation import ClassScheme, TissueClass
from carcinomap.errors import InputError, existing_file
from carcinomap.evaluation.counts import Counts
from carcinomap.evaluation.scores import Scores
from carcinomap.evaluation.settings import EvaluationSettings
from carcinomap.files import escaped, write_text

NAME = "scores.json"
LARGEST = 2**29
"""A file of more bytes is of no cohort, and would fill the memory."""
MOST_CLASSES = 100_000
"""Of all slides together; each is 32 kB of counts, however short the file says so."""


@dataclass(frozen=True)
class ScoredSlide:
    """What was counted of one slide, and whose it is."""

    patient: str
    counts: Counts


@dataclass(frozen=True)
class ScoreFile:
    """What a ``scores.json`` holds, apart from what follows from the counts.

    Attributes:
        path: The file.
        scheme: The classes, by their names alone.
        mpp: Microns per counted pixel.
        settings: How the slides were compared.
        slides: By name.
        warnings: Why the scores may be worth less than they look.
    """

    path: Path
    scheme: ClassScheme
    mpp: float
    settings: EvaluationSettings
    slides: dict[str, ScoredSlide]
    warnings: tuple[str, ...]

    @classmethod
    def read(cls, path: str | Path) -> ScoreFile:
        """Read the scores of a cohort.

        Args:
            path: ``scores.json``, or the folder it lies in.

        Raises:
            InputError: There is none, or it is broken.
        """
        path = Path(path)
        path = existing_file(path / NAME if path.is_dir() else path, "scores file")
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path}: more than {LARGEST >> 20} MB, which is no {NAME}")
        try:
            # Not pydantic's own reader of JSON: a name in it may be no Unicode.
            content = _Content.model_validate(json.loads(path.read_bytes()))
            scheme = ClassScheme(tuple(TissueClass(name, "#000000") for name in content.classes))
            if len(scheme) * len(content.slides) > MOST_CLASSES:
                raise InputError(f"{len(content.slides)} slides of {len(scheme)} classes")
            slides = {
                one.slide: ScoredSlide(one.patient, Counts.from_dict(one.counts, len(scheme)))
                for one in content.slides
            }
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, fault["loc"]))
            raise _broken(path, f"{place}: {fault['msg']}" if place else fault["msg"]) from error
        except (ValueError, RecursionError, InputError) as error:
            raise _broken(path, str(error)) from error
        if len(slides) < len(content.slides):
            raise _broken(path, "a slide is there twice")
        warnings = tuple(content.warnings)
        return cls(path, scheme, content.mpp, content.settings, slides, warnings)


def write_scores(scores: Scores, path: Path) -> None:
    """Write ``scores.json``: a line for each of its entries, and for each slide.

    Indented as other files are, every single count of a boundary would have a line of its own.
    """
    entries = []
    for key, value in scores.to_dict().items():
        text = _json(value)
        if key == "slides":
            text = "[\n    " + ",\n    ".join(map(_json, value)) + "\n  ]"
        entries.append(f"  {_json(key)}: {text}")
    write_text(path, "{\n" + ",\n".join(entries) + "\n}\n")


def _json(value: Any) -> str:
    return escaped(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _broken(path: Path, why: str) -> InputError:
    return InputError(
        f"{path}: not the scores of `carcinomap evaluate`, or of another version ({why}); "
        "evaluate the maps again"
    )


class _Slide(BaseModel):
    slide: str
    patient: str
    counts: dict[str, Any]


class _Content(BaseModel):
    """The part of the file that is read; pydantic bounds its depth and refuses wrong kinds."""

    model_config = ConfigDict(allow_inf_nan=False)

    slides: list[_Slide] = Field(min_length=1)
    classes: dict[str, Any]
    mpp: float = Field(gt=0, lt=1e6)
    settings: EvaluationSettings
    warnings: list[str] = []
