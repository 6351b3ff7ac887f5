"""A disk on which one write fails: files, folders and names below a folder are written through here, counted."""

from __future__ import annotations

import builtins
import errno
import io
import itertools
import os
import threading
from pathlib import Path

from annotations.classes import LANDCOVER_AI, ClassScheme

SHAPE = (24, 1040)  # of a project's images: three chunks
FEW, MORE = ClassScheme(LANDCOVER_AI.classes[:3]), ClassScheme(LANDCOVER_AI.classes[:4])
WAYS = list(itertools.product((errno.ENOSPC, errno.EROFS, errno.EIO), (False, True)))
"""Errors, and whether all writes after the first that fails do so too."""
WRITING = set("wax+")


class FailingDisk:
    """Counts what is written below a folder and lets one write, or all from one on, fail with an error of the system.

    It stands below everything that Python writes with: opening, writing, cutting, renaming, linking, removing, making
    folders, forcing to the disk. Of a failing write half of the bytes arrive, as on a disk that fills up.

    Parameters
    ----------
    monkeypatch : pytest.MonkeyPatch
    root : Path
        Writes elsewhere are neither counted nor touched.
    """

    def __init__(self, monkeypatch, root):
        self.root, self.real = os.path.abspath(root), io.open
        self.seen, self.failed, self.at, self.code, self.lasting = [], [], None, 0, False
        self._lock = threading.Lock()
        monkeypatch.setattr(io, "open", self.open)
        monkeypatch.setattr(builtins, "open", self.open)
        for name in ("replace", "rename", "link", "unlink", "mkdir", "rmdir", "truncate"):
            monkeypatch.setattr(os, name, self.counted(name, getattr(os, name)))
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(os, "open", self.counted("os.open", os.open, writes=lambda flags: flags & os.O_ACCMODE))

    def fail(self, at, code, *, lasting=False):
        """Let the write of this number fail, from now on counted from 0; `lasting`: and all after it, until `mend`."""
        self.seen, self.failed, self.at, self.code, self.lasting = [], [], at, code, lasting

    def mend(self):
        self.at = None

    def fsync(self, descriptor):
        """Only counted: it is not the power that fails here."""
        self.check("fsync", os.readlink(f"/proc/self/fd/{descriptor}"))

    def check(self, what, path):
        """Count a write; raise where it is the one that fails."""
        path = os.path.abspath(os.fsdecode(path))
        if not path.startswith(self.root):
            return
        with self._lock:
            number = len(self.seen)
            self.seen.append((what, Path(path).name))
            if self.at is not None and (number == self.at or (self.lasting and number > self.at)):
                self.failed.append((what, Path(path).name))
                raise OSError(self.code, os.strerror(self.code), path)

    def counted(self, what, function, writes=lambda flags: True):
        def call(path, *args, **kwargs):
            if kwargs.get("dir_fd") is None and writes(args[0] if args else 0):
                self.check(what, path)
            return function(path, *args, **kwargs)

        return call

    def open(self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        if isinstance(file, int) or opener is not None or not WRITING & set(mode):
            return self.real(file, mode, buffering, encoding, errors, newline, closefd, opener)
        self.check("open", file)
        raw = Raw(self, file, mode.replace("b", "").replace("t", ""))
        if buffering == 0:
            return raw
        binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding, errors, newline)


class Raw(io.FileIO):
    """A file without a buffer, each of whose writes may fail."""

    def __init__(self, disk, file, mode):
        super().__init__(file, mode)
        self.disk = disk

    def write(self, content):
        try:
            self.disk.check("write", self.name)
        except OSError:
            super().write(memoryview(content).cast("B")[: memoryview(content).nbytes // 2])
            raise
        return super().write(content)

    def truncate(self, size=None):
        self.disk.check("truncate", self.name)
        return super().truncate(size)
