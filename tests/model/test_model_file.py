import json
import pickle
import struct
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from small_models import small_model

from carcinomap.errors import InputError
from carcinomap.model import Model, build_network, load_model, save_model
from carcinomap.model.networks import rebuild_network


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def rewritten(path, tensors=None, **changes):
    """Write a model file again with some of its metadata or tensors changed."""
    header = read_header(path)
    metadata = json.loads(header["__metadata__"]["carcinomap"])
    metadata.update(changes)
    save_file({**load_file(path), **(tensors or {})}, path, {"carcinomap": json.dumps(metadata)})


def read_header(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length])


def test_a_model_comes_back_as_it_was(model, path):
    save_model(model, path)
    again = load_model(path)
    assert again.spec == model.spec
    assert not again.network.training
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(again.network(images), model.network(images))
    counted = [name for name in again.network.state_dict() if name.endswith("num_batches_tracked")]
    assert counted


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("unet", {"decoder_width": 0.5}),
        ("context-unet", {"context": 2, "output_stride": 2}),
        ("fpn", {}),
    ],
)
def test_every_network_comes_back_from_a_file(architecture, options, path):
    network = build_network(architecture, "tu-test_efficientnet", 4, pretrained=False, **options)
    spec = replace(
        small_model().spec,
        **{"architecture": network.architecture, "kwargs": network.kwargs},
        **{"views": network.views(1.0, network.stride), "stride": network.stride},
    )
    save_model(Model(spec, network.module.eval()), path)
    again = load_model(path)
    images = [torch.rand(1, 3, network.stride, network.stride) for _ in network.scales]
    with torch.no_grad():
        assert torch.equal(again.network(*images), network.module(*images))


def test_equal_models_give_equal_bytes(model, path, tmp_path):
    save_model(model, path)
    shuffled = replace(
        model.spec, training=dict(reversed(model.spec.training.items())), kwargs={"width": 1 / 16}
    )
    save_model(Model(shuffled, model.network), tmp_path / "twin.safetensors")
    save_model(load_model(path), tmp_path / "again.safetensors")
    assert path.read_bytes() == (tmp_path / "twin.safetensors").read_bytes()
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert list(read_header(path)["__metadata__"]) == ["carcinomap"]


def test_weights_of_lower_precision_and_other_layout_are_written_plainly(model, path):
    model.network.to(torch.bfloat16).to(memory_format=torch.channels_last)
    save_model(model, path)
    kinds = {entry["dtype"] for key, entry in read_header(path).items() if key != "__metadata__"}
    assert kinds == {"F32", "I64"}
    stem = load_model(path).network.stem[0].weight
    assert torch.equal(stem, model.network.stem[0].weight.float())


def test_a_failed_write_leaves_the_old_file(model, path, monkeypatch):
    path.write_bytes(b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_model(model, path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def refused(path, message):
    with pytest.raises(InputError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused(path):
    refused(path, "no such model")


class Payload:
    def __reduce__(self):
        return (pytest.fail, ("code of a model file was executed",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a text, not a model",
        b"\xff" * 64,
        struct.pack("<Q", 2**63) + b"{}",  # a header that would not fit into any memory
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 4) + b"null",
        pickle.dumps(Payload()),
    ],
)
def test_what_is_no_model_file_is_refused(path, content):
    path.write_bytes(content)
    refused(path, "not a")


def test_a_pytorch_checkpoint_is_refused_unread(path):
    torch.save({"state_dict": Payload()}, path)
    refused(path, "not a model file")


def test_weights_without_a_description_are_refused(path):
    save_file({"a": torch.zeros(1)}, path)
    refused(path, "no description by carcinomap")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "update carcinomap"),
        ({"architecture": "unet"}, "kwargs"),
        ({"architecture": "no-such"}, "no architecture"),
        ({"kwargs": {"width": 0.125}}, "do not fit"),
        ({"kwargs": {"width": 1e9}}, "width"),
        ({"kwargs": {}}, "kwargs"),
        ({"stride": 32}, "stride"),
        ({"classes": {"classes": [{"name": n, "color": "#000000"} for n in "ab"]}}, "do not fit"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(model, path, changes, message):
    save_model(model, path)
    rewritten(path, **changes)
    refused(path, message)


@pytest.mark.parametrize(
    ("architecture", "kwargs"),
    [
        ("unet", {"encoder": "tu-test_efficientnet", "decoder_width": 4.0}),
        ("context-unet", {"encoder": "resnet18", "context": 8.0}),
        ("fpn", {"encoder": "vgg11"}),
        ("dpt", {"encoder": "tu-test_vit"}),
        ("atrous-resnet", {"width": 4.0}),
    ],
)
def test_a_network_that_a_file_only_names_is_never_built(
    model, path, monkeypatch, architecture, kwargs
):
    built = []

    def rebuild(*names):
        network = rebuild_network(*names)
        built.extend(tensor.device.type for tensor in network.module.state_dict().values())
        return network

    network = build_network(architecture, classes=4, pretrained=False, **kwargs)
    views = [{"mpp": view.mpp, "size": view.size} for view in network.views(1.0, 256)]
    save_model(model, path)
    rewritten(path, architecture=architecture, kwargs=kwargs, views=views, stride=network.stride)
    monkeypatch.setattr("carcinomap.model.file.rebuild_network", rebuild)
    refused(path, "of its tensors do not fit")
    assert set(built) == {"meta"}


def test_a_network_that_has_to_be_built_to_be_known_is_checked_as_well(path):
    network = build_network("unet", "mit_b0", 4, pretrained=False)
    spec = replace(
        small_model().spec,
        **{"architecture": "unet", "kwargs": network.kwargs, "stride": network.stride},
    )
    save_model(Model(spec, network.module.eval()), path)
    assert load_model(path).fingerprint == Model(spec, network.module).fingerprint
    rewritten(path, {"surprise": torch.zeros(1)})
    refused(path, "surprise")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"surprise": torch.zeros(1)}, "surprise"),
        ({"up_to_full.bias": torch.zeros(5)}, "up_to_full.bias"),
        ({"up_to_full.bias": torch.zeros(4, dtype=torch.float64)}, "up_to_full.bias"),
        ({"up_to_full.bias": torch.full((4,), torch.nan)}, "finite"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(model, path, tensors, message):
    save_model(model, path)
    rewritten(path, tensors)
    refused(path, message)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"

    save_model(small_model(), path)
    return path.read_bytes()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_cut_anywhere_is_refused(content, path, data):
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    refused(path, "not a")
