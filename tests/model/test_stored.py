import pytest
import torch
from safetensors.torch import load_file, save_file

from carcinomap.errors import InputError
from carcinomap.model import load_model, open_model, save_model


@pytest.fixture
def path(tmp_path, model):
    save_model(model, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_an_opened_model_is_the_loaded_one(path, model):
    opened, loaded = open_model(path), load_model(path)
    assert opened.spec == loaded.spec == model.spec
    assert opened.fingerprint == loaded.fingerprint == model.fingerprint
    assert not opened.network.training
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(opened.network.state_dict()[name], tensor)


def test_what_is_no_model_file_is_refused_at_once(path, tmp_path):
    with pytest.raises(InputError, match="no such model"):
        open_model(tmp_path / "absent.safetensors")
    with pytest.raises(InputError, match="a folder"):
        open_model(tmp_path)
    content = path.read_bytes()
    for part in (b"", content[:100], content[:-1]):
        path.write_bytes(part)
        with pytest.raises(InputError, match=r"model\.safetensors: not a model file"):
            open_model(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="no description by carcinomap"):
        open_model(path)


def test_weights_of_another_kind_are_refused_when_they_are_used(path):
    spec = open_model(path).spec
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(path).items()}
    save_file(tensors, path, {"carcinomap": spec.to_json()})
    opened = open_model(path)
    with pytest.raises(InputError, match="do not fit"):
        assert opened.network
