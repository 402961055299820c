"""What the tests of training share."""

from pathlib import Path

import pytest

from carcinomap.cohort import Cohort, read_cohort


@pytest.fixture(scope="session")
def cohort(made_slides: Path) -> Cohort:
    return read_cohort(made_slides)
