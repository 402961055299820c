"""Files wherever they are: on disk, on S3-compatible storage, behind HTTP.

This room knows nothing of slides. A file is a ``Path``, or a ``UPath`` where it is elsewhere;
its bytes can be read piece by piece, and what needs a real file gets a local copy.
"""
