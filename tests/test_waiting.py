"""How the threads of a training wait is settled before PyTorch is loaded, and by the user first."""

import os
import subprocess
import sys

import pytest

from carcinomap.__main__ import SPINS

PROGRAM = """
import os, sys
from carcinomap.__main__ import main
assert "torch" not in sys.modules
sys.argv = ["carcinomap", "--version"]
try:
    main()
finally:
    print(os.environ.get("GOMP_SPINCOUNT"))
"""
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_spin_shortly_unless_the_user_says_otherwise(
    given: dict[str, str], expected: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(
        command, env={**environment, **given}, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split()[-1] == expected
