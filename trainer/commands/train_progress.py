"""How training goes on: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainer import protocol

__all__ = ["TrainProgress"]

_LINE_SECONDS: Final = 15.0


class TrainProgress:
    """Shows the worker's reports on the standard error.

    Parameters
    ----------
    steps : int
        Steps to make.
    begun : int
        Steps that the network has seen before.
    terminal : bool, optional
        Whether somebody looks at a terminal; asked of the standard error where not given.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        steps: int,
        begun: int,
        *,
        terminal: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steps, self._begun, self._clock = steps, begun, clock
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._bar: Any = None
        self._phase = ""
        self._line_at = 0.0

    def say(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        tqdm.write(text, file=sys.stderr)

    def show(self, report: protocol.Progress, *, predicting: bool) -> None:
        """Show a report of training, or of the prediction that follows it."""
        done, total = (report.done, report.total) if predicting else (report.step - self._begun, self._steps)
        phase = "predicting" if predicting else "training"
        said = [] if report.loss is None else [f"loss {report.loss:.3f}"]
        said += [] if predicting else [f"{report.steps_per_second:.1f} steps/s"]
        if self._terminal:
            self._draw(phase, done, total, ", ".join(said))
        elif phase != self._phase or self._clock() >= self._line_at or done == total:
            self._line_at = self._clock() + _LINE_SECONDS
            print(", ".join([f"{phase}: {done:,} of {total:,}", *said]), file=sys.stderr, flush=True)
        self._phase = phase

    def _draw(self, phase: str, done: int, total: int, said: str) -> None:
        if self._bar is None or phase != self._phase:
            self.close()
            self._bar = tqdm(total=total, desc=phase, unit="step" if phase == "training" else "block", file=sys.stderr)
        self._bar.set_postfix_str(said, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
