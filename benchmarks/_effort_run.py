"""What the effort benchmark notes: the score of the map while time passes, of one learner, policy and seed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Moment", "Run"]


@dataclass(frozen=True)
class Moment:
    """The map at one time.

    Parameters
    ----------
    seconds : float
        Since Train was pressed.
    strokes, labelled, step : int
        Strokes drawn, pixels labelled, and training steps made.
    miou : float
        Of the map as shown.
    """

    seconds: float
    strokes: int
    labelled: int
    step: int
    miou: float


@dataclass(frozen=True)
class Run:
    """One learner, one policy, one seed."""

    learner: str
    policy: str
    seed: int
    moments: tuple[Moment, ...]

    def at(self, seconds: float) -> float:
        """Return the mIoU of the map as it was shown at a time."""
        before = [m.miou for m in self.moments if m.seconds <= seconds + 0.05]
        return before[-1] if before else 0.0

    def worst_fall(self, after: float) -> float:
        """Return how far the mIoU fell below its best so far, at the most, after some seconds."""
        best = worst = 0.0
        for moment in self.moments:
            best = max(best, moment.miou)
            if moment.seconds >= after:
                worst = max(worst, best - moment.miou)
        return worst
