import hashlib
import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_models import DESCRIPTION, WEIGHTS, convolution, onnx_bytes, value, write_onnx
from typer.testing import CliRunner

from carcinomap.cli.main import app
from carcinomap.errors import InputError
from carcinomap.model import load_model, open_model, open_runtime, save_model
from carcinomap.slide import View


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def run(path, *views):
    (found,) = open_runtime(open_model(path), "cpu", 1).run([views])
    return found


def scores(images, mean=DESCRIPTION["mean"], std=DESCRIPTION["std"], bgr=False):
    """Return what the network makes of images, written out."""
    normalised = (images / 255 - np.array(mean)) / np.array(std)
    return np.einsum(
        "nhwc,kc->nkhw", normalised[..., ::-1] if bgr else normalised, WEIGHTS[..., 0, 0]
    )


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def refused(path, message):
    with pytest.raises(InputError, match=message) as caught:
        open_model(path)
    assert str(path.with_suffix("")) in str(caught.value)


def test_a_network_of_another_lab_says_what_it_is(tmp_path):
    for model in (open_model(write_onnx(tmp_path)), load_model(tmp_path / "net.onnx")):
        assert model.spec.architecture == "onnx"
        assert model.spec.classes.names == ("stroma", "tumour")
        assert model.spec.classes.index("cancer") == 1
        assert model.spec.views == (View(0.5, 1024),)
        assert model.spec.stride == 8
        assert model.spec.preprocessing.std == (0.2, 0.3, 0.4)


def test_inspect_prints_it_like_a_model_file(tmp_path):
    path = write_onnx(tmp_path)
    said = CliRunner().invoke(app, ["inspect", str(path), "--json"])
    assert said.exit_code == 0
    card = json.loads(said.stdout)
    assert card["file"] == str(path)
    assert card["architecture"] == "onnx"
    assert card["views"] == [{"mpp": 0.5, "size": 1024}]
    path.with_suffix(".yaml").unlink()
    refusal = CliRunner().invoke(app, ["inspect", str(path)])
    assert refusal.exit_code == 2
    assert "missing" in refusal.output


