"""What of a slide that is elsewhere travels for its map, and how long that takes.

    python benchmarks/remote.py SLIDE MODEL [--latency 0.02] [options of segment]

A web server on this machine gives the slide, counts every byte of it that it sends, and can wait
before each answer as a server far away does. ``carcinomap segment`` maps the slide from its
address and from the disk, each as a process of its own; both maps must have the same bytes. What
was sent is told apart by the level that it belongs to: the tiles of each, and what is none (the
file's structure, and what lies between tiles that were fetched together).
"""

import argparse
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np

from carcinomap import load_model
from carcinomap.slide.readers.tiff_structure import read_structure
from carcinomap.storage import open_bytes
from measured import run


def server_of(file, latency, sent):
    """Start a web server with one file; it adds (first byte, bytes) to ``sent``."""
    content = np.memmap(file, np.uint8, "r")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer(0, len(content), 200)

        def do_GET(self):
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            start, stop = int(first), min(int(last) + 1, len(content))
            sent.append((start, stop - start))
            self.answer(start, stop, 206)
            self.wfile.write(content[start:stop])

        def answer(self, start, stop, status):
            time.sleep(latency)
            self.send_response(status)
            self.send_header("Content-Length", str(stop - start))
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
            self.send_header("ETag", '"1"')
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def segmented(slide, model, options):
    """Map a slide; return the run and the bytes of its map."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "carcinomap", "segment", slide, "--model", model]
        done = run([*command, "--output", folder, *options])
        (class_map,) = Path(folder).glob("*.ome.tif")
        return done, class_map.read_bytes()


def by_level(slide, sent):
    """Return the bytes sent of each level's tiles, and of what is no tile."""
    owner = np.zeros(slide.stat().st_size, np.uint8)
    levels = read_structure(open_bytes(slide)).images
    for number, level in enumerate(levels, start=1):
        for offset, count in zip(level.offsets, level.counts, strict=True):
            owner[int(offset) : int(offset + count)] = number
    counts = np.zeros(len(levels) + 1, np.int64)
    for start, count in sent:
        counts += np.bincount(owner[start : start + count], minlength=len(counts))
    return levels, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slide", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--latency", type=float, default=0.0, help="Seconds before each answer.")
    asked, options = parser.parse_known_args()
    near, near_map = segmented(asked.slide, asked.model, options)
    sent = []
    server = server_of(asked.slide, asked.latency, sent)
    address = f"http://127.0.0.1:{server.server_address[1]}/{asked.slide.name}"
    far, far_map = segmented(address, asked.model, options)
    server.shutdown()
    size, mpp = asked.slide.stat().st_size, load_model(asked.model).spec.views[0].mpp
    levels, counts = by_level(asked.slide, sent)
    total = sum(count for _, count in sent)
    print(f"{asked.slide.name}, {size / 1e6:.1f} MB, mapped at {mpp:g} µm per pixel")
    print(f"sent          {total / 1e6:.2f} MB in {len(sent)} requests, {total / size:.1%} of it")
    print(f"no tiles      {counts[0] / 1e6:.2f} MB")
    for level, count in zip(levels, counts[1:], strict=True):
        whole = level.counts.sum()
        print(
            f"{level.width:>6} × {level.height:<6}{count / 1e6:.2f} MB sent, of "
            f"{whole / 1e6:.2f} MB that the level has"
        )
    print(f"seconds       {far.seconds:.1f} from there, {near.seconds:.1f} from the disk")
    print(f"CPU seconds   {far.cpu:.1f} from there, {near.cpu:.1f} from the disk")
    print(f"same map      {'yes' if near_map == far_map else 'NO'}")


if __name__ == "__main__":
    main()
