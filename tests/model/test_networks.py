import pytest
import segmentation_models_pytorch as smp
import torch
from huggingface_hub import constants, errors

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.model import architectures, build_network, encoders
from carcinomap.model.networks import rebuild_network

LIBRARY = [name for name in architectures() if name not in ("atrous-resnet", "context-unet", "dpt")]


@pytest.mark.parametrize("architecture", LIBRARY)
def test_every_architecture_of_the_library_gives_logits_at_full_size(architecture):
    network = build_network(architecture, "resnet18", 3, pretrained=False)
    module = network.module.eval()
    with torch.no_grad():
        logits = module(torch.rand(1, 3, 128, 160))
    assert logits.shape == (1, 3, 128, 160)
    assert network.architecture == architecture
    assert network.kwargs == {"encoder": "resnet18"}
    assert network.stride == {"pspnet": 8, "deeplabv3": 8, "deeplabv3plus": 16, "pan": 16}.get(
        architecture, 32
    )


@pytest.mark.parametrize("encoder", ["mit_b0", "tu-mobilenetv3_small_050", "efficientnet-lite0"])
def test_encoders_of_other_kinds_give_logits_at_full_size(encoder):
    network = build_network("unet", encoder, 5, pretrained=False)
    module = network.module.eval()
    with torch.no_grad():
        assert module(torch.rand(1, 3, 64, 64)).shape == (1, 5, 64, 64)
    assert network.stride == 32


def test_the_default_is_first_and_wants_pixels_from_minus_one_to_one():
    network = build_network(pretrained=False)
    assert network.architecture == architectures()[0] == "unet"
    assert network.kwargs == {"encoder": encoders()[0]}
    assert network.preprocessing.mean == network.preprocessing.std == (0.5, 0.5, 0.5)


def test_names_are_found_in_any_case():
    network = build_network("UNet", "ResNet18", 2, pretrained=False)
    assert (network.architecture, network.kwargs) == ("unet", {"encoder": "resnet18"})
    assert build_network("Atrous-ResNet", width=1 / 16).architecture == "atrous-resnet"


@pytest.mark.parametrize(
    ("architecture", "encoder", "hint"),
    [
        ("unett", "resnet18", "unet"),
        ("atrous", "resnet18", "atrous-resnet"),
        ("unet", "resnet19", "resnet18"),
        ("unet", "efficientnet-light0", "efficientnet-lite0"),
        ("unet", "tu-resnet19", "tu-resnet18"),
        ("unet", "", "efficientnet-lite0"),
    ],
)
def test_an_unknown_name_gives_an_error_with_near_names(architecture, encoder, hint):
    with pytest.raises(InputError, match=hint):
        build_network(architecture, encoder, 4, pretrained=False)


def test_an_encoder_that_does_not_fit_the_architecture_gives_an_error():
    with pytest.raises(InputError, match="resnet18 does not go with architecture dpt"):
        build_network("dpt", "resnet18", 4, pretrained=False)


@pytest.mark.parametrize("encoder", ["efficientnet-lite0", "tu-test_vit", "tu-test_convnext"])
def test_weights_that_do_not_fit_an_architecture_are_told_before_any_are_fetched(
    encoder, monkeypatch
):
    monkeypatch.setattr("carcinomap.model.encoder._hub", pytest.fail)
    with pytest.raises(InputError, match=rf"{encoder} do not fit this arch.*\(--no-pretrained\)"):
        build_network("dpt", encoder, 4)
    build_network("dpt", encoder, 4, pretrained=False)


