"""The report: one HTML page with numbers and pictures, that needs nothing but itself.

``page`` puts it together from the templates; what the templates cannot say of themselves is made
here: numbers as text, charts as places on paper, and crops of the slides where a map is wrong.
"""

from carcinomap.evaluation.report.page import write_report
from carcinomap.evaluation.report.text import area_text, score_text

__all__ = ["area_text", "score_text", "write_report"]
