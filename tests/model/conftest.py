"""What the tests of the models share."""

import pytest
from small_models import small_model

from carcinomap.model import Model


@pytest.fixture
def model() -> Model:
    return small_model()
