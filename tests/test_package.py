import subprocess
import sys

import pytest

import carcinomap


def test_every_public_name_is_there():
    for name in carcinomap.__all__:
        assert getattr(carcinomap, name) is not None


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="nothing"):
        _ = carcinomap.nothing


def test_reading_a_slide_does_not_import_pytorch():
    code = "import sys, carcinomap; carcinomap.open_slide; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
