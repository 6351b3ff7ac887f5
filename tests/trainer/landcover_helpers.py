"""A data set of one orthophoto, packed as LandCover.ai is, and a server on this machine that has bad days."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio.transform import Affine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Server", "pack", "raster", "sample_files", "serving"]


def raster(pixels: np.ndarray, **options: object) -> bytes:
    """Return a GeoTIFF of (H, W) or (H, W, bands)."""
    bands = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    options = {"crs": "EPSG:2180", "transform": Affine(0.5, 0, 3e5, 0, -0.5, 3e5), **options}
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            count=len(bands),
            height=bands.shape[1],
            width=bands.shape[2],
            dtype=bands.dtype,
            **options,
        ) as file:
            file.write(bands)
        return bytes(memory.getbuffer())


def sample_files() -> dict[str, bytes]:
    """Return an orthophoto of 1 x 3 whole cells of noise, its mask, the lists, and a script that nobody must run."""
    rng = np.random.default_rng(0)
    return {
        "images/N-33-a.tif": raster(rng.integers(0, 255, (600, 1600, 3), dtype=np.uint8)),
        "masks/N-33-a.tif": raster(rng.integers(0, 5, (600, 1600), dtype=np.uint8)),
        "train.txt": b"N-33-a_0\n",
        "val.txt": b"N-33-a_1\n",
        "test.txt": b"N-33-a_2\n",
        "split.py": b"raise SystemExit('split.py was run')\n",
    }


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of the files."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return memory.getvalue()


class Server(HTTPServer):
    """Serves one file and keeps a log; `plan` says what becomes of the next requests, the others are answered in full.

    An item of the plan is the number of bytes after which the connection is cut, or minus a status to answer with.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.plan: list[int] = []
        self.ranges = True
        self.starts: list[int | None] = []
        """Where the range of each request began; None where the whole file was asked for."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/archive.zip"

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server, asked = self.server, self.headers["Range"]
        server.starts.append(None if asked is None else int(asked.removeprefix("bytes=").removesuffix("-")))
        total = len(server.content)
        start = (server.starts[-1] or 0) if server.ranges else 0
        step = server.plan.pop(0) if server.plan else total
        if step < 0:
            self.send_error(-step)
        elif start >= total:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            self.end_headers()
        else:
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            self.send_header("Content-Length", str(total - start))
            self.end_headers()
            self.wfile.write(server.content[start : start + step])


@contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """Serve in a thread for as long as the block lasts."""
    with Server(content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
