import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import small_model

from carcinomap.errors import InputError
from carcinomap.model import Model, build_network, open_runtime
from carcinomap.model.openvino_runtime import OpenVinoRuntime
from carcinomap.model.torch_runtime import TorchRuntime
from carcinomap.slide import View

CPU = torch.device("cpu")


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def batches(*shapes):
    return [(pixels(*shape, seed=seed),) for seed, shape in enumerate(shapes)]


def expected(model, images):
    """Return what the model makes of an image, written out."""
    preprocessing = model.spec.preprocessing
    mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
    normalised = (torch.from_numpy(images) / 255 - mean) / std
    with torch.no_grad():
        return model.network(normalised.permute(0, 3, 1, 2)).softmax(1).numpy()


@pytest.fixture(params=["openvino", "torch"])
def runtime(request, model):
    return OpenVinoRuntime(model, 2) if request.param == "openvino" else TorchRuntime(model, CPU)


def test_probabilities_are_those_of_the_network(runtime, model):
    images = pixels(2, 64, 96)
    (found,) = runtime.run([(images,)])
    assert found.dtype == np.float32
    assert found.shape == (2, 4, 64, 96)
    np.testing.assert_allclose(found, expected(model, images), atol=1e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert found.std() > 0.05  # not all alike


def test_results_come_in_order_and_stay_valid(runtime, model):
    given = batches((1, 64, 64), (2, 64, 64), (1, 64, 64), (1, 96, 64), (1, 64, 64))
    found = list(runtime.run(given))
    assert len(found) == len(given)
    for probabilities, (images,) in zip(found, given, strict=True):
        np.testing.assert_allclose(probabilities, expected(model, images), atol=1e-4)


def test_nothing_in_nothing_out(runtime):
    assert list(runtime.run([])) == []


def test_an_exception_in_the_iterable_arrives_and_leaves_no_threads(runtime):
    def failing():
        yield from batches((1, 64, 64), (1, 64, 64), (1, 64, 64))
        raise KeyboardInterrupt

    list(runtime.run(batches((1, 64, 64))))
    before = threading.active_count()
    seen = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(runtime.run(failing()))
    assert threading.active_count() == before
    assert len(list(runtime.run(batches((1, 64, 64))))) == 1  # and it still works


def test_the_caller_can_stop_in_the_middle(runtime):
    results = runtime.run(batches(*[(1, 64, 64)] * 5))
    next(results)
    results.close()
    assert len(list(runtime.run(batches((1, 64, 64))))) == 1


def test_only_a_bounded_number_of_batches_is_taken_ahead(runtime):
    taken = []

    def counted():
        for number, batch in enumerate(batches(*[(1, 64, 64)] * 10)):
            taken.append(number)
            yield batch

    results = runtime.run(counted())
    for number, _ in enumerate(results):
        assert len(taken) <= number + 3


@pytest.mark.parametrize(
    ("views", "message"),
    [
        ((pixels(1, 60, 64),), "64 × 64"),
        ((pixels(1, 64, 65),), "64 × 72"),
        ((pixels(1, 64, 64).astype(np.float32),), "uint8"),
        ((pixels(64, 64),), "uint8"),
        ((pixels(1, 64, 64), pixels(1, 64, 64)), "2 views"),
    ],
)
def test_a_batch_that_does_not_fit_gives_an_error(runtime, views, message):
    with pytest.raises(ValueError, match=message):
        list(runtime.run([views]))


def test_a_runtime_says_what_it_takes_and_gives(runtime, model):
    assert runtime.classes == model.spec.classes
    assert runtime.views == model.spec.views
    assert runtime.stride == 8
    assert runtime.batch_pixels == 0


def test_the_model_stays_as_it_was(model):
    model.network.train()
    list(open_runtime(model, "cpu").run(batches((1, 64, 64))))
    assert model.network.training
    assert all(weight.requires_grad for weight in model.network.parameters())


class TwoViews(torch.nn.Module):
    def forward(self, near, far):
        return torch.cat([near[:, :2], far[:, :2] * 2], dim=1)


def test_a_network_of_two_views_gets_both(model):
    spec = replace(model.spec, views=(View(1.0, 64), View(4.0, 64)))
    near, far = pixels(1, 64, 64, seed=1), pixels(1, 64, 64, seed=2)
    for runtime in (
        OpenVinoRuntime(Model(spec, TwoViews()), 1),
        TorchRuntime(Model(spec, TwoViews()), CPU),
    ):
        (found,) = runtime.run([(near, far)])
        mean, std = np.array(spec.preprocessing.mean), np.array(spec.preprocessing.std)
        a, b = (((view / 255 - mean) / std).transpose(0, 3, 1, 2) for view in (near, far))
        logits = np.concatenate([a[:, :2], b[:, :2] * 2], axis=1)
        powers = np.exp(logits)
        np.testing.assert_allclose(found, powers / powers.sum(1, keepdims=True), atol=1e-5)


@pytest.fixture(scope="module")
def default_model():

    torch.manual_seed(1)
    network = build_network()
    spec = replace(
        small_model().spec,
        architecture=network.architecture,
        kwargs=network.kwargs,
        stride=network.stride,
        preprocessing=network.preprocessing,
    )
    return Model(spec, network.module.eval())


def test_openvino_and_pytorch_agree_on_the_default_network(default_model):
    given = batches((1, 128, 256), (2, 64, 64))
    ours = list(OpenVinoRuntime(default_model, 2).run(given))
    theirs = list(TorchRuntime(default_model, CPU).run(given))
    for one, other in zip(ours, theirs, strict=True):
        assert np.abs(one - other).max() < 1e-3
        assert one.std() > 0.05


def test_bytes_do_not_depend_on_the_number_of_threads(default_model):
    # Without AVX-512, two threads that share a batch of 640 pixels order their sums unlike one.
    given = [(pixels(1, 640, 640),), (pixels(2, 192, 192),), (pixels(1, 64, 64),)]
    expected = [found.tobytes() for found in OpenVinoRuntime(default_model, 1).run(given)]
    for threads in (2, 3):
        found = OpenVinoRuntime(default_model, threads).run(given)
        assert [one.tobytes() for one in found] == expected


def test_batches_of_another_size_differ_by_rounding_alone(default_model):
    images = pixels(2, 192, 192)
    runtime = OpenVinoRuntime(default_model, 2)
    (whole,) = runtime.run([(images,)])
    single = runtime.run([(images[:1],), (images[1:],)])
    np.testing.assert_allclose(np.concatenate(list(single)), whole, atol=1e-5)


def test_threads_are_as_many_as_memory_can_hold(model, monkeypatch):
    monkeypatch.setattr("carcinomap.granted.usable_cores", lambda: 64.0)
    monkeypatch.setattr("psutil.cpu_count", lambda **_: 32)
    for free, threads in [(500e9, 32), (8e9, 8), (0.5e9, 1)]:
        monkeypatch.setattr("carcinomap.granted.usable_memory", lambda free=free: int(free))
        assert OpenVinoRuntime(model).at_once == threads


@pytest.mark.parametrize(("threads", "members", "each"), [(8, 1, 8), (8, 3, 3), (2, 5, 1)])
def test_the_models_of_an_ensemble_share_the_threads(threads, members, each):
    assert open_runtime(small_model(), "cpu", threads, members).at_once == each


def test_auto_is_openvino_without_a_gpu(model, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert isinstance(open_runtime(model), OpenVinoRuntime)
    assert isinstance(open_runtime(model, "cpu", threads=1), OpenVinoRuntime)


def test_pytorch_takes_over_where_openvino_cannot_be_imported(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "carcinomap.model.openvino_runtime", None)
    assert isinstance(open_runtime(model, "cpu"), TorchRuntime)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "", "CPU0", "cuda:1; rm"])
