"""What this machine has of what carcinomap can use, what is missing, and how to get it.

Each probe runs in a process of its own: a library that is broken may take its process along, and
that has to become a line of the report, not the end of it. So nothing in this room but the probes
themselves imports more than the standard library.
"""

from carcinomap.doctor.examine import SECTIONS, Report, examine
from carcinomap.doctor.line import Check, Line, State

__all__ = ["SECTIONS", "Check", "Line", "Report", "State", "examine"]
