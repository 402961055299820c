"""How good a map is: map + annotation → numbers, intervals and a report.

What can be counted of a slide is counted once, window by window: pixels by true and mapped class,
boundary points by their distance, regions, probabilities. Counts of slides add up, and every score
follows from counts alone: a cohort's from their sum, an interval from the sums of patients drawn
with replacement. A slide that cannot be scored is named in the result, and a slide that did badly
is in it like any other. A second reader's annotations are compared as a map is.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from carcinomap.evaluation.settings import EvaluationSettings

if TYPE_CHECKING:
    from carcinomap.evaluation.comparison import Comparison, compare
    from carcinomap.evaluation.confusion import Confusion, has_bach_classes
    from carcinomap.evaluation.counts import Counts
    from carcinomap.evaluation.evaluate import evaluate_case, evaluate_cohort
    from carcinomap.evaluation.intervals import Intervals, patient_intervals
    from carcinomap.evaluation.report import write_report
    from carcinomap.evaluation.scores import CaseScores, Scores
    from carcinomap.evaluation.table import score_table
    from carcinomap.evaluation.truth import Truth, TruthWindow

_HOMES = {
    "CaseScores": "scores",
    "Comparison": "comparison",
    "Confusion": "confusion",
    "Counts": "counts",
    "Intervals": "intervals",
    "Scores": "scores",
    "Truth": "truth",
    "TruthWindow": "truth",
    "compare": "comparison",
    "evaluate_case": "evaluate",
    "evaluate_cohort": "evaluate",
    "has_bach_classes": "confusion",
    "patient_intervals": "intervals",
    "score_table": "table",
    "write_report": "report",
}

__all__ = [
    "CaseScores",
    "Comparison",
    "Confusion",
    "Counts",
    "EvaluationSettings",
    "Intervals",
    "Scores",
    "Truth",
    "TruthWindow",
    "compare",
    "evaluate_case",
    "evaluate_cohort",
    "has_bach_classes",
    "patient_intervals",
    "score_table",
    "write_report",
]


def __getattr__(name: str) -> Any:
    # The settings alone make the command line, which need not wait for the rest.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
