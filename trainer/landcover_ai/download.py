"""A download for pooch that goes on from where it was cut off, in this run or in a later one."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any, Final

import requests
from tqdm import tqdm

from trainer.landcover_ai.layout import DatasetError
from trainer.landcover_ai.space import disk_error, require_space

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["ResumingDownloader"]

# What a cut connection loses of what had arrived: requests hands out whole pieces only.
_PIECE: Final = 2**16
_PATIENCE: Final = 60.0
"""Seconds to wait for an answer, and for each piece of the file."""
_RANGE_NOT_SATISFIABLE: Final = 416
# The server is busy or in trouble, which may pass; other answers from 400 on will be the same next time.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Interrupted(Exception):
    """The connection was lost, or there was none; what has arrived is in the part."""


class ResumingDownloader:
    """Downloads to a part file and asks for the rest of it with HTTP's Range; pooch calls it.

    pooch's own downloader starts over at each call, which is of no use for a gigabyte over a poor line.

    Parameters
    ----------
    part : Path
        What has arrived so far. It outlives the process; once the checksum is known to be right, it may go.
    attempts : int
        Connections in a row that may bring nothing before it gives up. One that brought something is gone on from
        without a limit.
    pause : float
        Seconds before the second vain attempt; twice as long before each further one.
    say : callable
        Takes each message.
    """

    def __init__(
        self,
        part: Path,
        *,
        attempts: int = 5,
        pause: float = 1.0,
        say: Callable[[str], None] = tqdm.write,
    ) -> None:
        """Take the settings; nothing is opened yet."""
        self._part = part
        self._attempts = attempts
        self._pause = pause
        self._say = say

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download `url` and put it at `output_file`, in place of the empty file that pooch has made there.

        The part stays where the disk can give a file two names: pooch removes its file when it is interrupted while it
        reads the file for the checksum.

        Raises
        ------
        DatasetError
            The server refuses, the connection is lost again and again, or the disk is full.
        """
        vain = 0
        while True:
            before = self._size()
            try:
                self._go_on(url)
                break
            except _Interrupted as lost:
                vain = 0 if self._size() > before else vain + 1
                if vain >= self._attempts:
                    raise DatasetError(
                        f"{url}: the connection failed {vain} times in a row ({lost}). {_amount(self._size())} are in "
                        f"{self._part}; run the same command again to go on from there, or give another server with "
                        "--url."
                    ) from lost
                self._say(f"The connection was lost at {_amount(self._size())} ({lost}). Going on from there.")
                if vain > 1:
                    time.sleep(self._pause * 2 ** (vain - 2))
        try:
            os.remove(output_file)
            os.link(self._part, output_file)
        except OSError:
            os.replace(self._part, output_file)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _go_on(self, url: str) -> None:
        """Fetch what is missing, and return when nothing is."""
        have = self._size()
        headers = {"Accept-Encoding": "identity"}  # a range is one of the file, not of a compressed form of it
        if have:
            headers["Range"] = f"bytes={have}-"
        try:
            with requests.get(url, headers=headers, stream=True, timeout=_PATIENCE) as response:
                if response.status_code == _RANGE_NOT_SATISFIABLE and have:
                    if _total(response) == have:
                        return
                    self._part.unlink()
                    raise _Interrupted(f"the part has {have} bytes, more than the file")
                if response.status_code in _PASSING:
                    raise _Interrupted(f"the server answers {response.status_code} {response.reason}")
                if not response.ok:
                    raise DatasetError(
                        f"{url}: the server answers {response.status_code} {response.reason}. Give the address of "
                        "another copy of the archive with --url."
                    )
                self._receive(response, have)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _Interrupted(_reason(error)) from error
        except requests.RequestException as error:
            raise DatasetError(f"{url}: cannot be downloaded ({error}). Check the address given with --url.") from error

    def _receive(self, response: requests.Response, have: int) -> None:
        start = _start(response)
        if start != have:
            self._say(f"The server sends the file from byte {start} instead of {have}: starting over.")
            if start:
                self._part.unlink()
                raise _Interrupted("the answer is not what was asked for")
            have = 0
        total = _total(response)
        if total is not None:
            require_space(self._part.parent, total - have)
        try:
            with (
                self._part.open("ab" if have else "wb") as file,
                tqdm(total=total, initial=have, unit="B", unit_scale=True, unit_divisor=1024, disable=None) as bar,
            ):
                for piece in response.iter_content(_PIECE):
                    file.write(piece)
                    bar.update(len(piece))
        except requests.RequestException:  # these are OSErrors too
            raise
        except OSError as error:
            raise disk_error(self._part, error) from error
        if total is not None and self._size() < total:
            raise _Interrupted(f"{total - self._size()} bytes are missing")


def _start(response: requests.Response) -> int:
    """Return the first byte that is being sent; 0 from a server that ignores Range."""
    if response.status_code != requests.codes.partial_content:
        return 0
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else -1


def _total(response: requests.Response) -> int | None:
    """Return the size of the whole file, where the server tells."""
    if "Content-Range" in response.headers:
        found = re.search(r"/(\d+)$", response.headers["Content-Range"])
        return int(found[1]) if found else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def _reason(error: Exception) -> str:
    """Return what happened, without the Python objects that texts of requests' errors are full of."""
    text = str(error).rpartition(": ")[2].partition("', ")[0].rstrip("\"')")
    return text + ")" * (text.count("(") - text.count(")"))


def _amount(size: int) -> str:
    return str(tqdm.format_sizeof(size, "B", 1024))
