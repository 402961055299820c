from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from segmentation_fakes import (
    FakeRuntime,
    MemorySlide,
    blobs,
    by_colour,
    model,
    painted,
    tissue_everywhere,
)

from carcinomap.annotation import Annotation, AnnotationSet
from carcinomap.segmentation import (
    SegmentationSettings,
    dry_run,
    estimate_slides,
    segment_slide,
    trial,
)
from carcinomap.segmentation.dry_run import HEADINGS, Estimate, describe, estimate
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping import pipeline
from carcinomap.segmentation.mapping.blending import Blender
from carcinomap.segmentation.mapping.interest import Interest
from carcinomap.segmentation.mapping.plan import CELL, TilePlan
from carcinomap.slide import TissueMask

SMALL = {"tile": 256, "overlap": 64, "readers": 2}


def job_of(slide: MemorySlide, regions: AnnotationSet | None = None, **settings: Any) -> Job:
    return Job(slide, FakeRuntime(by_colour), SegmentationSettings(**SMALL | settings), regions)


def planned(job: Job, tissue: TissueMask) -> tuple[TilePlan, Interest]:
    mask = Interest(tissue, job.regions)
    plan = TilePlan.of(
        *job.size,
        job.settings.tile,
        job.settings.overlap,
        job.runtime.stride,
        lambda *box: mask.fraction(*(side * job.ratio for side in box)) > 0,
    )
    return plan, mask


def estimated(job: Job, tissue: TissueMask) -> Estimate:
    return estimate(job, *planned(job, tissue), job.runtime.run)


@pytest.fixture
def slide(tmp_path: Path) -> MemorySlide:
    path = tmp_path / "memory.svs"
    path.touch()
    return MemorySlide(painted(blobs(1500, 1900, seed=3)), mpp=1.0, name=str(path))


def test_it_tells_the_plan_and_what_the_result_takes(
    slide: MemorySlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "PICTURE_BYTES", 0)  # painted slides make no lifelike pictures
    job = job_of(slide)
    tissue = TissueMask(np.ones((188, 238), bool), 8.0, 1.0)
    found = estimated(job, tissue)
    plan, _ = planned(job, tissue)
    assert found.tiles == len(plan.tiles)
    assert (found.slide, found.width, found.height) == ("memory", 1900, 1500)
    assert found.mapped_mpx == pytest.approx(1900 * 1500 / 1e6, rel=0.02)
    assert found.mapped_mm2 == pytest.approx(found.mapped_mpx)

    real = segment_slide(slide, job.runtime, model(), tmp_path / "maps", job.settings)
    size = sum(path.stat().st_size for path in (real.class_map, real.polygons))
    assert size == pytest.approx(found.result_bytes, rel=0.3)
    assert found.result_bytes < found.working_bytes < 3 * found.result_bytes


def test_only_a_few_tiles_are_computed_however_many_there_are(slide: MemorySlide) -> None:
    job = job_of(slide, batch=2)
    found = estimated(job, tissue_everywhere(slide))
    assert found.tiles > 8
    assert job.runtime.shapes == [(2, 256, 256, 3)] * (trial.BATCHES + 1)


def test_all_that_compute_at_once_are_tried_at_once(slide: MemorySlide) -> None:
    job = job_of(slide)
    job.runtime.at_once = 5
    estimated(job, tissue_everywhere(slide))
    assert len(job.runtime.shapes) == 5 + 1


def test_inside_regions_there_is_less_to_do(slide: MemorySlide) -> None:
    region = AnnotationSet((Annotation("roi", shapely.box(300, 300, 700, 700)),))
    tissue = tissue_everywhere(slide)
    some, all_of_it = (estimated(job_of(slide, one), tissue) for one in (region, None))
    assert some.tiles < all_of_it.tiles / 4
    assert some.mapped_mm2 == pytest.approx(0.16, rel=0.05)
    assert some.result_bytes < all_of_it.result_bytes


def test_without_tissue_there_is_nothing_to_do(slide: MemorySlide) -> None:
    job = job_of(slide)
    found = estimated(job, TissueMask(np.zeros((188, 238), bool), 8.0, 1.0))
    assert (found.tiles, found.seconds, found.mapped_mpx) == (0, 0, 0)
    assert job.runtime.shapes == []


