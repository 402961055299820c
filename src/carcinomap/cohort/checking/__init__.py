"""Look for whatever in a cohort would spoil a training, slide by slide and outline by outline."""

from carcinomap.cohort.checking.check import CheckReport, check_cohort
from carcinomap.cohort.checking.slides import read_every_level

__all__ = ["CheckReport", "check_cohort", "read_every_level"]
