"""What storage says when it fails, in words for people."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.storage.paths import AnyPath, is_remote

# Names of exceptions, so that libraries which may not be there need not be imported to name them.
_NO_CREDENTIALS = frozenset(
    ["NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "TokenRetrievalError"]
)
_UNREACHABLE = frozenset(
    [
        "ClientConnectionError",
        "ClientPayloadError",
        "ConnectionClosedError",
        "ConnectionError",
        "EndpointConnectionError",
        "FSTimeoutError",
        "HTTPClientError",
        "IncompleteReadError",
        "TimeoutError",
        "gaierror",
    ]
)
_REFUSED = (401, 403)
_BUSY = 429  # like 500 and more, it may be otherwise in a moment


class ChangedError(CarcinomapError):
    """A file is not any more what it was when it was opened."""

    def __init__(self, path: AnyPath) -> None:
        super().__init__(f"{path}: the file has changed while it was read; start again")

    def __reduce__(self) -> tuple[type[CarcinomapError], tuple[str]]:
        return CarcinomapError, (str(self),)


@contextmanager
def told(path: AnyPath, what: str = "file") -> Iterator[None]:
    """Turn what goes wrong with a remote file in the block into an error that names it.

    Args:
        path: The file; what concerns one on a disk is left as it is.
        what: What the user thinks of it as, such as ``"slide"``.
    """
    try:
        yield
    except CarcinomapError:
        raise
    except Exception as error:  # libraries of many makers, each with exceptions of its own
        if not is_remote(path):
            raise
        raise _in_words(path, what, error) from error


def is_transient(error: Exception) -> bool:
    """Say whether the same request may succeed when it is made again."""
    error = _cause(error)
    status = _status(error)
    if status is not None:
        return status == _BUSY or status >= 500
    return not _names(error).isdisjoint(_UNREACHABLE)


def _cause(error: Exception) -> Exception:
    """Return what has really happened: fsspec calls much that fails a missing file."""
    while isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        if hasattr(error.__cause__, "response"):  # botocore's, of a file that is missing
            break
        error = error.__cause__
    return error


def _in_words(path: AnyPath, what: str, error: Exception) -> CarcinomapError:
    error = _cause(error)
    names, status = _names(error), _status(error)
    if "FileExpired" in names:
        return ChangedError(path)
    mistake = _mistake(path, what, error)
    if mistake is not None:
        return InputError(f"{path}: {mistake}")
    if not names.isdisjoint(_UNREACHABLE):
        reason = f"its server cannot be reached ({_harmless(error)})"
    elif status is not None:
        reason = f"its server answers with error {status}"
    else:
        reason = f"the storage failed ({_harmless(error)})"
    return CarcinomapError(f"{path}: {reason}")


def _mistake(path: AnyPath, what: str, error: Exception) -> str | None:
    """Say what the user can mend, if it is that."""
    status = _status(error)
    if isinstance(error, ImportError):
        if str(path).startswith(("s3", "http")):
            return "to read this, a package is missing: pip install 'carcinomap[remote]'"
        return f"to read this, a package is missing ({error})"
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return f"no such {what}"
    if not _names(error).isdisjoint(_NO_CREDENTIALS):
        return f"no credentials for this storage ({_harmless(error)})"
    if isinstance(error, PermissionError) or status in _REFUSED:
        return (
            "the storage does not allow it; are the credentials right, and do they allow reading "
            "and listing, and writing where results go?"
        )
    return None


def _status(error: Exception) -> int | None:
    """Return the status that a server has answered with, if that is what has happened."""
    status = getattr(error, "status", None)
    answer = getattr(error.__cause__, "response", None)  # of botocore, below an error of s3fs
    if isinstance(answer, Mapping):
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) and status >= 300 else None


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _harmless(error: Exception) -> str:
    """Return an error's text without addresses, which may hold signatures."""
    text = re.sub(r"\w+://\S+", "…", str(error)).strip()
    return text or type(error).__name__
