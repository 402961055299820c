import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError
from carcinomap.model import Model, ModelSpec, build_network, load_model, save_model
from carcinomap.model.context_unet import ContextUnet, centre
from carcinomap.model.networks import rebuild_network
from carcinomap.model.openvino_runtime import OpenVinoRuntime
from carcinomap.model.torch_runtime import TorchRuntime


def built(context=4, encoder="resnet18", classes=3):
    torch.manual_seed(2)
    return build_network("context-unet", encoder, classes, pretrained=False, context=context)


@pytest.fixture(scope="module")
def model():
    network = built(encoder="tu-test_efficientnet", classes=4)
    spec = ModelSpec(
        architecture=network.architecture,
        kwargs=network.kwargs,
        classes=ClassScheme.default(),
        views=network.views(1.0, 256),
        stride=network.stride,
        preprocessing=network.preprocessing,
    )
    return Model(spec, network.module.eval())


def images(n, side, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def test_it_says_what_it_sees():
    network = built(context=4)
    assert [(view.mpp, view.size) for view in network.views(0.5, 256)] == [(0.5, 256), (2.0, 256)]
    assert network.stride == 128
    assert network.kwargs == {"encoder": "resnet18", "context": 4.0}
    plain = build_network("unet", "resnet18", 3, pretrained=False)
    assert [(view.mpp, view.size) for view in plain.views(0.5, 256)] == [(0.5, 256)]


@pytest.mark.parametrize("context", [0.0, 1.0, 2.5, 9.0, float("nan"), float("inf")])
def test_a_context_that_cannot_be_is_refused(context):
    with pytest.raises(InputError, match="2 to 8"):
        rebuild_network("context-unet", {"encoder": "resnet18", "context": context}, 3)


@pytest.mark.parametrize(("context", "stages"), [(2, 2), (4, 3), (8, 4)])
def test_the_wide_stages_that_join_are_no_finer_than_the_join(context, stages):
    network = built(context)
    assert network.module.join[0].in_channels == sum((64, 64, 128, 256, 512)[-stages:])


@pytest.mark.parametrize("encoder", ["mit_b0", "tu-mobilenetv3_small_050", "efficientnet-lite0"])
@pytest.mark.parametrize("context", [2, 8])
def test_encoders_of_other_kinds_give_logits_at_full_size(encoder, context):
    network = built(context, encoder).module.eval()
    with torch.no_grad():
        logits = network(torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96))
    assert logits.shape == (1, 3, 64, 96)


def test_both_branches_start_from_imagenet_and_every_weight_learns():
    network = build_network("context-unet", classes=3).module
    near, far = network.unet.encoder.state_dict(), network.wide.state_dict()
    assert all(torch.equal(near[name], far[name]) for name in far)
    assert network.unet.encoder is not network.wide
    network(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)).square().mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def places(length, pixel):
    """Return where the centres of a row of pixels lie, from the middle of the row."""
    return (np.arange(length) + 0.5 - length / 2) * pixel


@settings(max_examples=60)
@given(
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    finer=st.integers(1, 8),
    odd=st.integers(0, 3),
)
def test_the_centre_is_where_it_was(height, width, finer, odd):
    """A map whose values are its places still has them, whatever the grid."""
    rows, columns = (side + 2 + odd for side in (height, width))  # more than is asked for
    features = torch.zeros(1, 2, rows, columns)
    features[0, 0] = torch.from_numpy(places(rows, 1.0))[:, None]
    features[0, 1] = torch.from_numpy(places(columns, 1.0))
    found = centre(features, height, width, 1 / finer)[0].numpy()
    assert found.shape == (2, height, width)
    np.testing.assert_allclose(
        found[0], places(height, 1 / finer)[:, None] + 0 * found[0], atol=1e-4
    )
    np.testing.assert_allclose(found[1], places(width, 1 / finer) + 0 * found[1], atol=1e-4)


def test_beyond_its_edge_a_map_goes_on_as_it_ends():
    features = torch.tensor([[[[1.0, 3.0]]]])
    assert centre(features, 1, 8, 0.5).flatten().tolist() == [1, 1, 1, 1.5, 2.5, 3, 3, 3]


