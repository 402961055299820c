"""What the tests of the models share."""

import pytest
import torch
from small_models import small_model

from carcinomap.model import Model


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    """Let a test make the same networks, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def model() -> Model:
    return small_model()
