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
