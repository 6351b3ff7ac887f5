"""Takes snapshots while work goes on: read between two writes, written by a thread of its own."""

from __future__ import annotations

import logging
import time as clock
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotations.disk.full import disk_is_full, why_not_written
from annotations.history.taking import take
from annotations.project_files import ImageFiles
from annotations.store.writer import BackgroundWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.classes import ClassScheme
    from annotations.history.snapshot import LabelSnapshot
    from annotations.history.snapshots import SnapshotStore
    from annotations.history.taking import Taken
    from annotations.store.label_store import LabelStore

__all__ = ["SnapshotKeeper"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Work:
    """What was taken and is to be written; who is told then."""

    taken: Taken
    told: Callable[[LabelSnapshot | None, str], object]


class SnapshotKeeper:
    """Takes snapshots of a store's labels.

    What is submitted before a snapshot is asked for is in it, and nothing that comes after. Nobody waits for it: it is
    read by the thread that writes the labels, once these are on the disk, and written by another, so that neither
    drawing nor saving stands still. A snapshot that cannot be written is given up and told; labels go on being saved.

    Parameters
    ----------
    labels : LabelStore
        Open for writing.
    snapshots : SnapshotStore
        Where they are kept.
    """

    def __init__(self, labels: LabelStore, snapshots: SnapshotStore) -> None:
        """Start the thread."""
        self._labels, self._snapshots = labels, snapshots
        self._files = ImageFiles(labels.folder)
        self._writer: BackgroundWriter[_Work] = BackgroundWriter(self._write, lambda work: None, lambda error: error)
        self._closed = False

    def take(
        self,
        why: str,
        scheme: ClassScheme,
        *,
        name: str = "",
        counts: tuple[int, ...] = (),
        told: Callable[[LabelSnapshot | None, str], object] = lambda snapshot, problem: None,
    ) -> None:
        """Take a snapshot of what was submitted so far; returns at once.

        Parameters
        ----------
        why : str
            What for, in a few words.
        scheme : ClassScheme
            The classes now.
        name : str
            Given by a person; it is then kept for ever.
        counts : tuple of int
            Labelled pixels per class now, for the list.
        told : callable(LabelSnapshot or None, str)
            Told in another thread what came of it: the snapshot, None where nothing has changed since the newest, or
            None and why it could not be kept.
        """
        time = clock.time()

        def read() -> None:
            if self._closed:
                return
            try:
                work = _Work(take(self._files, time, why, scheme, name=name, counts=counts), told)
            except OSError as error:
                _tell(told, None, f"could not be read: {why_not_written(error)}")
                return
            self._writer.put(work)

        self._labels.at_this_moment(read)

    def close(self, timeout: float = 5.0) -> bool:
        """Finish what is under way, but wait no longer than some seconds; return whether all was written."""
        done = self._labels.flush(timeout) and self._writer.close(timeout)
        self._closed = True
        if not done:
            self._writer.discard(0)
        return done

    def _write(self, batch: list[_Work]) -> None:
        for work in batch:
            if self._writer.discarding:
                return
            try:
                snapshot, problem = self._snapshots.write(work.taken), ""
            except Exception as error:  # whatever it is: the next is taken in ten minutes, and labels are what counts
                _log.info("a snapshot was not written", exc_info=True)
                snapshot, problem = None, _said(error)
            _tell(work.told, snapshot, problem)


def _said(error: Exception) -> str:
    way_out = "make room" if disk_is_full(error) else "check the disk"
    return f"could not be kept: {why_not_written(error)}; {way_out}"


def _tell(told: Callable[[LabelSnapshot | None, str], object], snapshot: LabelSnapshot | None, problem: str) -> None:
    try:
        told(snapshot, problem)
    except Exception:
        _log.exception("a callback of the snapshots failed")
