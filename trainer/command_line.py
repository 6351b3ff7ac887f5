"""How the commands end: with a sentence and an exit status, never with a traceback for a mistake of the user."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["called_as", "exit_status", "program_name"]

_called_as: Final[ContextVar[str]] = ContextVar("called_as", default="")


@contextmanager
def called_as(name: str) -> Iterator[None]:
    """Have the help of what runs inside name the program so, as "partialseg predict"."""
    before = _called_as.set(name)
    try:
        yield
    finally:
        _called_as.reset(before)


def program_name(usual: str) -> str:
    """Return what the help calls the program: `usual`, or what it was called as."""
    return _called_as.get() or usual


def exit_status(run: Callable[[], int | None], stopped: str | Callable[[], str]) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    run : callable
        The command, the reading of its arguments included: settings are checked as they are read. Returns its status;
        None is 0.
    stopped : str or callable
        What to say after Ctrl+C.

    Returns
    -------
    int
        2 after an error that a person can mend, which is told on the standard error in a sentence; 130 after Ctrl+C.
    """
    try:
        return run() or 0
    except PartialSegError as error:
        print(f"error: {error}", file=sys.stderr)
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        text = str(error).partition("\n")[0] or "more was asked for than there is"
        print(f"error: out of memory ({text}). Ask for smaller blocks, batches or networks.", file=sys.stderr)
    except OSError as error:
        text = error.strerror or str(error)
        print(f"error: {error.filename or 'a file'}: cannot be read or written ({text}).", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\n{stopped if isinstance(stopped, str) else stopped()}", file=sys.stderr)
        return 130
    return 2


def _out_of_memory(error: BaseException) -> bool:
    """Whether that is what an error means; torch, which is not imported for it, has a type only for graphics cards."""
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in text
        or "not enough memory" in text
    )
