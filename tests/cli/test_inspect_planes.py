import json

import numpy as np
from typer.testing import CliRunner

from carcinomap.cli.main import app
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.planes import Channel, Planes


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_inspect_describes_planes(tmp_path):
    channels = [Channel("normal", "#b3b3b3"), Channel("invasive", "#d55e00")]
    planes = Planes.create(tmp_path / "a.uncertainty.ome.zarr", 300, 200, 0.9, channels, "a")
    mapped = np.ones((CELL, CELL), bool)
    planes.write(0, 0, np.full((2, CELL, CELL), 0.5, np.float32), mapped)
    planes.finish()
    for spelling in (planes.path, f"{planes.path}/"):
        found = json.loads(call("inspect", spelling, "--json").stdout)
        assert (found["size"], found["mpp"]) == ("300 × 200 pixels", 0.9)
        assert [one["name"] for one in found["channels"]] == ["normal", "invasive"]
    assert "normal, invasive" in call("inspect", planes.path).stdout
    (planes.path / ".zattrs").unlink()
    broken = call("inspect", planes.path)
    assert broken.exit_code == 2
    assert "not an OME-Zarr image" in broken.output
