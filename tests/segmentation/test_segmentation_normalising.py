from pathlib import Path

import numpy as np
import pytest
from segmentation_fakes import (
    FakeRuntime,
    MemorySlide,
    by_colour,
    model,
    spec,
    tissue_everywhere,
)
from torch import nn

from carcinomap.errors import InputError
from carcinomap.model import Model
from carcinomap.segmentation import SegmentationSettings
from carcinomap.segmentation.identity import identity_of
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.normalising import stain_of
from carcinomap.segmentation.one_slide import segment_slide
from carcinomap.slide import View
from carcinomap.slide.stain import REFERENCE, Normaliser, StainStatistics, median_of, statistics_of

TARGET = StainStatistics.from_dict(
    {**REFERENCE.to_dict(), "glass": [230.0, 231.0, 232.0], "most": [1.2, 0.7]}
)


def tissue() -> np.ndarray:
    """Return tissue of two stains under a rim of glass."""
    random = np.random.default_rng(0)
    share = np.repeat(np.repeat(random.random((50, 60, 1)), 8, axis=0), 8, axis=1)
    eosin, haematoxylin = np.array([0.1, 0.9, 0.42]), np.array([0.6, 0.7, 0.39])
    image = np.rint(240 * np.exp(-(share * haematoxylin + (1 - share) * eosin)))
    image[:80] = 240
    return image.astype(np.uint8)


def options(method: str, **more: object) -> SegmentationSettings:
    return SegmentationSettings(tile=256, overlap=32, normalise=method, outlines=False, **more)


@pytest.mark.parametrize("method", ["macenko", "reinhard"])
def test_the_network_sees_every_view_in_the_colours_of_the_training(
    tmp_path: Path, method: str
) -> None:
    slide = MemorySlide(tissue(), mpp=1.0)
    seen: list[np.ndarray] = []

    def remember(*views: np.ndarray) -> np.ndarray:
        seen.extend(views)
        return by_colour(*views)

    runtime = FakeRuntime(remember, views=(View(1.0, 256), View(4.0, 256)))
    trained = model(stain=TARGET.to_dict())
    segment_slide(slide, runtime, trained, tmp_path / "plain", options("none"))
    plain, count = list(seen), len(seen)
    segment_slide(slide, runtime, trained, tmp_path / method, options(method, readers=3))
    normalise = Normaliser(method, statistics_of(slide), TARGET)
    assert len(seen) == 2 * count > 2
    for before, after in zip(plain, seen[count:], strict=True):
        assert (before != after).any()
        for image, normalised in zip(before, after, strict=True):
            np.testing.assert_array_equal(normalise(image), normalised)


def test_the_result_says_how_it_was_normalised(tmp_path: Path) -> None:
    slide, runtime = MemorySlide(tissue(), mpp=1.0), FakeRuntime(by_colour)
    jobs = [Job(slide, runtime, options(method)) for method in ("none", "macenko", "reinhard")]
    told = [identity_of(job, [model()])["settings"]["normalise"] for job in jobs]
    assert told == ["none", "macenko", "reinhard"]
    segment_slide(slide, runtime, model(), tmp_path, options("none"))
    with pytest.raises(InputError, match="settings"):
        segment_slide(slide, runtime, model(), tmp_path, options("macenko"))


def test_the_target_is_the_models_or_the_median_of_theirs_or_the_reference() -> None:
    assert stain_of([model()]) == REFERENCE
    assert stain_of([model(stain=None)]) == REFERENCE
    assert stain_of([model(stain=TARGET.to_dict()), model()]) == median_of([TARGET])
    three = [model(stain=one.to_dict()) for one in (TARGET, REFERENCE, TARGET)]
    assert stain_of(three).glass == TARGET.glass


def test_a_target_in_a_file_comes_back() -> None:
    text = spec(stain=TARGET.to_dict()).to_json()
    assert stain_of([Model(type(spec()).from_json(text), nn.Identity())]).glass == TARGET.glass


@pytest.mark.parametrize("stain", [7, "macenko", {"glass": 1}])
def test_a_model_that_says_nonsense_maps_all_the_same_without(
    tmp_path: Path, stain: object
) -> None:
    slide, runtime = MemorySlide(tissue(), mpp=1.0), FakeRuntime(by_colour)
    with pytest.raises(InputError, match=r"the model .* stained .*--normalise none"):
        segment_slide(slide, runtime, model(stain=stain), tmp_path, options("macenko"))
    segment_slide(slide, runtime, model(stain=stain), tmp_path, options("none"))


def test_a_slide_that_does_not_show_its_stain_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = MemorySlide(np.full((300, 300, 3), 235, np.uint8), mpp=1.0)
    found = "carcinomap.segmentation.mapping.map_slide.find_tissue"
    monkeypatch.setattr(found, tissue_everywhere)
    runtime = FakeRuntime(by_colour)
    with pytest.raises(InputError, match=r"memory\.svs: too little stained tissue"):
        segment_slide(slide, runtime, model(), tmp_path, options("reinhard"))


@pytest.mark.parametrize("method", ["macenko", "reinhard"])
def test_a_slide_without_tissue_has_an_empty_map(tmp_path: Path, method: str) -> None:
    slide = MemorySlide(np.full((300, 300, 3), 255, np.uint8), mpp=1.0)
    result = segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, options(method))
    assert result.record["tissue_mm2"] == 0
