import json

import numpy as np
import tifffile
from as_typed import call, narrow_model

from carcinomap.model import save_model
from carcinomap.model.openvino_runtime import OpenVinoRuntime


def saved(path):
    save_model(narrow_model(2.0, 128), path)
    return path


def test_an_exported_network_maps_as_its_model_does(made_slides, tmp_path, monkeypatch):
    # Or the model alone would have its tiles fitted to the tissue, and see other surroundings.
    monkeypatch.setattr(OpenVinoRuntime, "any_size", False)
    model, slide = saved(tmp_path / "model.safetensors"), made_slides / "slide-01.svs"
    result = call("export", model, "--check", slide, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["files"] == [str(tmp_path / "model.onnx"), str(tmp_path / "model.yaml")]
    assert told["largest_difference"] < 1e-4
    maps = []
    for used in (model, tmp_path / "model.onnx"):
        out = tmp_path / used.suffix
        tiles = ("--tile", 256, "--overlap", 64)
        assert call("segment", slide, "-m", used, "-o", out, *tiles).exit_code == 0
        maps.append(tifffile.imread(out / "slide-01.ome.tif"))
    assert np.mean(maps[0] != maps[1]) < 1e-3
    again = call("export", model)
    assert again.exit_code == 2
    assert "exists already" in again.output


def test_people_are_told_how_well_it_agrees(tmp_path):
    model = saved(tmp_path / "model.safetensors")
    result = call("export", model, "--format", "openvino", "-o", tmp_path / "net.xml")
    assert result.exit_code == 0, result.output
    assert "checked on 8 made-up patches" in result.stdout
    assert (tmp_path / "net.bin").is_file()


def test_bad_input_has_no_traceback(tmp_path):
    assert call("export", tmp_path / "absent.safetensors").exit_code == 2
    model = saved(tmp_path / "model.safetensors")
    slide = call("export", model, "--check", tmp_path / "absent.svs")
    assert slide.exit_code == 2
    assert "absent.svs" in slide.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors"]
