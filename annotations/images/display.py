"""What the viewer shows of an orthophoto: 8-bit colours in several sizes, kept in the project's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.disk.room import need_disk, need_memory
from annotations.errors import PartialSegError
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.images.orthophoto import Orthophoto

__all__ = ["display_levels"]

_SMALLEST: Final = 1024
_STRIP: Final = 512


class _CancelledError(Exception):
    """The caller no longer wants the result."""


def display_levels(
    ortho: Orthophoto,
    folder: Path | None,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[NDArray[np.uint8]]:
    """Return an orthophoto's display bands as 8-bit colours, in full and halved until no side is above 1024 pixels.

    Three 8-bit bands are shown as they are; anything else is stretched between the 2nd and the 98th percentile of each
    band; one band becomes grey.

    Parameters
    ----------
    ortho : Orthophoto
        The image to show.
    folder : Path, optional
        Where the levels are kept as .npy files and mapped from (read-only, so that they take memory only where looked
        at); levels of the same image and bands are used again, others removed. Without it they are made in memory.
    progress : callable(float), optional
        Called with the share that is done, 0 to 1.
    cancelled : callable() -> bool, optional
        Asked some times a second.

    Returns
    -------
    list of ndarray of uint8, (h, w, 3)
        The full size first; empty when cancelled.

    Raises
    ------
    RasterError
        The image is damaged.
    PartialSegError
        The folder cannot be written to, because the disk is full for example.
    """
    shapes = [ortho.shape]
    while max(shapes[-1]) > _SMALLEST:
        shapes.append((max(shapes[-1][0] // 2, 1), max(shapes[-1][1] // 2, 1)))
    report = _Reporter(sum(h * w for h, w in shapes), progress, cancelled)
    try:
        if folder is None:
            need_memory(
                3 * sum(h * w for h, w in shapes), ortho.path, "open it in a project, whose copy of it is on the disk"
            )
            levels = [np.empty((*shape, 3), np.uint8) for shape in shapes]
            for n, level in enumerate(levels):
                source = None if n == 0 else levels[n - 1]
                for top, strip in _strips(ortho, source, level.shape, report):
                    level[top : top + len(strip)] = strip
            return levels
        return _kept(ortho, folder, shapes, report)
    except _CancelledError:
        return []


class _Reporter:
    def __init__(
        self, total: int, progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None
    ) -> None:
        self._total, self._done, self._progress, self._cancelled = total, 0, progress, cancelled

    def __call__(self, pixels: int) -> None:
        self._done += pixels
        if self._cancelled is not None and self._cancelled():
            raise _CancelledError
        if self._progress is not None:
            self._progress(self._done / self._total)


def _kept(ortho: Orthophoto, folder: Path, shapes: list[tuple[int, int]], report: _Reporter) -> list[NDArray[np.uint8]]:
    key = hashlib.blake2b(
        f"2 {ortho.fingerprint} {ortho.display_bands} {ortho.roles}".encode(), digest_size=8
    ).hexdigest()
    final = folder / f"display-{key}"
    levels = _mapped(final, shapes)
    if levels is not None:
        report(sum(h * w for h, w in shapes))
        return levels
    _make(ortho, final, shapes, report)
    levels = _mapped(final, shapes)
    if levels is None:
        raise PartialSegError(f"{final}: was changed while it was written. Open the image again.")
    return levels


def _make(ortho: Orthophoto, final: Path, shapes: list[tuple[int, int]], report: _Reporter) -> None:
    """Write all levels into a folder that has its name once they are complete; those of before go."""
    folder, part = final.parent, final.with_name(f"{final.name}.{os.getpid()}.part")
    size = 3 * sum(h * w for h, w in shapes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The image changed or other bands are shown: a large one's levels take 350 MB, so the old ones go.
        for old in folder.glob("display-*"):
            shutil.rmtree(old, ignore_errors=True)
        need_disk(size, folder, "the image's display copy")
        part.mkdir()
        source = None
        for n, shape in enumerate(shapes):
            _write_level(part / f"level_{n}.npy", _strips(ortho, source, (*shape, 3), report), (*shape, 3))
            source = np.load(part / f"level_{n}.npy", mmap_mode="r")
        del source
        os.replace(part, final)
    except OSError as error:
        raise PartialSegError(
            f"{folder}: the image's display copy cannot be written ({error}). It needs {size // 2**20 + 1} MB: make "
            "room, or open the project elsewhere."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _mapped(folder: Path, shapes: list[tuple[int, int]]) -> list[NDArray[np.uint8]] | None:
    """Map levels that are complete; None where they are not."""
    levels = []
    for n, shape in enumerate(shapes):
        try:
            level = np.load(folder / f"level_{n}.npy", mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return None
        if level.shape != (*shape, 3) or level.dtype != np.uint8:
            return None
        levels.append(level)
    return levels


def _write_level(path: Path, strips: Any, shape: tuple[int, ...]) -> None:
    # Written, not mapped: writing to a mapped file on a full disk kills the process instead of raising OSError.
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for _, strip in strips:
            file.write(np.ascontiguousarray(strip).data)


def _strips(ortho: Orthophoto, source: NDArray[np.uint8] | None, shape: tuple[int, ...], report: _Reporter) -> Any:
    """Yield (first row, rows) of a level: from the image, or as the means of 2 x 2 pixels of the level above."""
    height, width = shape[:2]
    stretch = _stretch(ortho) if source is None else None
    for top in range(0, height, _STRIP):
        rows = min(_STRIP, height - top)
        if source is None:
            region = Region(top, 0, rows, width)
            shown = _shown(ortho.read(region, ortho.display_bands), stretch)
            if stretch is not None and ortho.has_mask:
                shown = np.where(ortho.read_valid(region)[..., None], shown, np.uint8(0))
            yield top, shown
        else:
            yield top, _halved(source, top, rows, width)
        report(rows * width)


def _halved(source: NDArray[np.uint8], top: int, rows: int, width: int) -> NDArray[np.uint8]:
    block = source[2 * top : 2 * (top + rows), : 2 * width]
    # An image one pixel high or wide cannot be halved that way any more.
    block = np.repeat(block, 2, axis=0) if block.shape[0] < 2 * rows else block
    block = np.repeat(block, 2, axis=1) if block.shape[1] < 2 * width else block
    total = block[0::2, 0::2].astype(np.uint16)
    for part in (block[0::2, 1::2], block[1::2, 0::2], block[1::2, 1::2]):
        total += part
    total += 2
    total >>= 2
    return total.astype(np.uint8)


def _stretch(ortho: Orthophoto) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return what is black and what is white in each display band; None where the values are shown as they are."""
    if ortho.dtype == np.uint8 and len(ortho.display_bands) == 3:
        return None
    pixels, valid = ortho.thumbnail(_SMALLEST)
    known = pixels[valid][:, list(ortho.display_bands)].astype(np.float32)
    if not len(known):
        return np.zeros(len(ortho.display_bands), np.float32), np.ones(len(ortho.display_bands), np.float32)
    low, high = np.percentile(known, (2, 98), axis=0).astype(np.float32)
    return low, np.maximum(high, low + np.float32(1e-6))


def _shown(pixels: NDArray[Any], stretch: tuple[NDArray[np.float32], NDArray[np.float32]] | None) -> NDArray[np.uint8]:
    if stretch is None:
        return np.asarray(pixels, np.uint8)
    low, high = stretch
    scaled = (pixels.astype(np.float32) - low) * (255 / np.maximum(high - low, 1e-6))
    shown = np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255).astype(np.uint8)
    return np.broadcast_to(shown, (*shown.shape[:2], 3)) if shown.shape[2] == 1 else shown
