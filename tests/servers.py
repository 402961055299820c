"""Servers that tests start: S3-compatible storage, and the web in good and in bad moods."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import fsspec
import pytest


class Bucket:
    """A bucket on a server of S3's kind."""

    name = "slides"

    def __init__(self, client):
        self.client = client

    def put(self, content, key):
        """Put a file or bytes there; return the address."""
        content = content.read_bytes() if isinstance(content, Path) else content
        self.client.put_object(Bucket=self.name, Key=key, Body=content)
        return f"s3://{self.name}/{key}"


@pytest.fixture(scope="session")
def moto_address():
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - slow to import

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(monkeypatch):
    """Set what S3's clients look for; only what a test adds reaches anything."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return monkeypatch


@pytest.fixture
def other_aws(aws):
    """Return what sets the environment otherwise than for the server of most tests."""
    forget_connections()
    yield aws
    forget_connections()


def forget_connections():
    """Make fsspec connect anew: it keeps connections by their options, not by the environment."""
    for protocol in ("s3", "http", "https"):
        fsspec.get_filesystem_class(protocol).clear_instance_cache()


@pytest.fixture
def bucket(aws, moto_address) -> Iterator[Bucket]:
    """Return an empty bucket, to which the environment leads."""
    import boto3  # noqa: PLC0415 - slow to import

    aws.setenv("AWS_ENDPOINT_URL", moto_address)
    client = boto3.client("s3", endpoint_url=moto_address)
    client.create_bucket(Bucket=Bucket.name)
    yield Bucket(client)
    for listed in client.list_objects_v2(Bucket=Bucket.name).get("Contents", []):
        client.delete_object(Bucket=Bucket.name, Key=listed["Key"])
    client.delete_bucket(Bucket=Bucket.name)


@dataclass
class Web:
    """A web server.

    Attributes:
        files: What it has, by path; a query may be part of it.
        ranges: Whether it sends parts of files.
        head: Whether it answers HEAD.
        tells_size: Whether it says how long a file is.
        tells_version: Whether it says what differs when a file was changed.
        failures: Statuses to answer the next requests of bytes with, before it works again.
        wanted: The credentials that it asks for, as the header has them.
        requests: Those that were answered with bytes: (path with query, first byte, bytes sent).
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    head: bool = True
    tells_size: bool = True
    tells_version: bool = True
    failures: list[int] = field(default_factory=list)
    wanted: str = ""
    requests: list[tuple[str, int, int]] = field(default_factory=list)

    def put(self, content, name):
        self.files[f"/{name}"] = content.read_bytes() if isinstance(content, Path) else content
        self.versions[f"/{name}"] = f'"{hash(self.files[f"/{name}"])}"'
        return f"{self.address}/{name}"

    @property
    def sent(self):
        """Bytes of files that were sent."""
        return sum(count for _, _, count in self.requests)


class Handler(BaseHTTPRequestHandler):
    """Answers for the server's ``web``."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, body):
        web = self.server.web
        path = self.path if self.path in web.files else self.path.partition("?")[0]
        refusal = self._refusal(web, path, body)
        if refusal:
            self._fail(refusal)
            return
        content, wanted = web.files[path], self.headers.get("Range")
        start, stop, status = 0, len(content), 200
        if wanted and web.ranges:
            first, last = wanted.removeprefix("bytes=").split("-")
            start, stop, status = int(first), min(int(last) + 1, len(content)), 206
        self._head(web, path, (start, stop), status)
        if body:
            web.requests.append((self.path, start, stop - start))
            try:
                self.wfile.write(content[start:stop])
            except OSError:  # the client has seen enough
                self.close_connection = True

    def _refusal(self, web, path, body):
        """Return the status of a request that gets nothing; 0 where it gets something."""
        if web.wanted and self.headers.get("Authorization") != web.wanted:
            return 401
        if path not in web.files:
            return 404
        if not body and not web.head:
            return 405
        asks_for_bytes = body and self.headers.get("Range")
        return web.failures.pop(0) if asks_for_bytes and web.failures else 0

    def _head(self, web, path, part, status):
        self.send_response(status)
        start, stop = part
        if status == 206:
            size = len(web.files[path])
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        if web.tells_size or status == 206:
            self.send_header("Content-Length", str(stop - start))
        else:
            self.send_header("Connection", "close")
        if web.tells_version:
            self.send_header("ETag", web.versions[path])
        self.end_headers()

    def _fail(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def web() -> Iterator[Web]:
    """Return a web server without files."""
    made = Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.web = made
    server.handle_error = lambda *_: None  # clients may hang up
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Return the folder of an empty cache of local copies."""
    monkeypatch.setenv("CARCINOMAP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "files"
