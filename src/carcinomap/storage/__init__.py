"""Files wherever they are: on disk, on S3-compatible storage, behind HTTP.

This room knows nothing of slides. A file is a ``Path``, or a ``UPath`` where it is elsewhere;
its bytes can be read piece by piece, and what needs a real file gets a local copy.
"""

from carcinomap.storage.cache import LocalCopy, local_copy, open_copy, reading_copy
from carcinomap.storage.files import (
    check_takes_files,
    exists,
    kind_of,
    list_files,
    matching_files,
    modified,
    read_small,
    remove,
    stamp,
    upload,
)
from carcinomap.storage.paths import AnyPath, as_path, beside, is_remote, on_web, without_secrets
from carcinomap.storage.source import ByteSource, open_bytes
from carcinomap.storage.user_cache import cache_folder
from carcinomap.storage.view import FileView

__all__ = [
    "AnyPath",
    "ByteSource",
    "FileView",
    "LocalCopy",
    "as_path",
    "beside",
    "cache_folder",
    "check_takes_files",
    "exists",
    "is_remote",
    "kind_of",
    "list_files",
    "local_copy",
    "matching_files",
    "modified",
    "on_web",
    "open_bytes",
    "open_copy",
    "read_small",
    "reading_copy",
    "remove",
    "stamp",
    "upload",
    "without_secrets",
]
