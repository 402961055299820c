"""Weights of an encoder from a file: all of them, whatever the file is of, and nothing else."""

import os

import pytest
import safetensors.torch
import timm
import torch

from carcinomap.errors import InputError
from carcinomap.model import build_network


def trained(name="resnet18"):
    """Return the tensors of a classifier with weights that nobody has."""
    torch.manual_seed(7)
    return timm.create_model(name, pretrained=False, num_classes=3).state_dict()


def same(network, tensors, prefix=""):
    encoder = network.module.get_submodule("encoder").state_dict()
    return all(torch.equal(tensor, tensors[prefix + name]) for name, tensor in encoder.items())


@pytest.mark.parametrize("prefix", ["", "encoder.", "module.encoder."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_of_a_classifier_or_of_what_has_it_as_encoder(tmp_path, prefix, suffix):
    tensors = {prefix + name: tensor for name, tensor in trained().items()}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": tensors, "epoch": 3}, path)
    else:
        safetensors.torch.save_file(tensors, path)
    network = build_network("fpn", "resnet18", 3, path)
    assert same(network, tensors, prefix)


def test_of_an_encoder_of_timm_for_both_views(tmp_path):
    tensors = trained("test_efficientnet")
    torch.save(tensors, tmp_path / "weights.pt")
    network = build_network("context-unet", "tu-test_efficientnet", 3, tmp_path / "weights.pt")
    state = network.module.state_dict()
    loaded = [name for name in state if name.endswith("model.conv_stem.weight")]
    assert len(loaded) == 2
    assert all(torch.equal(state[name], tensors["conv_stem.weight"]) for name in loaded)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float8_e4m3fn])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_of_numbers_of_any_precision(tmp_path, kind, suffix):
    tensors = {
        name: tensor.to(kind) if tensor.is_floating_point() else tensor
        for name, tensor in trained().items()
    }
    path = tmp_path / f"weights{suffix}"
    torch.save(tensors, path) if suffix == ".pth" else safetensors.torch.save_file(tensors, path)
    network = build_network("unet", "resnet18", 3, path)
    assert same(network, {name: tensor.float() for name, tensor in tensors.items()})


@pytest.mark.filterwarnings("ignore")  # that some of these kinds will go
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.quint8), "quint8"),
        (torch.Tensor.to_sparse, "sparse_coo"),
        (lambda tensor: torch.empty_like(tensor, device="meta"), "on meta"),
        (lambda tensor: torch.nested.nested_tensor([tensor, tensor[:1]]), "strided"),
        (lambda tensor: (100 * tensor).to(torch.int8), "int8"),
        (torch.Tensor.long, "int64"),
        (lambda tensor: tensor + 0j, "complex64"),
    ],
)
def test_tensors_of_other_kinds_are_refused_by_name(tmp_path, change, said):
    tensors = {f"encoder.{name}": tensor for name, tensor in trained().items()}
    changed = {"encoder.layer4.0.conv1.weight": change(tensors["encoder.layer4.0.conv1.weight"])}
    path = tmp_path / "weights.pth"
    torch.save({**tensors, **changed}, path)
    with pytest.raises(InputError, match=rf"layer4.0.conv1.weight is of .*{said}") as raised:
        build_network("unet", "resnet18", 3, path)
    assert str(path) in str(raised.value)
    elsewhere = {"decoder.weight": changed["encoder.layer4.0.conv1.weight"]}
    torch.save({**tensors, **elsewhere}, path)
    assert same(build_network("unet", "resnet18", 3, path), tensors, "encoder.")


class Evil:
    """Ends the process of whoever unpickles it."""

    def __reduce__(self):
        return os._exit, (66,)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({name: one for name, one in trained().items() if "layer4" not in name}, "missing"),
        ({**trained(), "conv1.weight": torch.zeros(64, 4, 7, 7)}, r"\(conv1.weight, …\)"),
        ({**trained(), "conv1.weight": torch.full((64, 3, 7, 7), torch.nan)}, "conv1.weight"),
        ([1, 2], "a list, where tensors by name belong"),
        ({"conv1.weight": Evil()}, "not tensors alone"),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(InputError, match=said) as raised:
        build_network("unet", "resnet18", 3, path)
    assert str(path) in str(raised.value)


def test_no_file_a_broken_one_and_a_network_without_encoder(tmp_path):
    with pytest.raises(InputError, match="no such file of an encoder's weights"):
        build_network("unet", "resnet18", 3, tmp_path / "none.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be read"):
        build_network("unet", "resnet18", 3, tmp_path / "broken.safetensors")
    with pytest.raises(InputError, match="has no encoder"):
        build_network("atrous-resnet", classes=3, pretrained=tmp_path / "none.pth")
