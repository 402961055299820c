"""Exported files do what the model does, or are not there."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from onnx_models import write_onnx
from small_models import small_model

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.model import Model, build_network, open_model, open_runtime
from carcinomap.model.export import Format, export_model, made_patches, onnx_form
from carcinomap.model.export.forms import Takes
from carcinomap.model.quiet_openvino import CORE
from carcinomap.model.torch_runtime import TorchRuntime
from carcinomap.slide import View

FORMATS = list(Format)


@pytest.fixture(scope="module")
def model():
    return small_model(views=(View(0.5, 64),))


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """Return what each format's export left."""
    folder = tmp_path_factory.mktemp("exported")
    patches = made_patches(model.spec)
    return {
        target: export_model(model, folder / f"net{target.suffix}", target, patches)
        for target in FORMATS
    }


def with_network(network, **changes):
    spec = replace(small_model().spec, **{"stride": 32, "views": (View(1.0, 64),), **changes})
    return Model(spec, network.eval())


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def wanted(model, *views):
    (found,) = TorchRuntime(model, torch.device("cpu")).run([views])
    return found


def floats(view):
    return view.transpose(0, 3, 1, 2).astype(np.float32)


@pytest.mark.parametrize("target", FORMATS)
def test_each_format_is_checked_and_whole(exported, model, target):
    done = exported[target]
    assert done.agreement.good
    assert done.agreement.largest_difference < 1e-4
    assert done.agreement.patches == len(made_patches(model.spec))
    assert done.agreement.pixels == done.agreement.patches * 64 * 64
    assert all(file.stat().st_size for file in done.files)
    assert json.loads(json.dumps(done.to_dict()))["format"] == target


def test_onnx_takes_float_pixels_of_any_size(exported, model):
    done = exported[Format.ONNX]
    assert done.takes is Takes.ANY_SIZE
    network = CORE.read_model(done.files[0])
    assert network.inputs[0].any_name == "image"
    compiled = CORE.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    images = pixels(3, 40, 72)
    found = compiled([floats(images)])["probabilities"]
    np.testing.assert_allclose(found, wanted(model, images), atol=1e-4)


def test_onnx_is_a_model_that_segments(exported, model):
    used = open_model(exported[Format.ONNX].files[0])
    assert used.spec.classes == model.spec.classes
    assert (used.spec.views, used.spec.stride) == (model.spec.views, model.spec.stride)
    images = pixels(2, 64, 96, seed=1)
    (found,) = open_runtime(used, "cpu", 1).run([(images,)])
    np.testing.assert_allclose(found, wanted(model, images), atol=1e-4)


def test_openvino_takes_bytes_and_says_what_it_is(exported, model):
    done = exported[Format.OPENVINO]
    assert done.takes is Takes.ANY_SIZE
    network = CORE.read_model(done.files[0])
    told = {key: network.get_rt_info(["carcinomap", key]).astype(str) for key in ("classes", "mpp")}
    assert tuple(json.loads(told["classes"])) == model.spec.classes.names
    assert float(told["mpp"]) == 0.5
    compiled = CORE.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    images = pixels(1, 48, 32)
    np.testing.assert_allclose(compiled({"image": images})[0], wanted(model, images), atol=1e-4)


def test_torch_runs_without_code_of_ours(exported, model):
    done = exported[Format.TORCH]
    assert done.takes is Takes.ANY_NUMBER
    extra = {"carcinomap.json": ""}
    program = torch.export.load(done.files[0], extra_files=extra)
    assert json.loads(extra["carcinomap.json"]) == json.loads(model.spec.to_json())
    images = pixels(3, 64, 64)
    found = program.module()(torch.from_numpy(floats(images))).detach().numpy()
    np.testing.assert_allclose(found, wanted(model, images), atol=1e-4)