@pytest.mark.parametrize("encoder", ["resnet18", "tu-resnet18"])
def test_weights_that_cannot_be_fetched_give_an_error_at_once(encoder, monkeypatch, tmp_path):
    """An unreachable hub and the real client, which must not be let to try for minutes."""
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CarcinomapError, match=r"could not be fetched.*--no-pretrained") as caught:
        build_network("unet", encoder, 4)
    reasons, error = [], caught.value
    while error is not None:
        reasons.append(type(error))
        error = error.__cause__ or error.__context__
    assert errors.OfflineModeIsEnabled in reasons  # it looked into its cache alone
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize("name", ["resnet18", "mit_b0", "tu-resnet18"])
def test_weights_and_preprocessing_from_the_hub_are_used(name, monkeypatch):
    """A hub in place of the real one: its weights are random, but known."""
    build = smp.encoders.get_encoder
    on_the_hub = build(name, weights=None)
    asked = []

    def fetch(name, weights, **kwargs):
        asked.append(weights)
        return on_the_hub if weights else build(name, weights=weights, **kwargs)

    described = {"mean": [102, 127.5, 153], "std": [51, 51, 51], "input_range": [0, 255]}
    monkeypatch.setattr("carcinomap.model.encoder._hub_answers", lambda: True)
    monkeypatch.setattr(smp.encoders, "get_encoder", fetch)
    monkeypatch.setattr(smp.encoders, "get_preprocessing_params", lambda *_: described)
    network = build_network("unet", name, 4)
    found = network.module.encoder.state_dict()
    for tensor, expected in on_the_hub.state_dict().items():
        assert torch.equal(found[tensor], expected)
    assert asked[-1] == (True if name.startswith("tu-") else "imagenet")
    assert network.preprocessing.mean == pytest.approx((0.4, 0.5, 0.6))
    assert network.preprocessing.std == pytest.approx((0.2, 0.2, 0.2))


def test_a_network_is_built_again_from_its_kwargs():
    for network in (
        build_network("unet", "resnet18", 3, pretrained=False),
        build_network("atrous-resnet", classes=3, width=1 / 8),
        build_network("context-unet", "resnet18", 3, pretrained=False, context=2),
        build_network("unet", "resnet18", 3, pretrained=False, decoder_width=1 / 2),
        build_network("context-unet", "resnet18", 3, pretrained=False, decoder_width=1 / 4),
        build_network("context-unet", "resnet18", 3, pretrained=False, output_stride=2),
    ):
        again = rebuild_network(network.architecture, network.kwargs, 3)
        assert str(again.module) == str(network.module)
        assert again.stride == network.stride
        assert again.scales == network.scales


@pytest.mark.parametrize("architecture", ["unet", "context-unet"])
def test_a_decoder_of_other_width(architecture):
    whole = build_network(architecture, "resnet18", 3, pretrained=False)
    half = build_network(architecture, "resnet18", 3, pretrained=False, decoder_width=0.5)
    assert half.kwargs == {**whole.kwargs, "decoder_width": 0.5}
    parts = [
        sum(tensor.numel() for name, tensor in one.module.named_parameters() if "decoder" in name)
        for one in (whole, half)
    ]
    assert 2 < parts[0] / parts[1] < 4  # what the encoder hands over stays as wide
    views = [torch.rand(1, 3, half.stride, half.stride) for _ in half.scales]
    assert half.module.eval()(*views).shape == (1, 3, half.stride, half.stride)


@pytest.mark.parametrize(
    ("architecture", "kwargs"),
    [
        ("unet", {}),
        ("unet", {"encoder": "resnet18", "activation": "sigmoid"}),
        ("unet", {"encoder": 3}),
        ("unet", {"width": 1.0}),
        ("unet", {"encoder": "resnet18", "context": 4.0}),
        ("context-unet", {"encoder": "resnet18"}),
        ("context-unet", {"encoder": "resnet18", "context": "4"}),
        ("unet", {"encoder": "resnet18", "decoder_width": 1}),
        ("unet", {"encoder": "resnet18", "decoder_width": 1e9}),
        ("context-unet", {"encoder": "resnet18", "context": 4.0, "decoder_width": float("nan")}),
        ("fpn", {"encoder": "resnet18", "decoder_width": 0.5}),
        ("unet", {"encoder": "resnet18", "output_stride": 2}),
        ("unet", {"encoder": "resnet18", "output_stride": 3.0}),
        ("unet", {"encoder": "resnet18", "output_stride": float("nan")}),
        ("fpn", {"encoder": "resnet18", "output_stride": 2.0}),
        ("atrous-resnet", {"encoder": "resnet18"}),
        ("atrous-resnet", {"width": "1"}),
        ("atrous-resnet", {"width": 1e9}),
        ("atrous-resnet", {"width": float("nan")}),
        ("os.system", {"encoder": "resnet18"}),
    ],
)
def test_other_kwargs_are_refused(architecture, kwargs):
    with pytest.raises(InputError):
        rebuild_network(architecture, kwargs, 4)
