"""Networks that take tiles of a single size."""

from pathlib import Path

import numpy as np
import tifffile
from onnx_models import convolution, write_onnx

from carcinomap.segmentation import SegmentationSettings, segment
from carcinomap.slide import find_slides


def test_a_network_of_one_size_gets_tiles_of_it(made_slides: Path, tmp_path: Path) -> None:
    slide = find_slides(made_slides)[0]
    maps = {}
    for name, shape in (("any", ("n", 3, "height", "width")), ("one", (1, 3, 64, 64))):
        network = write_onnx(tmp_path, convolution(shape), name, mpp=4.0)
        settings = SegmentationSettings(outlines=False)
        (done,) = segment(slide, network, tmp_path / name, settings, device="cpu").done
        maps[name] = tifffile.imread(done.class_map)
    assert {0, 1, 255} == set(np.unique(maps["any"]))
    np.testing.assert_array_equal(maps["one"], maps["any"])


def test_a_map_smaller_than_that_size_is_made_too(made_slides: Path, tmp_path: Path) -> None:
    network = write_onnx(tmp_path, convolution((1, 3, 1024, 1024)), mpp=4.0)
    result = segment(find_slides(made_slides)[0], network, tmp_path / "maps", device="cpu")
    assert not result.failures