@pytest.mark.parametrize("channels", ["rgb", "bgr", None])
@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_pixels_become_probabilities(tmp_path, channels, output):
    path = write_onnx(tmp_path, channels=channels, output=output)
    images = pixels(2, 16, 24)
    found = run(path, images)
    assert found.dtype == np.float32
    expected = scores(images, bgr=channels == "bgr")
    if output == "logits":
        expected = softmax(expected)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_several_views_are_several_inputs_in_order(tmp_path):
    near = [0.5, 0.5, 0.5]
    views = [{"mpp": 0.5, "size": 64}, {"mpp": 2, "size": 32}]
    nodes = [
        helper.make_node("Resize", ["wide", "", "scales"], ["large"], mode="nearest"),
        helper.make_node("Concat", ["fine", "large"], ["both"], axis=1),
        helper.make_node("Slice", ["both", "first", "last", "axis"], ["scores"]),
    ]
    tensors = [
        helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 2, 2]),
        helper.make_tensor("first", TensorProto.INT64, [1], [2]),
        helper.make_tensor("last", TensorProto.INT64, [1], [4]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
    ]
    inputs = [value("fine", ("n", 3, "a", "b")), value("wide", ("n", 3, "c", "d"))]
    content = onnx_bytes(nodes, inputs, [value("scores", ("n", 2, "a", "b"))], tensors)
    path = write_onnx(
        tmp_path, content, mpp=None, views=views, output="probabilities", mean=near, std=near
    )
    assert open_model(path).spec.views == (View(0.5, 64), View(2.0, 32))
    fine, wide = pixels(1, 16, 16, seed=1), pixels(1, 8, 8, seed=2)
    found = run(path, fine, wide)
    large = wide.repeat(2, axis=1).repeat(2, axis=2)
    expected = np.stack([fine[..., 2], large[..., 0]], axis=1) / 127.5 - 1  # blue, and red
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_network_of_half_precision_is_computed_in_full(tmp_path):
    nodes = [helper.make_node("Slice", ["pixels", "first", "last", "axis"], ["scores"])]
    tensors = [
        helper.make_tensor("first", TensorProto.INT64, [1], [0]),
        helper.make_tensor("last", TensorProto.INT64, [1], [2]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
    ]
    half = TensorProto.FLOAT16
    inputs = [value("pixels", ("n", 3, "a", "b"), half)]
    content = onnx_bytes(nodes, inputs, [value("scores", ("n", 2, "a", "b"), half)], tensors)
    images = pixels(1, 8, 8)
    found = run(write_onnx(tmp_path, content), images)
    normalised = (images / 255 - np.array(DESCRIPTION["mean"])) / np.array(DESCRIPTION["std"])
    expected = softmax(normalised[..., :2].transpose(0, 3, 1, 2))
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_network_of_one_size_has_views_of_it_and_asks_for_tiles_of_it(tmp_path):
    path = write_onnx(tmp_path, convolution((1, 3, 32, 32)))
    assert open_model(path).spec.views == (View(0.5, 32),)
    images = pixels(1, 32, 32)
    np.testing.assert_allclose(run(path, images), softmax(scores(images)), atol=1e-5)
    with pytest.raises(InputError, match=r"32 × 32 pixels alone, not 48 × 40; use --tile 32"):
        run(path, pixels(1, 40, 48))
    with pytest.raises(InputError, match=r"1 tiles at a time, not 2; use --batch 1"):
        run(path, pixels(2, 32, 32))


def test_scores_of_another_size_are_refused(tmp_path):
    nodes = [helper.make_node("Conv", ["pixels", "weights"], ["scores"], strides=[2, 2])]
    tensor = helper.make_tensor("weights", TensorProto.FLOAT, WEIGHTS.shape, WEIGHTS.ravel())
    inputs = [value("pixels", ("n", 3, "a", "b"))]
    content = onnx_bytes(nodes, inputs, [value("scores", ("n", 2, "c", "d"))], [tensor])
    with pytest.raises(InputError, match=r"enlarged to the size of its input: \(1, 2, 64, 64\)"):
        run(write_onnx(tmp_path, content), pixels(1, 64, 64))


def test_a_size_that_the_network_cannot_take_is_refused(tmp_path):
    nodes = [helper.make_node("Add", ["pixels", "other"], ["both"])]
    nodes.append(helper.make_node("Conv", ["both", "weights"], ["scores"]))
    tensors = [
        helper.make_tensor("weights", TensorProto.FLOAT, WEIGHTS.shape, WEIGHTS.ravel()),
        helper.make_tensor("other", TensorProto.FLOAT, [1, 3, 32, 32], np.zeros(3 * 32 * 32)),
    ]
    inputs = [value("pixels", ("n", 3, "a", "b"))]
    content = onnx_bytes(nodes, inputs, [value("scores", ("n", 2, "a", "b"))], tensors)
    path = write_onnx(tmp_path, content)
    assert run(path, pixels(1, 32, 32)).shape == (1, 2, 32, 32)
    with pytest.raises(InputError, match=r"64 × 64 pixels .* try another --tile"):
        run(path, pixels(1, 64, 64))


def test_only_the_cpu_runs_it(tmp_path):
    model = open_model(write_onnx(tmp_path))
    with pytest.raises(InputError, match=r"net\.onnx is an ONNX network.*'cpu' or 'auto'"):
        open_runtime(model, "cuda")
    with pytest.raises(InputError, match="--device cpu"):
        save_model(model, tmp_path / "model.safetensors")
    assert len(list(open_runtime(model, "auto").run([(pixels(1, 8, 8),)]))) == 1


def test_the_fingerprint_is_that_of_what_it_does(tmp_path):
    first = open_model(write_onnx(tmp_path)).fingerprint
    assert len(first) == len(hashlib.sha256().hexdigest())
    assert open_model(write_onnx(tmp_path, name="twin")).fingerprint == first
    others = [
        write_onnx(tmp_path, name="mpp", mpp=0.25),
        write_onnx(tmp_path, name="bgr", channels="bgr"),
        write_onnx(tmp_path, convolution(weights=WEIGHTS * 2), name="weights"),
    ]
    assert len({first, *(open_model(path).fingerprint for path in others)}) == 4


def test_a_missing_description_is_an_error_that_says_what_it_is_for(tmp_path):
    path = write_onnx(tmp_path)
    path.with_suffix(".yaml").unlink()
    refused(path, r"net\.yaml: missing; it has to describe net\.onnx")
    with pytest.raises(InputError, match="no such model"):
        open_model(tmp_path / "absent.onnx")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"magnification": 20}, r"line \d+: unknown key 'magnification'"),
        ({"std": None}, "'std' is missing"),
        ({"classes": [*DESCRIPTION["classes"], {"name": "fat", "color": "#ffffff"}]}, "3 classes"),
        ({"classes": [{"name": "a", "color": "red"}] * 2}, "no colour"),
        ({"mpp": None}, "either mpp or views"),
        ({"views": [{"mpp": 1}]}, "either mpp or views"),
        ({"mpp": 0}, "greater than 0"),
        ({"mpp": "nan"}, "mpp: .*finite"),
        ({"mpp": None, "views": []}, "at least 1 item"),
        ({"mpp": None, "views": [{"mpp": 1}, {"mpp": 2}]}, "1 inputs, .* 2 views"),
        ({"mpp": None, "views": [{"mpp": 1, "width": 2}]}, r"views\.0\.width"),
        ({"mpp": None, "views": [{"mpp": 1, "size": 4097}]}, r"views\.0\.size: .*equal to 4096"),
        ({"mean": [0.5, 0.5]}, r"mean\.2: Field required"),
        ({"mean": [0.5, "grey", 0.5]}, r"mean\.1: .*valid number"),
        ({"std": [1, 0, 1]}, r"std\.1: .*greater than 0"),
        ({"stride": 0}, "stride"),
        ({"output": "sigmoid"}, "'logits' or 'probabilities'"),
        ({"channels": "hsv"}, "'rgb' or 'bgr'"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(tmp_path, changes, message):
    refused(write_onnx(tmp_path, **changes), message)


@pytest.mark.parametrize(
    ("shape", "changes", "message"),
    [
        ((1, 3, 30, 30), {}, "stride of 8"),
        ((1, 3, 32, 64), {}, "tiles are square"),
        ((1, 3, 4104, 4104), {}, "4096 at most"),
        ((1, 3, 32, 32), {"mpp": None, "views": [{"mpp": 1, "size": 64}]}, "views of 64"),
    ],
)
def test_a_size_that_does_not_go_with_the_description_is_refused(tmp_path, shape, changes, message):
    refused(write_onnx(tmp_path, convolution(shape), **changes), message)


def test_other_kinds_of_graph_are_refused(tmp_path):
    def identity(shape):
        nodes = [helper.make_node("Identity", ["pixels"], ["scores"])]
        return onnx_bytes(nodes, [value("pixels", shape)], [value("scores", shape)])

    refused(write_onnx(tmp_path, identity((1, 64, 64, 3))), "expected")
    refused(write_onnx(tmp_path, identity((1, 2, 64, 64))), r"takes .* \(n, 3, height, width\)")
    refused(write_onnx(tmp_path, identity((1, 3))), "expected")
    two = onnx_bytes(
        [helper.make_node("Identity", ["pixels"], [name]) for name in "ab"],
        [value("pixels", (1, 3, 8, 8))],
        [value(name, (1, 3, 8, 8)) for name in "ab"],
    )
    refused(write_onnx(tmp_path, two), "2 outputs")
    unknown = onnx_bytes(
        [helper.make_node("Magic", ["pixels"], ["scores"], domain="our.lab")],
        [value("pixels", (1, 3, 8, 8))],
        [value("scores", (1, 2, 8, 8))],
    )
    refused(write_onnx(tmp_path, unknown), "Magic")


@pytest.mark.parametrize(
    "content", [b"", b"a text", b"\x08\xff" * 50, b'<?xml version="1.0"?><net name="a"></net>']
)
def test_what_is_no_onnx_file_is_refused(tmp_path, content):
    refused(write_onnx(tmp_path, content), "not an ONNX network|0 inputs")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_used_but_never_more(tmp_path, data):
    content = bytearray(convolution())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
    path = write_onnx(tmp_path, bytes(content[: data.draw(st.integers(1, len(content)))]))
    with suppress(InputError):
        assert len(open_model(path).spec.classes) == 2


def stored_outside(location):
    """Return a network whose weights are in another file."""
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=WEIGHTS.shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, entry in (("location", location), ("length", str(WEIGHTS.nbytes))):
        tensor.external_data.add(key=key, value=entry)
    return convolution(weights=tensor)


def test_weights_may_be_in_another_file_of_the_folder(tmp_path):
    (tmp_path / "net.onnx.data").write_bytes(WEIGHTS.tobytes())
    path = write_onnx(tmp_path, stored_outside("net.onnx.data"))
    images = pixels(1, 8, 8)
    np.testing.assert_allclose(run(path, images), softmax(scores(images)), atol=1e-5)
    first = open_model(path).fingerprint
    (tmp_path / "net.onnx.data").write_bytes((2 * WEIGHTS).tobytes())
    assert open_model(path).fingerprint != first


def test_weights_that_are_missing_are_an_error(tmp_path):
    refused(write_onnx(tmp_path, stored_outside("net.onnx.data")), r"net\.onnx\.data")


@pytest.mark.parametrize("location", ["../secret.bin", "in/../../secret.bin", "{absolute}", "link"])
def test_weights_outside_of_the_folder_are_never_read(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(WEIGHTS.tobytes())
    folder = tmp_path / "models"
    (folder / "in").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "secret.bin")
    location = location.format(absolute=tmp_path / "secret.bin")
    refused(write_onnx(folder, stored_outside(location)), "outside")
