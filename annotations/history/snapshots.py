"""The snapshots of one orthophoto on disk: a file of JSON each, beside the contents that they share."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from annotations.disk.aside import set_aside
from annotations.disk.files import read_json, write_atomically
from annotations.errors import ProjectError
from annotations.history.content import ContentStore, name_of
from annotations.history.snapshot import SNAPSHOT_FORMAT, LabelSnapshot, new_id
from annotations.history.thinning import too_many

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from annotations.history.taking import Taken
    from annotations.project_files import HistoryFiles

__all__ = ["SnapshotStore"]

_FREE: Final = 256 * 2**20
"""Bytes that a snapshot leaves free on the disk: they are for the labels."""


class SnapshotStore:
    """All snapshots of an orthophoto.

    A snapshot counts from the moment when its own file is in place, after all that it needs; who is killed before
    leaves contents that nothing needs, and they go when the next one is written. They are read at the first call that
    needs them, from whatever thread.

    Parameters
    ----------
    files : HistoryFiles
        Where they lie; made when the first is written.
    writable : bool
        Whether damaged ones may be set aside, and any written or deleted.
    guard : callable, optional
        Called before anything is written; it raises where nothing may be written any more.
    """

    def __init__(
        self, files: HistoryFiles, *, writable: bool = True, guard: Callable[[], object] | None = None
    ) -> None:
        """Touch nothing yet."""
        self._notes: list[str] = []
        self._files, self._writable, self._guard = files, writable, guard
        self._contents = ContentStore(files.chunks)
        self._lock = threading.RLock()
        self._newer = False
        self._known: list[LabelSnapshot] | None = None

    @property
    def contents(self) -> ContentStore:
        """What the snapshots hold."""
        return self._contents

    @property
    def _snapshots(self) -> list[LabelSnapshot]:
        if self._known is None:
            found = [self._read(path) for path in self._paths()]
            self._known = [snapshot for snapshot in found if snapshot is not None]
        return self._known

    def take_notes(self) -> list[str]:
        """Return what was found damaged since the last call."""
        with self._lock:
            self.all()
            notes, self._notes = self._notes, []
            return notes

    def all(self) -> list[LabelSnapshot]:
        """Return all snapshots, the newest first."""
        with self._lock:
            return sorted(self._snapshots, key=lambda s: (s.time, s.id), reverse=True)

    def write(self, taken: Taken) -> LabelSnapshot | None:
        """Keep what was taken, and thin out the others; return it.

        None where nothing has changed since the newest, or nothing was ever labelled: it is not kept then, unless a
        person has given it a name.

        Raises
        ------
        OSError
            The disk is full or failing, or would have too little room left for labels. All earlier ones are there.
        ProjectError
            Nothing may be written here any more.
        """
        with self._lock:
            self._check()
            snapshot, contents = _described(taken)
            newest = next(iter(self.all()), None)
            empty = not (taken.labels or taken.points)
            if not taken.name and (empty if newest is None else snapshot.same_work(newest)):
                return None
            self._need_room(sum(len(c) for c in contents if not self._contents.has(c)))
            for content in contents:
                self._contents.put(content)
            self._put(snapshot)
            self._snapshots.append(snapshot)
            self._thin(snapshot.time)
            return snapshot

    def rename(self, snapshot_id: str, name: str) -> LabelSnapshot:
        """Give a snapshot a name, by which it is kept for ever, or ("") take it away.

        Raises
        ------
        ProjectError
            There is none of that id, or it could not be written.
        """
        with self._lock:
            self._check()
            before = self.snapshot(snapshot_id)
            after = before.named(name)
            try:
                self._put(after)
            except OSError as error:
                raise ProjectError(
                    f"{self._path(before)}: could not be written ({error.strerror or error}). Make room or check the "
                    "disk, then try again; the snapshot is as it was."
                ) from error
            self._known = [after if s.id == snapshot_id else s for s in self._snapshots]
            return after

    def delete(self, snapshot_id: str) -> None:
        """Delete a snapshot, and what no other needs."""
        with self._lock:
            self._check()
            self._drop([self.snapshot(snapshot_id)])

    def snapshot(self, snapshot_id: str) -> LabelSnapshot:
        """Return a snapshot; ProjectError where there is none of that id."""
        for snapshot in self.all():
            if snapshot.id == snapshot_id:
                return snapshot
        raise ProjectError(f"{self._files.folder}: the snapshot {snapshot_id} is not there any more.")

    def size(self) -> int:
        """Return the bytes that all snapshots take on the disk."""
        total = self._contents.size()
        for path in self._paths():
            with suppress(OSError):
                total += path.stat().st_size
        return total

    # -- files ---------------------------------------------------------------------------------------------------------

    def _paths(self) -> list[Path]:
        try:
            names = sorted(os.listdir(self._files.folder))
        except OSError:
            return []
        return [self._files.folder / name for name in names if name.endswith(".json") and name[0].isdecimal()]

    def _path(self, snapshot: LabelSnapshot) -> Path:
        return self._files.folder / f"{snapshot.id}.json"

    def _read(self, path: Path) -> LabelSnapshot | None:
        if path.stem.endswith("set-aside"):
            return None
        try:
            value = read_json(path)
            if isinstance(value, dict) and isinstance(value.get("format"), int) and value["format"] > SNAPSHOT_FORMAT:
                self._newer = True  # its contents must not be swept by who does not know which they are
                return None
            return LabelSnapshot.from_json(path.stem, value)
        except ProjectError as error:
            kept = None
            if self._writable:
                with suppress(OSError):
                    kept = set_aside(path)
            where = f"; it is kept as {kept.name}" if kept else ""
            self._notes.append(f"A snapshot of the labels cannot be read: {str(error).rstrip('.')}{where}.")
            return None

    def _put(self, snapshot: LabelSnapshot) -> None:
        content = json.dumps(snapshot.to_json(), separators=(",", ":")).encode()
        write_atomically(self._path(snapshot), content)

    def _check(self) -> None:
        if not self._writable:
            raise ProjectError(f"{self._files.folder}: the project is open for reading only.")
        if self._guard is not None:
            self._guard()
        self._files.folder.mkdir(exist_ok=True)  # not its parents: half a project must not be made anew

    def _need_room(self, size: int) -> None:
        try:
            free = shutil.disk_usage(self._files.folder).free
        except OSError:
            return  # a disk that does not tell is written to, and says then whether it is full
        if free < size + _FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._files.folder))

    # -- thinning ------------------------------------------------------------------------------------------------------

    def _thin(self, now: float) -> None:
        sizes = self._sizes()

        def size(snapshots: Sequence[LabelSnapshot]) -> int:
            names = set[str]().union(*(s.contents for s in snapshots)) if snapshots else set[str]()
            return sum(sizes.get(name, 0) for name in names)

        self._drop(too_many(self._snapshots, now, size))

    def _sizes(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        with suppress(OSError), os.scandir(self._contents.folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    sizes[entry.name] = entry.stat().st_size
        return sizes

    def _drop(self, gone: Sequence[LabelSnapshot]) -> None:
        for snapshot in gone:
            try:
                self._path(snapshot).unlink(missing_ok=True)
            except OSError:
                continue  # it stays, with all that it needs
            self._snapshots.remove(snapshot)
        if not self._newer:
            self._contents.keep_only(set[str]().union(*(s.contents for s in self._snapshots)))


def _described(taken: Taken) -> tuple[LabelSnapshot, list[bytes]]:
    """Return the snapshot of what was taken, and the contents that it needs."""
    snapshot = LabelSnapshot(
        new_id(taken.time, secrets.token_hex(3)),
        taken.time,
        taken.why,
        taken.scheme,
        {place: name_of(content) for place, content in taken.labels.items()},
        {place: name_of(content) for place, content in taken.numbers.items()},
        (name_of(taken.descriptions[0]), name_of(taken.descriptions[1])),
        name_of(taken.points) if taken.points else "",
        taken.counts,
        taken.log_size,
        taken.name.strip(),
    )
    contents = [*taken.labels.values(), *taken.numbers.values(), *taken.descriptions]
    return snapshot, [*contents, *filter(None, [taken.points])]
