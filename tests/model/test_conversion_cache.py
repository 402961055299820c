import os

import numpy as np
import pytest
from small_models import small_model

from carcinomap.errors import CarcinomapError
from carcinomap.model import conversion_cache
from carcinomap.model.conversion_cache import NAMES, cached_conversion, networks_folder
from carcinomap.model.openvino_runtime import OpenVinoRuntime

SHAPES = ((1, 64, 64, 3),)


@pytest.fixture(autouse=True)
def calls(tmp_path, monkeypatch):
    """Use a cache of its own; return what is converted, in place of a conversion."""
    monkeypatch.setenv("CARCINOMAP_CACHE", str(tmp_path / "cache"))
    asked = []

    def converted(model, shapes):
        asked.append((model.fingerprint, shapes))
        return b"description", f"weights {len(asked)}".encode()

    monkeypatch.setattr(conversion_cache, "converted", converted)
    return asked


def test_a_network_is_converted_once_for_each_shape(model, calls):
    assert cached_conversion(model, SHAPES) == (b"description", b"weights 1")
    assert cached_conversion(model, SHAPES) == (b"description", b"weights 1")
    assert cached_conversion(model, ((2, 64, 64, 3),)) == (b"description", b"weights 2")
    assert len(calls) == 2


def test_other_weights_and_other_libraries_are_other_networks(model, calls, monkeypatch):
    cached_conversion(model, SHAPES)
    other = small_model()
    with_other_weights = type(other)(other.spec, other.network)
    next(iter(with_other_weights.network.parameters())).data += 1
    cached_conversion(with_other_weights, SHAPES)
    monkeypatch.setattr(conversion_cache, "version", lambda name: "later")
    cached_conversion(model, SHAPES)
    assert len(calls) == 3


def test_half_a_network_in_the_cache_is_converted_again(model, calls):
    cached_conversion(model, SHAPES)
    (place,) = networks_folder().iterdir()
    (place / NAMES[1]).unlink()
    assert cached_conversion(model, SHAPES)[1] == b"weights 2"


def test_without_a_cache_networks_are_converted_each_time(model, calls, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CARCINOMAP_CACHE", str(tmp_path / "file"))
    for number in (1, 2):
        assert cached_conversion(model, SHAPES)[1] == f"weights {number}".encode()


def test_the_oldest_make_room(model, calls, monkeypatch):
    monkeypatch.setattr(conversion_cache, "KEPT", 3)
    for size in range(1, 6):
        cached_conversion(model, ((size, 64, 64, 3),))
        for age, place in enumerate(sorted(networks_folder().iterdir())):
            assert place.is_dir(), age
        newest = max(networks_folder().iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (size, size))
    assert len(list(networks_folder().iterdir())) == 3
    cached_conversion(model, ((5, 64, 64, 3),))
    assert len(calls) == 5


def test_what_failed_is_not_kept(model, monkeypatch):
    def fails(*_):
        raise CarcinomapError("no")

    monkeypatch.setattr(conversion_cache, "converted", fails)
    with pytest.raises(CarcinomapError):
        cached_conversion(model, SHAPES)
    assert not networks_folder().exists()


def test_a_runtime_takes_what_is_in_the_cache(model, monkeypatch):
    monkeypatch.undo()
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    (first,) = OpenVinoRuntime(model, 1).run([(pixels,)])
    monkeypatch.setattr(conversion_cache, "converted", None)  # cannot be called
    (again,) = OpenVinoRuntime(model, 1).run([(pixels,)])
    np.testing.assert_array_equal(first, again)
