"""How good a map is: class map + annotation → numbers, a table and a report.

Pixels are what is counted, once, window by window, into a confusion matrix per slide (``Truth``
says which pixels count and what is true of them, ``Confusion`` counts). All scores follow from
the matrices; the cohort's from their sum. A slide that cannot be scored is named in the result,
and a slide that did badly is in it like any other.
"""

from carcinomap.evaluation.confusion import Confusion, has_bach_classes
from carcinomap.evaluation.evaluate import evaluate_case, evaluate_cohort
from carcinomap.evaluation.report import write_report
from carcinomap.evaluation.scores import CaseScores, Scores
from carcinomap.evaluation.table import score_table
from carcinomap.evaluation.truth import Truth, TruthWindow

__all__ = [
    "CaseScores",
    "Confusion",
    "Scores",
    "Truth",
    "TruthWindow",
    "evaluate_case",
    "evaluate_cohort",
    "has_bach_classes",
    "score_table",
    "write_report",
]
