import pytest

from carcinomap.training.settings import TrainingSettings
from carcinomap.training.task import FINISH, START, WARM_UP, schedule


def test_rate_rises_then_falls():
    assert schedule(0) == pytest.approx(START)
    assert schedule(WARM_UP) == pytest.approx(1)
    assert schedule(1) == pytest.approx(FINISH)
    rising = [schedule(i / 1000) for i in range(101)]
    falling = [schedule(i / 1000) for i in range(100, 1001)]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)


def test_hard_negatives_need_background():
    with pytest.raises(ValueError, match="--hard-negatives are places that nobody outlined"):
        TrainingSettings(hard_negatives=0.5, background=0)
    TrainingSettings(hard_negatives=0.5, background=0.1)


def test_one_length():
    with pytest.raises(ValueError, match="not both"):
        TrainingSettings(steps=5, epochs=2)
