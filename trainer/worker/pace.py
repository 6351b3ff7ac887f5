"""How the worker's time is shared: between training and predicting, and how often it reports."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pace"]

_SHARE_IN_VIEW = 0.4  # of the time goes to predicting what is in view, while training
_SHARE_BEYOND = 0.15
_REPORT_SECONDS = 0.5  # each is a new picture of the viewer's whole window
_WINDOW = 40


class Pace:
    """Keeps account of the seconds spent.

    Parameters
    ----------
    clock : callable
        Seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._owed_training = 0.0
        self._report_at = 0.0
        self._steps: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._pass_start = clock()

    def predicted(self, seconds: float, *, in_view: bool) -> None:
        """Note that a block was predicted; training is owed its share of time first."""
        share = _SHARE_IN_VIEW if in_view else _SHARE_BEYOND
        self._owed_training += seconds * (1 - share) / share

    def trained(self, seconds: float) -> None:
        """Note that a step was made."""
        self._owed_training = max(self._owed_training - seconds, 0.0)
        self._steps.append((self._clock(), seconds))

    def may_predict(self) -> bool:
        """Whether training has had its share."""
        return self._owed_training <= 0

    def may_report(self) -> bool:
        """Whether it is time for the next report; if so, the time until the one after begins."""
        now = self._clock()
        if now < self._report_at:
            return False
        self._report_at = now + _REPORT_SECONDS
        return True

    def pass_started(self) -> None:
        """Note that a pass of prediction begins."""
        self._pass_start = self._clock()

    def seconds_left(self, done: int, total: int) -> float | None:
        """Estimate the rest of the present pass; None when it is done or has just begun."""
        if done == 0 or done >= total:
            return None
        return (self._clock() - self._pass_start) / done * (total - done)

    @property
    def steps_per_second(self) -> float:
        """Steps a second of wall time over the last steps."""
        if len(self._steps) < 2:
            return 0.0
        elapsed = self._steps[-1][0] - self._steps[0][0]
        return (len(self._steps) - 1) / elapsed if elapsed > 0 else 0.0