@pytest.mark.parametrize("target", FORMATS)
def test_a_network_of_two_views_has_two_inputs(tmp_path, target):
    torch.manual_seed(6)
    network = build_network(
        "context-unet", "tu-test_efficientnet", 4, pretrained=False, context=2, output_stride=2
    )
    two = with_network(
        network.module, views=network.views(1.0, 64), stride=64, preprocessing=network.preprocessing
    )
    path = tmp_path / f"net{target.suffix}"
    assert export_model(two, path, target, made_patches(two.spec)).agreement.good
    if target is Format.ONNX:
        described = yaml.safe_load(path.with_suffix(".yaml").read_text())
        assert described["views"] == [{"mpp": 1.0, "size": 64}, {"mpp": 2.0, "size": 64}]
        views = pixels(1, 64, 64, seed=1), pixels(1, 64, 64, seed=2)
        (found,) = open_runtime(open_model(path), "cpu", 1).run([views])
        np.testing.assert_allclose(found, wanted(two, *views), atol=1e-4)


class OwnSize(torch.nn.Module):
    """Scores that depend on the size for which it was traced."""

    def forward(self, images):
        grey = images.mean(dim=1, keepdim=True) * float(images.shape[2]) / 32
        return torch.cat([grey, -grey, grey / 2, grey + 1], dim=1)


class Wayward(torch.nn.Module):
    """Scores by another rule for dark pixels than for bright ones."""

    def forward(self, images):
        grey = images.mean(dim=1, keepdim=True)
        if grey.min() > -1:
            grey = -grey
        return torch.cat([grey, -grey, grey / 2, grey + 1], dim=1)


class Unusual(torch.nn.Module):
    """An operation that ONNX has not."""

    def forward(self, images):
        grey = torch.special.i1(images).mean(dim=1, keepdim=True)
        return torch.cat([grey, -grey, grey / 2, grey + 1], dim=1)


def test_a_network_that_keeps_its_size_takes_that_alone(tmp_path):
    model = with_network(OwnSize())
    done = export_model(model, tmp_path / "net.onnx", Format.ONNX, made_patches(model.spec))
    assert done.takes is Takes.ANY_NUMBER
    images = pixels(2, 64, 64)
    (found,) = open_runtime(open_model(done.files[0]), "cpu", 1).run([(images,)])
    np.testing.assert_allclose(found, wanted(model, images), atol=1e-4)


def test_what_differs_is_refused_and_nothing_is_left(tmp_path):
    model = with_network(Wayward())
    with pytest.raises(CarcinomapError, match=r"probabilities differ by .* nothing was written"):
        export_model(model, tmp_path / "in" / "net.onnx", Format.ONNX, made_patches(model.spec))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_refused_shortly(tmp_path):
    model = with_network(Unusual())
    with pytest.raises(CarcinomapError, match="cannot be exported for onnx") as caught:
        export_model(model, tmp_path / "net.onnx", Format.ONNX, made_patches(model.spec))
    assert len(str(caught.value)) < 500
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(tmp_path, monkeypatch, model):
    monkeypatch.setattr(onnx_form, "find_spec", lambda name: None)
    with pytest.raises(CarcinomapError, match=r"carcinomap\[export\]"):
        export_model(model, tmp_path / "net.onnx", Format.ONNX, made_patches(model.spec))


def test_what_is_there_stays_unless_it_may_go(tmp_path, model):
    patches = made_patches(model.spec)
    path = tmp_path / "net.onnx"
    path.with_suffix(".yaml").write_text("mine")
    with pytest.raises(InputError, match=r"net\.yaml: exists already"):
        export_model(model, path, Format.ONNX, patches)
    assert path.with_suffix(".yaml").read_text() == "mine"
    done = export_model(model, path, Format.ONNX, patches, overwrite=True)
    assert sorted(tmp_path.iterdir()) == sorted(done.files)
    with pytest.raises(InputError, match=r"ends in \.pt2"):
        export_model(model, path, Format.TORCH, patches, overwrite=True)


def test_an_onnx_network_is_none_to_export(tmp_path):
    theirs = open_model(write_onnx(tmp_path))
    with pytest.raises(InputError, match="an ONNX network already"):
        export_model(theirs, tmp_path / "a.pt2", Format.TORCH, made_patches(theirs.spec))
