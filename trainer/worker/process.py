"""The worker process: `python -P -m trainer.worker` speaks `trainer.protocol` over standard input and output.

It ends when its standard input closes, so that no worker outlives its viewer however that ended. It runs at a lower
priority and uses the cores that the viewer leaves free.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING

# Threads that wait must sleep, not spin: where the viewer or another program takes a core, spinning makes two threads
# several times slower than one. To be set before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("KMP_BLOCKTIME", "0")

from annotations.errors import PartialSegError
from trainer import protocol
from trainer.worker.inbox import Inbox, in_order
from trainer.worker.lane import PoliteLane
from trainer.worker.threads import Crowd

if TYPE_CHECKING:
    from trainer.worker.session import LiveSession

__all__ = ["main"]

_NICE = 5  # where there is no SCHED_BATCH
_MOST_AT_ONCE = 100_000  # messages that are taken out before any is acted on


class _Outbox:
    """Messages to the viewer. Anything else that libraries print goes to standard error."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._lock = threading.Lock()

    def send(self, message: protocol.Message) -> None:
        try:
            with self._lock:
                self._stream.write(protocol.encode(message))
        except BrokenPipeError:
            os._exit(0)  # the viewer has gone, and with it everybody who would want a last word


def _lower_priority() -> None:
    """Take an ordinary share of what others leave, but never the core of somebody who has just woken up.

    Lower (SCHED_IDLE, nice 10), the worker stands still where other programs use every core: nothing is learnt, and
    nothing saved. While somebody draws, it computes in a thread that gives way to everybody (`trainer.worker.lane`).
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # some containers do not allow it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    elif hasattr(os, "nice"):
        os.nice(_NICE)
    else:
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)


def _origin(error: BaseException) -> str:
    """Return where an error comes from that was put in other words, for a bug report; "" where it was not."""
    return "".join(traceback.format_exception(error.__cause__)) if error.__cause__ is not None else ""


def _run(session: LiveSession, inbox: Inbox, outbox: _Outbox) -> None:
    busy = False
    polite = PoliteLane()
    crowd = Crowd(os.cpu_count() or 1)
    while not inbox.closed.is_set():
        message = inbox.get(block=not busy)
        messages: list[protocol.Message] = []
        while message is not None:
            messages.append(message)
            message = inbox.get(block=False) if len(messages) < _MOST_AT_ONCE else None
        for wish in in_order(messages):
            if isinstance(wish, protocol.Shutdown):
                return
            try:
                session.handle(wish)
            except PartialSegError as error:
                outbox.send(protocol.Problem(str(error), detail=_origin(error), about=type(wish).__name__))
        try:
            work = session.work
            # Among busy programs it would stand still; and what a stroke changes in view is waited for.
            gives_way = inbox.drawing and not session.urgent and not crowd.full()
            busy = not inbox.closed.is_set() and (polite.run(work) if gives_way else work())
        except PartialSegError as error:
            # A damaged part of the orthophoto, say: trying again at once would fail again, and again.
            busy = False
            outbox.send(protocol.Problem(str(error), detail=_origin(error)))
            session.held_up()


def main() -> int:
    """Run until told to end, or until standard input closes; return the exit code."""
    outbox = _Outbox()
    inbox = Inbox(sys.stdin.buffer)
    outbox.send(protocol.Hello(os.getpid()))
    outbox.send(protocol.Status("starting", "loading torch"))
    _lower_priority()
    try:
        from trainer.precision import usable_cores
        from trainer.worker.session import LiveSession

        session = LiveSession(outbox.send, inbox.waiting, threads=usable_cores())
        outbox.send(protocol.Status("starting", "ready"))
        _run(session, inbox, outbox)
        session.handle(protocol.Shutdown())
    except Exception as error:
        text = f"The worker met an unexpected error and ends: {type(error).__name__}: {error}"
        outbox.send(protocol.Problem(text, fatal=True, detail=traceback.format_exc()))
        return 1
    return 0
