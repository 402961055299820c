"""``carcinomap segment`` with its options, as a user types them."""

import json

import numpy as np
import pytest
from as_typed import TINY, call

from carcinomap.segmentation import NOT_MAPPED, ClassMap
from carcinomap.slide import open_slide


@pytest.fixture
def slide(made_slides):
    return made_slides / "slide-01.svs"


def read(path):
    with ClassMap.open(path) as class_map:
        return class_map.window(0, 0, class_map.width, class_map.height)


def test_several_models_and_orientations_and_what_they_doubt(models, slide, tmp_path):
    options = ["--tta", "--probabilities", "--uncertainty", "--json"]
    result = call("segment", slide, "-m", models[0], "-m", models[1], "-o", tmp_path, *options)
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)["done"]
    assert record["model"]["architecture"] == "ensemble"
    assert len({one["sha256"] for one in record["model"]["members"]}) == 2
    described = call("inspect", tmp_path / "slide-01.uncertainty.ome.zarr")
    assert "disagreement" in described.stdout
    described = call("inspect", tmp_path / "slide-01.probabilities.ome.zarr")
    assert "invasive" in described.stdout
    # In another order they are another ensemble, since sums are rounded.
    again = call("segment", slide, "-m", models[1], "-m", models[0], "-o", tmp_path, *options)
    assert again.exit_code == 2
    assert "differs in its model" in again.output


def test_models_that_do_not_fit_together(models, made_slides, slide, tmp_path):
    run = tmp_path / "run"
    assert call("train", made_slides, "--output", run, "--mpp", "2", *TINY).exit_code == 0
    other = run / "model.safetensors"
    result = call("segment", slide, "-m", models[0], "-m", other, "-o", tmp_path / "maps")
    assert result.exit_code == 2
    assert "models 1 and 2 cannot work together" in result.output


def test_only_inside_the_regions_of_interest(models, slide, tmp_path):
    with open_slide(slide) as opened:
        box = [round(0.3 * opened.width), round(0.3 * opened.height)]
        box += [round(0.6 * opened.width), round(0.7 * opened.height)]
    x0, y0, x1, y1 = box
    ring = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}
    feature["properties"] = {"classification": {"name": "look here", "color": [0, 0, 0]}}
    regions = tmp_path / "regions.geojson"
    regions.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))

    whole = call("segment", slide, "-m", models[0], "-o", tmp_path / "whole")
    inside = call("segment", slide, "-m", models[0], "-o", tmp_path / "part", "--roi", regions)
    assert (whole.exit_code, inside.exit_code) == (0, 0), inside.output
    with ClassMap.open(tmp_path / "part" / "slide-01.ome.tif") as class_map, open_slide(slide) as s:
        ratio = class_map.mpp / s.mpp
    everything, part = (read(tmp_path / d / "slide-01.ome.tif") for d in ("whole", "part"))
    y, x = (np.arange(side) * ratio + ratio / 2 for side in part.shape)
    in_box = ((y >= y0) & (y < y1))[:, None] & ((x >= x0) & (x < x1))
    np.testing.assert_array_equal(part != NOT_MAPPED, (everything != NOT_MAPPED) & in_box)
    assert (part != NOT_MAPPED).any()

    # Without the regions, or with others, it is another result.
    for options in ([], ["--roi", tmp_path / "others.geojson"]):
        ring[1][0] += 10
        (tmp_path / "others.geojson").write_text(
            json.dumps({"type": "FeatureCollection", "features": [feature]})
        )
        other = call("segment", slide, "-m", models[0], "-o", tmp_path / "part", *options)
        assert other.exit_code == 2
        assert "differs in its roi" in other.output


def test_a_dry_run_tells_and_writes_nothing(models, made_slides, slide, tmp_path):
    output = tmp_path / "maps"
    result = call("segment", made_slides, "-m", models[0], "-o", output, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    assert not output.exists()
    estimates = json.loads(result.stdout)["slides"]
    assert [one["slide"] for one in estimates] == sorted(p.stem for p in made_slides.glob("*.svs"))
    for one in estimates:
        assert one["tiles"] > 0
        assert 0 < one["seconds"] < 600
        assert 0 < one["result_bytes"] <= one["working_bytes"]
    table = call("segment", slide, "-m", models[0], "-o", output, "--dry-run")
    assert "slide-01" in table.stdout
    missing = call("segment", "gone.svs", "-m", models[0], "-o", output, "--dry-run")
    assert missing.exit_code == 2
    assert "no such slide" in missing.output


def test_only_the_map(models, slide, tmp_path):
    result = call("segment", slide, "-m", models[0], "-o", tmp_path, "--no-outlines")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "slide-01.geojson").exists()
    record = json.loads((tmp_path / "slide-01.json").read_text())
    assert {entry["regions"] for entry in record["classes"].values()} == {None}


def test_a_table_and_a_page_of_all_maps(models, made_slides, slide, tmp_path):
    (tmp_path / "text.svs").write_text("no slide")
    output = tmp_path / "maps"
    result = call("segment", slide, tmp_path / "text.svs", "-m", models[0], "-o", output)
    assert result.exit_code == 1
    assert "1 done" in result.stdout
    assert "index.html" in result.stdout
    # A second call tells of the first one's slides too, and no longer of its failure.
    other = call("segment", made_slides / "slide-02.svs", "-m", models[0], "-o", output)
    assert other.exit_code == 0
    lines = (output / "summary.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["name", "slide-01", "slide-02"]
    assert (output / "index.html").read_text(encoding="utf-8").count("<article") == 2

    (output / "index.html").write_text("mine")
    again = call("segment", slide, "-m", models[0], "-o", output)
    assert again.exit_code == 0
    assert "note: " in again.stderr
    assert "left as it is" in again.stderr
    assert "index.html" not in again.stdout


def test_ctrl_c_says_that_the_same_command_goes_on(models, slide, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("carcinomap.segmentation.results.whole.write_class_map", interrupted)
        stopped = call("segment", slide, "-m", models[0], "-o", tmp_path)
    assert stopped.exit_code == 130
    assert "the same command goes on" in stopped.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "slide-01.partial"]
    # Nothing is computed again.
    with monkeypatch.context() as patch:
        patch.setattr("carcinomap.model.openvino_runtime.OpenVinoRuntime._start", interrupted)
        result = call("segment", slide, "-m", models[0], "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "slide-01.partial").exists()
