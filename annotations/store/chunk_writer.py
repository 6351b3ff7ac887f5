"""The writer's side of the labels on disk: a batch of submits becomes records, whole chunks and points, in this order.

All of it runs in the one thread that writes (`BackgroundWriter`), and may be called again with what was partly written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from annotations.classes import UNLABELLED
from annotations.disk.files import write_atomically
from annotations.errors import ProjectError
from annotations.region import Region
from annotations.store.saved import ChunkState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from annotations.store.parts import Parts
    from annotations.store.submits import Piece, Submit

__all__ = ["ChunkWriter"]


class ChunkWriter:
    """Writes batches.

    Parameters
    ----------
    parts : Parts
        What is written to.
    guard : callable, optional
        Called before anything is written; it raises where nothing may be written any more.

    Attributes
    ----------
    moving : set of (int, int)
        Chunks (row, column) that were written since the folder was opened, or are being written.
    logged : int
        The largest stroke number in the file of strokes.
    """

    def __init__(self, parts: Parts, guard: Callable[[], object] | None = None) -> None:
        """Write nothing yet."""
        self._files, self._mask, self._numbers = parts.files, parts.mask, parts.numbers
        self._saved, self._log, self._log_size = parts.saved, parts.log, parts.log_size
        self._guard = guard
        self._batch = self._saved.new_batch()
        self._logged: set[Submit] = set()  # those of this batch whose strokes are in the file
        self.moving: set[tuple[int, int]] = set()
        self.logged = parts.logged

    def write(self, batch: list[Submit], unwanted: Callable[[], bool]) -> None:
        """Write a batch, or raise; what was written stays written, and is written again in the next attempt.

        Parameters
        ----------
        batch : list of Submit
            In the order in which they came: the later goes over the earlier.
        unwanted : callable
            Asked before each chunk whether what is left was discarded.
        """
        self._check_there()
        self._log_strokes(batch)
        for place, pieces in self._by_chunk(batch).items():
            if unwanted():
                raise ProjectError("what was left to write was discarded")
            self.moving.add(place)
            self._write_chunk(self._tile(place), pieces)
        points = [submit.points for submit in batch if submit.points is not None]
        if points:
            self._saved.begin(self._batch, points=len(json.loads(points[-1])))
            write_atomically(self._files.points, points[-1].encode())
        self._saved.done(self._batch, self._log_size)
        self._batch = self._saved.new_batch()
        self._logged.clear()

    def _check_there(self) -> None:
        """Raise where the folder is gone, or is not ours any more: half a project must not be made in its place."""
        if self._guard is not None:
            self._guard()
        for array in (self._files.labels, self._files.numbers):
            if not (array / "zarr.json").is_file():
                raise ProjectError(
                    f"{array} is gone: the folder was deleted or renamed, or its drive is not connected; put it back"
                )

    def _log_strokes(self, batch: list[Submit]) -> None:
        """Add the strokes to their file, those of each submit once, before the pixels that refer to them."""
        new = [submit for submit in batch if submit not in self._logged]
        numbers = [record.number for submit in new for record in submit.records]
        self._saved.begin(self._batch, next_=max(numbers, default=0) + 1)
        for submit in new:
            self._log_size = self._log.append(submit.records) or self._log_size
            self._logged.add(submit)
        self.logged = max([self.logged, *numbers])

    def _by_chunk(self, batch: Iterable[Submit]) -> dict[tuple[int, int], list[Piece]]:
        chunks: dict[tuple[int, int], list[Piece]] = {}
        size = self._mask.chunk
        for submit in batch:
            for piece in submit.pieces:
                chunks.setdefault((piece.region.top // size, piece.region.left // size), []).append(piece)
        return chunks

    def _tile(self, place: tuple[int, int]) -> Region:
        size = self._mask.chunk
        return Region(place[0] * size, place[1] * size, size, size).clipped(self._mask.shape)

    def _write_chunk(self, tile: Region, pieces: list[Piece]) -> None:
        """Write one chunk with all its pieces, the later over the earlier.

        The chunk is written whole: after a failure the same pieces in the same order give the same chunk.
        """
        labels, numbers = self._merged(tile, pieces)
        row, column = tile.top // self._mask.chunk, tile.left // self._mask.chunk
        self._saved.begin(self._batch, chunk=(row, column, ChunkState.of(labels, numbers)))
        self._mask.write(tile, labels)
        self._numbers[tile.slices] = numbers

    def _merged(self, tile: Region, pieces: list[Piece]) -> tuple[NDArray[np.int8], NDArray[np.uint32]]:
        last = pieces[-1]
        if last.region == tile:
            # The usual case of a large import: nothing to read and no copy to make.
            whole = np.full(tile.shape, UNLABELLED, np.int8) if last.labels is None else last.labels
            return whole, np.zeros(tile.shape, np.uint32) if last.strokes is None else last.strokes
        labels, numbers = self._mask.read(tile).copy(), np.array(self._numbers[tile.slices], np.uint32)
        for piece in pieces:
            local = piece.region.within(tile).slices
            labels[local] = UNLABELLED if piece.labels is None else piece.labels
            numbers[local] = 0 if piece.strokes is None else piece.strokes
        return labels, numbers