class Pooled(torch.nn.Module):
    """An encoder whose stages are the image at half, a quarter … of its resolution."""

    out_channels = (3, 3, 3, 3, 3, 3)

    def forward(self, image):
        return [torch.nn.functional.avg_pool2d(image, 2**i) for i in range(6)]


class Silent(torch.nn.Module):
    """A U-Net that shows its deepest features."""

    def __init__(self):
        super().__init__()
        self.encoder = Pooled()
        self.segmentation_head = torch.nn.Identity()

    def decoder(self, features):
        return features[-1]


def averaging(context):
    """Return a network that shows the mean of the wide stages, at the place of the join."""
    network = ContextUnet(Silent(), Pooled(), context).eval()
    weight = network.join[0].weight.data.zero_()
    weight[0, :, 1, 1] = 1 / weight.shape[1]
    return lambda wide: network(torch.zeros_like(wide), wide)[0, 0].detach().numpy()


@pytest.mark.parametrize("context", [2, 4, 8])
@pytest.mark.parametrize("side", [256, 288, 512])
def test_what_the_wide_view_saw_joins_where_it_was(context, side):
    """A wide view of its own places, in pixels of the fine view, has the right ones at the join."""
    there = torch.from_numpy(places(side, context)).float()
    fine = places(side // 32, 32)
    columns = averaging(context)(there.expand(1, 3, side, side))
    rows = averaging(context)(there[:, None].expand(1, 3, side, side))
    np.testing.assert_allclose(columns, np.broadcast_to(fine, columns.shape), atol=0.01)
    np.testing.assert_allclose(rows, np.broadcast_to(fine[:, None], rows.shape), atol=0.01)


@pytest.mark.parametrize("context", [2, 4, 8])
def test_a_spot_of_the_wide_view_counts_at_its_place_alone(context):
    side = 512
    for x, y in ((16, 16), (240, 272), (300, 495)):  # in pixels of the fine view
        wide = torch.zeros(1, 3, side, side)
        column, row = ((place - side // 2) // context + side // 2 for place in (x, y))
        wide[..., row, column] = 1
        seen = averaging(context)(wide)
        assert np.unravel_index(seen.argmax(), seen.shape) == (y // 32, x // 32)
        rows, columns = np.nonzero(seen)
        # The coarsest wide stage has pixels of context × 32, and interpolates between two.
        assert np.abs((columns + 0.5) * 32 - x).max() <= 1.5 * context * 32
        assert np.abs((rows + 0.5) * 32 - y).max() <= 1.5 * context * 32


def test_a_step_of_the_stride_shows_the_same():
    """Two tiles a stride apart see the same wide tissue on the same grid."""
    network = ContextUnet(Silent(), Pooled(), 4).eval()
    tissue = torch.rand(1, 3, 288, 288, generator=torch.Generator().manual_seed(0))
    fine = torch.zeros(1, 3, 256, 256)
    with torch.no_grad():
        here = network(fine, tissue[..., :256, :256])
        there = network(fine, tissue[..., 32:, 32:])  # 128 fine pixels on
    torch.testing.assert_close(here[..., 5:7, 5:7], there[..., 1:3, 1:3])
    assert here.std() > 0


def test_a_model_file_brings_it_back(model, tmp_path):
    save_model(model, tmp_path / "one.safetensors")
    again = load_model(tmp_path / "one.safetensors")
    assert again.spec == model.spec
    save_model(again, tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (
        tmp_path / "two.safetensors"
    ).read_bytes()


def test_openvino_and_pytorch_agree(model):
    fine = images(1, 128, 1)
    given = [(fine, images(1, 128, 2)), (fine, images(1, 128, 3))]
    ours = list(OpenVinoRuntime(model, 1).run(given))
    theirs = list(TorchRuntime(model, torch.device("cpu")).run(given))
    for one, two in zip(ours, theirs, strict=True):
        assert np.abs(one - two).max() < 1e-3
    assert np.abs(ours[0] - ours[1]).max() > 1e-3  # the wide view has its say


def test_it_can_be_exported(model):
    example = (torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128))
    exported = torch.export.export(model.network, example).module()
    with torch.no_grad():
        expected = model.network(*example)
        torch.testing.assert_close(exported(*example), expected, rtol=1e-4, atol=1e-4)
