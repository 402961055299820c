"""The storage behind an address, with bounds on how long it may take to answer."""

from typing import Any

import fsspec
from upath import UPath

from carcinomap.storage.paths import WEB

CONNECT_SECONDS = 10
"""For how long a server may not answer at all."""

SILENT_SECONDS = 60
"""For how long it may send nothing while it sends a file."""


def filesystem(path: UPath) -> Any:
    """Return the fsspec filesystem of an address; cheap, since fsspec keeps them.

    To be asked for anew in a process that was forked: the parent's does not work there. Listings
    are not remembered, since files come and go.

    Raises:
        ImportError: The package for this kind of storage is not installed.
    """
    protocol = path.protocol
    options: dict[str, Any] = {"use_listings_cache": False}
    if protocol in WEB:
        import aiohttp  # noqa: PLC0415 - an extra, and only for what is on the web

        # aiohttp's own bound is on the whole answer, and large files take long.
        patience = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS
        )
        options["client_kwargs"] = {"timeout": patience}
    elif protocol in ("s3", "s3a"):
        options["config_kwargs"] = {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": SILENT_SECONDS,
            "retries": {"mode": "standard", "total_max_attempts": 3},
            "max_pool_connections": 32,
        }
    return fsspec.filesystem(protocol, **{**options, **path.storage_options})