def test_an_unknown_device_is_refused(model, device):
    with pytest.raises(InputError, match="'cuda:1'"):
        open_runtime(model, device)


def test_a_gpu_that_is_not_there_is_refused(model, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="use 'cpu' or 'auto'"):
        open_runtime(model, "cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(InputError, match="only 1"):
        open_runtime(model, "cuda:1")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_agrees_in_order(default_model):
    given = batches(*[(2, 128, 128)] * 6)
    ours = list(open_runtime(default_model, "cuda").run(given))
    theirs = list(TorchRuntime(default_model, CPU).run(given))
    for one, other in zip(ours, theirs, strict=True):
        assert np.abs(one - other).mean() < 0.02  # half precision


def test_importing_the_room_is_light_and_openvino_keeps_quiet():
    """Slow libraries wait for their use, and OpenVINO's telemetry is never loaded."""
    script = (
        "import sys, carcinomap.model\n"
        "slow = {'torch', 'openvino', 'segmentation_models_pytorch', 'timm'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
        "from carcinomap.model import Runtime, open_runtime\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
        "import carcinomap.model.openvino_runtime\n"
        "assert 'openvino' in sys.modules\n"
        "assert not sys.modules.get('openvino_telemetry')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored
sys.path.insert(0, {tests!r})
import numpy as np, openvino
from small_models import small_model
from carcinomap.model.openvino_runtime import OpenVinoRuntime

convert, after = openvino.convert_model, []

def interrupted(*arguments, **keywords):
    signal.raise_signal(signal.SIGINT)
    after.append("converted")
    return convert(*arguments, **keywords)

openvino.convert_model = interrupted
try:
    list(OpenVinoRuntime(small_model(), 1).run([(np.zeros((1, 64, 64, 3), np.uint8),)]))
except KeyboardInterrupt:
    assert after == ["converted"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    print("interrupted after the conversion")
"""


def test_ctrl_c_waits_for_the_conversion(tmp_path):
    """In a process of its own, since a signal is for all of a process."""
    script = INTERRUPTED.format(tests=str(Path(__file__).parent))
    environment = {**os.environ, "CARCINOMAP_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, check=False, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "interrupted after the conversion\n")


def test_a_runtime_keeps_few_shapes_prepared(model):
    runtime = OpenVinoRuntime(model, 1)
    first = [values.copy() for values in runtime.run(batches((1, 64, 64)))]
    for side in (32, 96, 128):
        list(runtime.run(batches((1, side, side))))
        assert len(runtime._compiled) <= 2
    for again, before in zip(runtime.run(batches((1, 64, 64))), first, strict=True):
        np.testing.assert_array_equal(again, before)


@pytest.mark.parametrize(("told", "threads"), [("3", 3), ("", None), ("4,2", None), ("0", None)])
def test_threads_are_those_that_a_cluster_gives(monkeypatch, told, threads):
    seen = []
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    monkeypatch.setattr(
        "carcinomap.model.openvino_runtime.OpenVinoRuntime",
        lambda model, threads, members: seen.append(threads),
    )
    open_runtime(small_model(), "cpu")
    open_runtime(small_model(), "cpu", 7)
    assert seen == [threads, 7]
