"""What all tests share."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from carcinomap.demo import generate_cohort
from carcinomap.progress import set_quiet

# The suite says the same each time it runs; --hypothesis-profile=default looks for new examples.
# No test fails for being slow on a busy machine.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# What tests convert is nobody else's, and nobody else's is taken.
os.environ["CARCINOMAP_CACHE"] = tempfile.mkdtemp(prefix="carcinomap-tests-")
atexit.register(shutil.rmtree, os.environ["CARCINOMAP_CACHE"], ignore_errors=True)

pytest_plugins = ["servers"]

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _not_quiet() -> Iterator[None]:
    """Let no command that was called with ``--quiet`` silence the tests after it."""
    yield
    set_quiet(False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real slides and annotations; skip where there is none."""
    folder = Path(os.environ.get("CARCINOMAP_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "slides").is_dir():
        pytest.skip(f"no real slides in {folder} (set CARCINOMAP_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def made_slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three small generated slides of two patients; not to be written to."""
    folder = tmp_path_factory.mktemp("made") / "slides"
    generate_cohort(folder, slides=3, seed=1, size=(1280, 1280))
    return folder
