"""Requests that failed in a way that may pass are made again, after a while."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from upath import UPath

from carcinomap.storage.paths import WEB
from carcinomap.storage.trouble import is_transient

WAITS = (0.3, 1.0, 3.0)
"""Seconds to wait before each further attempt."""

_T = TypeVar("_T")


def patiently(path: UPath, call: Callable[[], _T], waits: Sequence[float] | None = None) -> _T:
    """Call something that asks a server for a file, more than once if need be.

    Only what asks web servers: the clients of other storages try again on their own.
    """
    for wait in (WAITS if waits is None else waits) if path.protocol in WEB else ():
        try:
            return call()
        except Exception as error:  # which ones there are depends on the client
            if not is_transient(error):
                raise
        time.sleep(wait)
    return call()
