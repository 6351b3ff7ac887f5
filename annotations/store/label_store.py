"""The labels of one orthophoto on disk, written by one thread in the background."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotations.disk.full import disk_is_full, why_not_written
from annotations.errors import PartialSegError, ProjectError
from annotations.project_files import ImageFiles
from annotations.region import Region
from annotations.store.checking import read_checked
from annotations.store.chunk_writer import ChunkWriter
from annotations.store.mask import SparseMask
from annotations.store.parts import open_parts
from annotations.store.stroke_numbers import LARGEST_NUMBER, make_numbers
from annotations.store.submits import Moment, Submit, cut
from annotations.store.writer import BackgroundWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.images.georeference import Georeference
    from annotations.store.strokes import Stroke

__all__ = ["LabelStore"]

_log = logging.getLogger(__name__)


class LabelStore:
    """Labels, stroke numbers, strokes and points of one orthophoto in one folder (`ImageFiles`).

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
        self.writable = writable
        self.notes: list[str] = []
        parts = open_parts(ImageFiles(self.folder), writable=writable, shape=shape, notes=self.notes)
        self.mask = parts.mask
        self._numbers, self._saved, self._log, self._points = parts.numbers, parts.saved, parts.log, parts.points
        self._largest: int | None = None
        self._compared = False
        self._tell_saved: Callable[[Region], object] | None = None
        self._tell_failed: Callable[[Exception], object] | None = None
        self._chunks = ChunkWriter(parts, guard)
        self._writer: BackgroundWriter[Submit | Moment] | None = None
        if writable:
            self._writer = BackgroundWriter(
                self._write, self._saved_work, self._failed, alone=lambda item: isinstance(item, Moment)
            )

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
        moving = self._chunks.moving
        found = read_checked(self.mask, self._numbers, self._saved, moving=moving)
        self._largest = max(self._largest or 0, found.largest)
        if not self._compared:
            self._compared = True
            self.notes += found.notes
            if self.writable:
                with suppress(OSError):  # a full disk: the next opening takes it up
                    self._saved.note([line for line in found.found if tuple(line["chunk"][:2]) not in moving])
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
            [self._largest + 1, logged + 1, self._chunks.logged + 1, self._saved.next_number, *(n + 1 for n in numbers)]
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
        pieces = cut(region, labels, strokes, self.mask)
        content = None if points is None else json.dumps(points)
        if content is not None:
            self._points = json.loads(content)
        writer.put(Submit(region, pieces, list(records), content))

    def submit_points(self, points: list[dict[str, Any]]) -> None:
        """Hand over all points to be saved in place of the earlier ones."""
        writer = self._checked_writer()
        content = json.dumps(points)
        self._points = json.loads(content)
        writer.put(Submit(Region(0, 0, 0, 0), [], [], content))

    def at_this_moment(self, act: Callable[[], object]) -> None:
        """Have something done in the writer's thread, with the files as they are once all submitted so far is on disk.

        What is submitted later waits for it. Errors in it are logged, and change nothing for the labels.
        """
        self._checked_writer().put(Moment(act))

    def _checked_writer(self) -> BackgroundWriter[Submit | Moment]:
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

    def _write(self, batch: list[Submit | Moment]) -> None:
        for moment in [item for item in batch if isinstance(item, Moment)]:  # alone in its batch
            try:
                moment.act()
            except Exception:
                _log.exception("%s: what was to be done between two submits failed", self.folder)
        submits = [item for item in batch if isinstance(item, Submit)]
        if submits:
            self._chunks.write(submits, lambda: self._writer is not None and self._writer.discarding)

    def _saved_work(self, item: Submit | Moment) -> None:
        if self._tell_saved is not None and isinstance(item, Submit):
            self._tell_saved(item.region)

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
