"""The labels of one orthophoto on disk, written by one thread in the background."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import UNLABELLED, ClassScheme, check_labels
from annotations.disk.files import write_atomically
from annotations.disk.full import disk_is_full, why_not_written
from annotations.errors import LabelError, PartialSegError, ProjectError
from annotations.project_files import ImageFiles
from annotations.region import Region
from annotations.store.checking import read_checked
from annotations.store.mask import SparseMask
from annotations.store.saved import ChunkState
from annotations.store.side_files import take_points, take_saved, take_strokes
from annotations.store.stroke_numbers import LARGEST_NUMBER, StrokeNumbers, make_numbers
from annotations.store.strokes import Stroke, StrokeLog
from annotations.store.writer import BackgroundWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference

__all__ = ["LabelStore"]


@dataclass(slots=True)
class _Piece:
    """What one submit changes in one chunk; None stands for all -1 or all 0, as most of a sparse submit is."""

    region: Region
    labels: NDArray[np.int8] | None
    strokes: NDArray[np.uint32] | None


@dataclass(slots=True)
class _Work:
    """One submit, of a region or of the points."""

    region: Region
    pieces: list[_Piece]
    records: list[Stroke]
    points: str | None = None
    logged: bool = False


class LabelStore:
    """Labels, stroke numbers, strokes and points of one orthophoto in one folder.

    ::

        labels.zarr     int8, -1 unlabelled (SparseMask)
        strokes.zarr    uint32, which stroke a pixel came from, 0 none
        strokes.jsonl   the strokes
        points.json     the points
        saved.jsonl     what each chunk holds, to notice what goes missing (SavedState)

    `submit` copies and returns; a single thread writes, in order. A write that fails keeps its data in memory and is
    tried again every second and at every `flush`, so that a full disk loses nothing once room is made. Records are
    written before the pixels that refer to them, and every chunk is replaced whole: the process may be killed any time.

    Attributes
    ----------
    folder : Path
        Where all of it lies.
    mask : SparseMask
        The labels on disk.
    writable : bool
        Whether `submit` may be called.
    notes : list of str
        What was found missing or damaged, and where it was put; `load` adds to it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        writable: bool,
        shape: tuple[int, int] | None = None,
        guard: Callable[[], object] | None = None,
    ) -> None:
        """Open the arrays; use `create` or `open`."""
        self.folder = Path(folder)
        self._files = files = ImageFiles(self.folder)
        self.writable = writable
        self.notes: list[str] = []
        self._guard = guard
        self.mask = SparseMask.open(files.labels, writable=writable)
        if shape is not None and self.mask.shape != tuple(shape):
            raise ProjectError(
                f"{self.mask.path}: labels of {self.mask.shape[0]} x {self.mask.shape[1]} pixels (height x width), but "
                f"the orthophoto has {shape[0]} x {shape[1]}. Restore that folder from a backup; nothing was changed."
            )
        say = self.notes.append
        try:
            self._numbers = StrokeNumbers(files.numbers, self.mask.shape, writable=writable, say=self._say)
            self._saved = take_saved(files.saved, writable=writable, say=say)
            self._log = StrokeLog(files.strokes)
            strokes, self._log_size = take_strokes(self._log, self._saved, writable=writable, say=say)
            self._points = take_points(files.points, self._saved, writable=writable, say=say)
        except OSError as error:
            raise ProjectError(
                f"{self.folder}: cannot be read or put in order ({error}). Make room, or check the disk and what you "
                "may do in that folder; nothing is lost."
            ) from error
        self._largest: int | None = None
        self._logged = max((s.number for s in strokes), default=0)
        self._batch = self._saved.new_batch()
        self._moving: set[tuple[int, int]] = set()
        self._compared = False
        self._tell_saved: Callable[[Region], object] | None = None
        self._tell_failed: Callable[[Exception], object] | None = None
        self._writer = BackgroundWriter(self._write, self._saved_work, self._failed) if writable else None

    def tell(
        self,
        saved: Callable[[Region], object] | None = None,
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """Tell these from now on, and no others.

        Parameters
        ----------
        saved : callable(Region), optional
            Called from the writer's thread when a submit is on disk.
        failed : callable(Exception), optional
            Called from the writer's thread, once when writing begins to fail.
        """
        self._tell_saved, self._tell_failed = saved, failed

    def _say(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    @classmethod
    def create(
        cls,
        folder: Path,
        shape: tuple[int, int],
        scheme: ClassScheme,
        *,
        fingerprint: str,
        georeference: Georeference | None,
        guard: Callable[[], object] | None = None,
    ) -> LabelStore:
        """Make the arrays of an orthophoto of `shape` (H, W) in a folder that has none, and open them for writing.

        Raises
        ------
        ProjectError
            The folder holds labels already.
        """
        files = ImageFiles(Path(folder))
        files.folder.mkdir(parents=True, exist_ok=True)
        # The labels come last: they are what makes a folder count as complete.
        if not files.labels.exists():
            make_numbers(files.numbers, shape)
        SparseMask.create(files.labels, shape, scheme, fingerprint=fingerprint, georeference=georeference)
        return cls(files.folder, writable=True, guard=guard)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        writable: bool = True,
        shape: tuple[int, int] | None = None,
        guard: Callable[[], object] | None = None,
    ) -> LabelStore:
        """Open a folder that `create` made; without `writable` no thread is started and `submit` refuses.

        Strokes, their numbers and points that are missing or damaged are set aside and done without; see `notes`.

        Parameters
        ----------
        folder : Path
            Where all of it lies.
        writable : bool
            Whether `submit` may be called.
        shape : tuple of int, optional
            (H, W) that the labels must have.
        guard : callable, optional
            Called in the writer's thread before it writes; it raises where nothing may be written any more.

        Raises
        ------
        ProjectError
            The labels are missing or damaged.
        ProjectVersionError
            A newer version wrote it.
        """
        return cls(folder, writable=writable, shape=shape, guard=guard)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.mask.shape

    @property
    def scheme(self) -> ClassScheme:
        """The classes."""
        return self.mask.scheme

    def set_scheme(self, scheme: ClassScheme, *, checked: bool = False) -> None:
        """Change the classes; `checked` where it is known that no pixel carries one that goes.

        Raises
        ------
        LabelError
            Pixels carry a class that goes.
        ProjectError
            Labels wait to be written, and one of them may be of a class that goes.
        """
        if len(scheme) < len(self.scheme) and not self.flush(10):
            raise ProjectError(
                f"{self.folder}: the classes were not changed, because labels still wait to be written "
                f"({self.last_error or 'the disk is slow'}). Try again once they are."
            )
        self.mask.set_scheme(scheme, checked=checked)

    def load(self) -> tuple[NDArray[np.int8], NDArray[np.uint32]]:
        """Return all labels and stroke numbers as they are on disk, (H, W) each.

        Chunks without a label are not touched in the array of stroke numbers, so that they take no memory. The first
        time what is there is compared with what was saved; `notes` then names what is missing.

        Raises
        ------
        ProjectError
            Chunks of the labels are damaged; the message names their files.
        """
        found = read_checked(self.mask, self._numbers, self._saved, moving=lambda: self._moving)
        self._largest = max(self._largest or 0, found.largest)
        if not self._compared:
            self._compared = True
            self.notes += found.notes
            if self.writable:
                with suppress(OSError):  # a full disk: the next opening takes it up
                    self._saved.note(
                        [line for line in found.found if (line["chunk"][0], line["chunk"][1]) not in self._moving]
                    )
                    self._saved.tidy()
        return found.labels, found.numbers

    def strokes(self) -> list[Stroke]:
        """Return the strokes on disk, oldest first; damaged ones are left out."""
        try:
            return self._log.salvage()[0]
        except OSError:
            return []

    def next_number(self) -> int:
        """Return the first stroke number that was never used, as far as any file of the folder knows."""
        if self._largest is None:
            self._largest = self._numbers.largest()
        logged = max((s.number for s in self.strokes()), default=0)
        points = [entry.get("number") for entry in self.points() if isinstance(entry, dict)]
        numbers = [n for n in points if isinstance(n, int) and n <= LARGEST_NUMBER]
        return max(
            [self._largest + 1, logged + 1, self._logged + 1, self._saved.next_number, *(n + 1 for n in numbers)]
        )

    def points(self) -> list[dict[str, Any]]:
        """Return the points last submitted, or those that were on disk."""
        return list(self._points)

    def submit(
        self,
        region: Region,
        labels: NDArray[Any],
        strokes: NDArray[Any],
        records: Sequence[Stroke] = (),
        *,
        points: list[dict[str, Any]] | None = None,
    ) -> None:
        """Hand over the labels and stroke numbers of a region to be saved; copies them and returns at once.

        Parameters
        ----------
        region : Region
            Inside the orthophoto.
        labels : ndarray of int8, region.shape
            -1 where unlabelled.
        strokes : ndarray of uint32, region.shape
            Stroke numbers, 0 where unlabelled.
        records : sequence of Stroke
            Strokes that are new in it.
        points : list, optional
            All points, where they changed with it: saved in place of the earlier ones.

        Raises
        ------
        LabelError
            None of its labels is a class. Where only some are none, they are saved as unlabelled: a stroke is not lost
            for what lies beside it.
        ProjectError
            The store was opened read-only.
        """
        writer = self._checked_writer()
        if (
            not Region.whole(self.shape).contains(region)
            or labels.shape != region.shape
            or strokes.shape != region.shape
        ):
            raise ValueError(f"labels {labels.shape} and strokes {strokes.shape} do not fit {region} in {self.shape}")
        pieces = []
        any_valid, strange = False, None
        for tile in region.tiles(self.mask.chunk):
            part = tile.intersection(region)
            local = part.within(region).slices
            try:
                checked = check_labels(labels[local], len(self.scheme), str(self.mask.path))
            except LabelError as error:
                strange, wrong = error, (labels[local] < UNLABELLED) | (labels[local] >= len(self.scheme))
                checked = check_labels(np.where(wrong, UNLABELLED, labels[local]), len(self.scheme), "")
            empty = not (checked != UNLABELLED).any()
            any_valid |= not empty
            numbers = None if empty or not strokes[local].any() else strokes[local].astype(np.uint32, copy=True)
            if strange is not None and numbers is not None:
                numbers[checked == UNLABELLED] = 0
            pieces.append(_Piece(part, None if empty else checked, numbers))
        if strange is not None and not any_valid:
            raise strange
        content = None if points is None else json.dumps(points)
        if content is not None:
            self._points = json.loads(content)
        writer.put(_Work(region, pieces, list(records), content))

    def submit_points(self, points: list[dict[str, Any]]) -> None:
        """Hand over all points to be saved in place of the earlier ones."""
        writer = self._checked_writer()
        content = json.dumps(points)
        self._points = json.loads(content)
        writer.put(_Work(Region(0, 0, 0, 0), [], [], content))

    def _checked_writer(self) -> BackgroundWriter[_Work]:
        if self._writer is None:
            raise ProjectError(f"{self.folder}: opened read-only, because another viewer has it open. Close that one.")
        if not self._writer.alive:
            raise ProjectError(f"{self.folder}: closed. Open the project again.")
        return self._writer

    @property
    def pending(self) -> int:
        """How many submits are not on disk yet."""
        return 0 if self._writer is None else self._writer.pending

    @property
    def last_error(self) -> Exception | None:
        """Why the last write failed; None once it went through."""
        return None if self._writer is None else self._writer.last_error

    def flush(self, timeout: float | None = None) -> bool:
        """Write now, and wait until everything submitted is on disk.

        Returns
        -------
        bool
            Whether it is. False after `timeout` seconds, or when an attempt begun after this call failed (`last_error`
            says why).
        """
        return self._writer is None or self._writer.flush(timeout)

    def close(self, timeout: float | None = 10) -> bool:
        """Write what is left and stop the writer.

        Returns
        -------
        bool
            Whether everything is on disk. If not, the store stays open, still trying: make room and close again.
        """
        return self._writer is None or self._writer.close(timeout)

    def discard(self, timeout: float | None = 10, *, then: Callable[[], object] | None = None) -> bool:
        """Give up what could not be written, and stop the writer; see `BackgroundWriter.discard`."""
        if self._writer is None:
            if then is not None:
                then()
            return True
        return self._writer.discard(timeout, then=then)

    # -- in the writer's thread ----------------------------------------------------------------------------------------

    def _saved_work(self, work: _Work) -> None:
        if self._tell_saved is not None:
            self._tell_saved(work.region)

    def _failed(self, error: Exception) -> Exception:
        told = PartialSegError(
            f"{self.folder}: the labels could not be saved: {why_not_written(error)}. Nothing is lost while this "
            f"window is open. {'Make room' if disk_is_full(error) else 'Check the disk'}; saving is tried again every "
            "second."
        )
        told.__cause__ = error
        if self._tell_failed is not None:
            self._tell_failed(told)
        return told

    def _check_there(self) -> None:
        """Raise where the folder is gone, or is not ours any more: half a project must not be made in its place."""
        if self._guard is not None:
            self._guard()
        for array in (self._files.labels, self._files.numbers):
            if not (array / "zarr.json").is_file():
                raise ProjectError(
                    f"{array} is gone: the folder was deleted or renamed, or its drive is not connected; put it back"
                )

    def _write(self, batch: list[_Work]) -> None:
        self._check_there()
        numbers = [record.number for work in batch if not work.logged for record in work.records]
        self._saved.begin(self._batch, next_=max(numbers, default=0) + 1)
        for work in batch:
            if not work.logged:
                self._log_size = self._log.append(work.records) or self._log_size
                work.logged = True
        self._logged = max([self._logged, *numbers])
        chunks: dict[tuple[int, int], list[_Piece]] = {}
        size = self.mask.chunk
        for work in batch:
            for piece in work.pieces:
                chunks.setdefault((piece.region.top // size, piece.region.left // size), []).append(piece)
        for (row, column), pieces in chunks.items():
            if self._writer is not None and self._writer.discarding:
                raise ProjectError("what was left to write was discarded")
            self._moving.add((row, column))
            self._write_chunk(Region(row * size, column * size, size, size).clipped(self.shape), pieces)
        points = [work.points for work in batch if work.points is not None]
        if points:
            self._saved.begin(self._batch, points=len(json.loads(points[-1])))
            write_atomically(self._files.points, points[-1].encode())
        self._saved.done(self._batch, self._log_size)
        self._batch = self._saved.new_batch()

    def _write_chunk(self, tile: Region, pieces: list[_Piece]) -> None:
        """Write one chunk with all its pieces, the later over the earlier.

        The chunk is written whole: after a failure the same pieces in the same order give the same chunk.
        """
        if pieces[-1].region == tile:
            # The usual case of a large import: nothing to read and no copy to make.
            labels = np.full(tile.shape, UNLABELLED, np.int8) if pieces[-1].labels is None else pieces[-1].labels
            numbers = np.zeros(tile.shape, np.uint32) if pieces[-1].strokes is None else pieces[-1].strokes
        else:
            labels, numbers = self.mask.read(tile).copy(), np.array(self._numbers[tile.slices], np.uint32)
            for piece in pieces:
                part = piece.region
                local = part.within(tile).slices
                labels[local] = UNLABELLED if piece.labels is None else piece.labels
                numbers[local] = 0 if piece.strokes is None else piece.strokes
        row, column = tile.top // self.mask.chunk, tile.left // self.mask.chunk
        self._saved.begin(self._batch, chunk=(row, column, ChunkState.of(labels, numbers)))
        self.mask.write(tile, labels)
        self._numbers[tile.slices] = numbers