def test_planes_and_outlines_are_counted_where_they_are_asked_for(slide: MemorySlide) -> None:
    tissue = tissue_everywhere(slide)
    plain, bare, full = (
        estimated(job_of(slide, **settings), tissue)
        for settings in (
            {},
            {"outlines": False},
            {"probabilities": True, "uncertainty": True},
        )
    )
    assert bare.result_bytes < plain.result_bytes < full.result_bytes


def test_time_is_that_of_the_slowest_stage(
    slide: MemorySlide, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks: dict[str, list[tuple[float, float]]] = {
        "network": [(0.6, 0.1), (7.0, 1.0), (6.0, 1.0), (0.1, 0.1)],
        "readers": [(12.0, 1.0), (7.0, 1.0), (3.0, 1.0), (0.1, 0.1)],
        "processors": [(6.0, 6.0), (7.0, 1.0), (3.0, 12.0), (6.0, 6.0)],
    }
    monkeypatch.setattr(trial, "usable_cores", lambda: 2.0)
    monkeypatch.setattr(pipeline, "allotted_cores", lambda: 2)
    job = job_of(slide)
    seconds = {}
    for name, spent in clocks.items():
        left = iter(spent)
        monkeypatch.setattr(
            trial, "_timed", lambda work, left=left: (work(), trial._Spent(*next(left)))
        )
        seconds[name] = estimated(job, tissue_everywhere(slide))
    tiles = seconds["network"].tiles
    assert seconds["network"].seconds == pytest.approx(5 + tiles * 6 / 3)
    assert seconds["readers"].seconds == pytest.approx(6 + tiles * 12 / 2 / 3)
    assert seconds["processors"].seconds == pytest.approx(6 + tiles * 24 / 2 / 3)


def test_memory_and_disk_have_the_cells_that_wait(
    slide: MemorySlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tissue = tissue_everywhere(slide)
    job = job_of(slide)
    plan, _ = planned(job, tissue)
    with Blender(plan, 4, tmp_path / "sums") as blender:
        waiting = []
        for tile in plan.tiles:
            blender.add(tile, np.ones((4, plan.size, plan.size), np.float32))
            waiting.append(blender.live)
    # Those that a tile completes also had been alive until then.
    assert max(waiting) <= dry_run._most_live(plan) <= max(waiting) + (plan.size // CELL + 1) ** 2

    whole = estimated(job, tissue)
    monkeypatch.setattr(dry_run, "IN_MEMORY", 10 * 5 * CELL**2 * 4)
    spilt = estimated(job, tissue)
    on_disk = (dry_run._most_live(plan) - 10) * 5 * CELL**2 * 4
    assert spilt.working_bytes - whole.working_bytes == on_disk
    assert spilt.result_bytes == whole.result_bytes


def test_a_slide_that_cannot_be_reached_does_not_stop_the_others(
    made_slides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "carcinomap.segmentation.estimates.open_models",
        lambda *_: (FakeRuntime(by_colour, mpp=4.0), [model()]),
    )
    gone = "http://127.0.0.1:9/gone.svs"
    settings = SegmentationSettings(tile=256, overlap=64)
    found = estimate_slides([gone, made_slides / "slide-01.svs"], "m.safetensors", settings)
    assert len(found.slides) == 1
    ((path, _),) = found.failures
    assert str(path) == gone


def test_rows_for_people_end_with_the_whole() -> None:
    one = Estimate("a", 10_000, 20_000, 12.34, 12.34, 1234, 80, 2**30, 3_000_000, 1_000_000)
    other = replace(one, slide="b", seconds=40_000, memory_bytes=10**9, working_bytes=9_000_000)
    assert describe([]) == []
    (row,) = describe([one])
    assert row == (
        "a",
        "1,234",
        "12.34 mm² = 12.3 Mpx",
        "10,000 × 20,000",
        "80 s",
        "1.07 GB",
        "3.0 MB",
        "1.0 MB",
    )
    rows = describe([one, other, replace(one, seconds=600)])
    assert rows[1][4] == "11 h 07 min"
    assert rows[2][4] == "10 min"
    # The second slide's files come on top of the first one's result.
    assert rows[3] == (
        "3 slides",
        "3,702",
        "37.02 mm² = 37.0 Mpx",
        "",
        "11 h 18 min",
        "1.07 GB",
        "10.0 MB",
        "3.0 MB",
    )
    assert {len(row) for row in rows} == {len(HEADINGS)}
    assert one.to_dict()["tiles"] == 1234
