import gc
import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from openvino.frontend.pytorch.fx_decoder import BaseFXDecoder
from safetensors.torch import load_file, save_file
from small_models import small_model

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.model import Model, build_network, open_model, open_runtime, save_model
from carcinomap.model.conversion import converted
from carcinomap.model.openvino_runtime import OpenVinoRuntime
from carcinomap.model.torch_runtime import TorchRuntime

SHAPES = ((1, 64, 64, 3),)


@pytest.fixture
def path(tmp_path, model):
    save_model(model, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Return the folder for temporary files, which the tests have for themselves."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize(
    ("architecture", "encoder"), [("segformer", "mit_b0"), ("context-unet", "tu-test_efficientnet")]
)
def test_other_architectures_run_too(architecture, encoder):
    """Those with attention and with two views; all others were tried once by hand."""
    torch.manual_seed(2)
    network = build_network(architecture, encoder, 3, pretrained=False)
    views = network.views(1.0, 128)
    spec = replace(small_model().spec, stride=network.stride, views=views)
    model = Model(replace(spec, preprocessing=network.preprocessing), network.module.eval())
    pixels = np.random.default_rng(0).integers(0, 256, (len(views), 1, 128, 256, 3), dtype=np.uint8)
    (ours,) = OpenVinoRuntime(model, 1).run([tuple(pixels)])
    (theirs,) = TorchRuntime(model, torch.device("cpu")).run([tuple(pixels)])
    assert np.abs(ours - theirs).max() < 1e-3
    assert theirs.std() > 0.01


def test_nothing_of_a_conversion_lives_on(model, temporary):
    gc.disable()
    try:
        converted(model, SHAPES)
        assert not [one for one in gc.get_objects() if issubclass(type(one), BaseFXDecoder)]
    finally:
        gc.enable()
    assert not list(temporary.iterdir())


def test_a_model_in_its_file_maps_without_pytorch(path):
    script = (
        "import hashlib, sys, numpy\n"
        "from carcinomap.model import open_model, open_runtime\n"
        "model = open_model(sys.argv[1])\n"
        "runtime = open_runtime(model, 'cpu', 1)\n"
        "pixels = numpy.arange(64 * 64 * 3).astype('uint8').reshape(1, 64, 64, 3)\n"
        "(found,) = runtime.run([(pixels,)])\n"
        "assert 'torch' not in sys.modules\n"
        "print(hashlib.sha256(found.tobytes()).hexdigest(), model.fingerprint)\n"
    )
    # From a folder that has a trap for whoever imports from where they are.
    (path.parent / "torch.py").write_text("raise SystemExit('imported from the working folder')")
    said = subprocess.run(
        [sys.executable, "-P", "-c", script, str(path)],
        check=True, capture_output=True, text=True, cwd=path.parent,
    ).stdout  # fmt: skip
    pixels = np.arange(64 * 64 * 3).astype(np.uint8).reshape(1, 64, 64, 3)
    (expected,) = open_runtime(small_model(), "cpu", 1).run([(pixels,)])
    digest = hashlib.sha256(expected.tobytes()).hexdigest()
    assert said.split() == [digest, small_model().fingerprint]


def test_weights_that_do_not_fit_show_when_they_are_used(path, monkeypatch, temporary):
    model = open_model(path)
    tensors = {**load_file(path), "surprise": torch.zeros(1)}
    save_file(tensors, path, {"carcinomap": model.spec.to_json()})
    runtime = open_runtime(open_model(path), "cpu")
    monkeypatch.delitem(sys.modules, "torch")  # as in a program that only maps
    with pytest.raises(InputError, match=r"model\.safetensors: .*surprise"):
        list(runtime.run([(np.zeros((1, 64, 64, 3), np.uint8),)]))
    assert not list(temporary.iterdir())


def test_a_converter_that_fails_is_an_error_that_says_so(path, monkeypatch):
    model = open_model(path)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(
        CarcinomapError, match=r"model\.safetensors: the conversion .* ended with 1"
    ):
        converted(model, SHAPES)


class Stubborn(torch.nn.Module):
    def forward(self, images):
        return images[:, :1] if images.sum() > 0 else images  # depends on the pixels


def test_a_network_that_cannot_be_converted_is_an_error_that_names_it(model, temporary):
    with pytest.raises(CarcinomapError, match=r"network atrous-resnet .*--device cuda"):
        converted(Model(model.spec, Stubborn()), SHAPES)
    assert not list(temporary.iterdir())
