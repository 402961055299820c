"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real slides and annotations; skip where there is none."""
    folder = Path(os.environ.get("CARCINOMAP_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "slides").is_dir():
        pytest.skip(f"no real slides in {folder} (set CARCINOMAP_TEST_DATA)")
    return folder
