"""One thin command per capability; no logic.

A command turns words into a settings object, calls the room that does the work, and shows what
came of it.
"""
