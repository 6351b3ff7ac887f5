"""Messages from the viewer: read whatever comes, and put in an order that never lets a flood hold up a wish."""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import TYPE_CHECKING, BinaryIO, Final

from trainer import protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annotations.region import Region

__all__ = ["Inbox", "in_order"]

_GRACE_SECONDS: Final = 5.0  # for a last checkpoint after the viewer has gone
_LONGEST_LINE: Final = 64 * 1024 * 1024
_LONGEST_STROKE: Final = 30.0  # seconds; after that, word of its end was lost
_LINGER: Final = 1.5  # seconds; strokes follow each other, and the end of one is drawn after the release

_WISHES = (protocol.Train, protocol.Pause, protocol.Stop, protocol.Save, protocol.PredictAll, protocol.Shutdown)


def in_order(messages: Iterable[protocol.Message]) -> list[protocol.Message]:
    """Return messages in the order in which to act on them.

    Changes of labels that follow each other become one, and of views the last counts. What a person asked for goes
    before them; but nothing passes an `Open`, a change of classes or a fresh start, which give labels their meaning.
    """
    result: list[protocol.Message] = []
    regions: dict[Region, None] = {}
    revision = 0
    view: protocol.ViewChanged | None = None

    def flush() -> None:
        nonlocal view
        if view is not None:
            result.append(view)
        if regions:
            result.append(protocol.LabelsChanged(tuple(regions), revision))
        view = None
        regions.clear()

    for message in messages:
        match message:
            case protocol.LabelsChanged() if message.regions:
                regions.update(dict.fromkeys(message.regions))
                revision = max(revision, message.revision)
            case protocol.ViewChanged():
                view = message
            case protocol.Drawing():
                pass  # acted on when it was read
            case _ if isinstance(message, _WISHES):
                result.append(message)
            case _:
                flush()
                result.append(message)
    flush()
    return result


class Inbox:
    """Messages from the viewer, read in a thread of their own.

    Parameters
    ----------
    stream : binary file
        Lines of JSON; a line that is not a message becomes `Unknown`. When it ends, the process ends, a
        while later at most.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._messages: queue.SimpleQueue[protocol.Message | None] = queue.SimpleQueue()
        self.closed = threading.Event()
        self._drawing_until = 0.0
        self._stream = stream
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def _read(self) -> None:
        try:
            self._read_lines()
        finally:
            self.closed.set()
            self._messages.put(None)
        # The main thread saves and ends; should it hang (in an import, say), nothing is left behind all the same.
        time.sleep(_GRACE_SECONDS)
        os._exit(1)

    def _read_lines(self) -> None:
        too_long = False
        while line := self._stream.readline(_LONGEST_LINE):
            whole = line.endswith(b"\n")
            if not whole and len(line) >= _LONGEST_LINE:
                if not too_long:
                    reason = f"a line is longer than {_LONGEST_LINE:,} bytes"
                    self._messages.put(protocol.Unknown(line[:500].decode(errors="replace"), reason))
                too_long = True
                continue
            if too_long:  # the rest of it
                too_long = not whole
                continue
            if line.strip():
                message = protocol.decode(line)
                if isinstance(message, protocol.Drawing):  # at once, whatever waits
                    self._drawing_until = time.monotonic() + (_LONGEST_STROKE if message.down else _LINGER)
                self._messages.put(message)

    @property
    def drawing(self) -> bool:
        """Whether somebody draws at this moment, or did a moment ago."""
        return time.monotonic() < self._drawing_until

    def waiting(self) -> bool:
        """Whether there is a message."""
        return not self._messages.empty()

    def get(self, *, block: bool) -> protocol.Message | None:
        """Return the next message; None at the end of input, or when there is none and `block` is False."""
        try:
            return self._messages.get(block=block)
        except queue.Empty:
            return None
