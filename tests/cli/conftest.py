"""What the tests of the commands share."""

from pathlib import Path

import pytest
from as_typed import TINY, call


@pytest.fixture(scope="session")
def models(made_slides: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two models of the generated slides that differ in their seed."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in ("0", "1"):
        result = call("train", made_slides, "--output", folder / seed, "--seed", seed, *TINY)
        assert result.exit_code == 0, result.output
        assert "best validation mean IoU" in result.stdout
    return [folder / seed / "model.safetensors" for seed in ("0", "1")]
