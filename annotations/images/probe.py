"""Opens files in a process of their own first, whose library crashes over damaged ones or never comes back."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from annotations.errors import RasterError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_opens"]

_KINDS: Final = {b"\x89HDF": "HDF5", b"CDF": "netCDF"}
_SECONDS: Final = 30.0
_ATTEMPT: Final = """
import sys, warnings
warnings.simplefilter("ignore")
import rasterio
try:
    dataset = rasterio.open(sys.argv[1])
    if dataset.count:
        dataset.read(1, window=((0, 1), (0, 1)))
except Exception:
    pass  # told by whoever opens it next
"""


def check_opens(path: Path) -> None:
    """Raise RasterError where an HDF5 or netCDF file ends the process that opens it, or keeps it busy without end.

    A crash would take the viewer with it, and a thread that the library holds cannot be ended. Other files are not
    looked at; nor are these where no other process can be started.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(4)
        about = os.fstat(file.fileno())
    kind = next((name for sign, name in _KINDS.items() if start.startswith(sign)), None)
    if kind is not None:
        _attempt(path.absolute(), kind, (about.st_size, about.st_mtime_ns), _SECONDS)


@functools.lru_cache(maxsize=256)
def _attempt(path: Path, kind: str, state: tuple[int, int], seconds: float) -> None:
    """Open a file elsewhere; once for each `state` (size, time of change) in which it opens."""
    way_out = "The file is damaged: copy or download it again, or take the image out of it on another machine."
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-c", _ATTEMPT, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RasterError(
            f"{path}: the {kind} file could not be opened within {seconds:g} seconds, and the attempt was ended. "
            f"{way_out}"
        ) from error
    except OSError:
        return
    if ended.returncode < 0:
        raise RasterError(
            f"{path}: the library that reads {kind} files broke down over it (signal {-ended.returncode}). {way_out}"
        )
