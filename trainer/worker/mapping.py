"""With which weights the map is made: passes over the image, each with those of a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.worker.schedule import TileSchedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annotations.region import Region
    from trainer.live.learning import Learner, RegionPredictor

__all__ = ["Mapping", "Pass"]

_PASS_STEPS = 6  # steps between two passes over the view, at the least, ...
_PASS_GROWTH = 0.15  # ... and as a share of the steps since the last labels: a map that hardly changes is left in peace


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """One set of weights, with which every tile is predicted once.

    Parameters
    ----------
    predictor : RegionPredictor
        Holds a copy of the weights.
    step : int
        Training steps that they have seen.
    revision : int
        Of the labels that were known then; what the viewer compares to tell old tiles from new.
    """

    predictor: RegionPredictor
    step: int
    revision: int


class Mapping:
    """The map of an orthophoto in the making.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the image.
    block : int
        Side of the blocks in pixels.

    Attributes
    ----------
    current : Pass or None
        What is predicted with; None until there is a network worth showing, and after the size of the blocks changed.
    schedule : TileSchedule
        What the pass has done.
    revision : int
        Of the newest labels.
    """

    def __init__(self, shape: tuple[int, int], block: int) -> None:
        self.schedule = TileSchedule(shape, block)
        self.current: Pass | None = None
        self.revision = 0
        self._shape = shape
        self._news_step = 0  # the training step at which the first labels came that the map does not know of
        self._complete: Pass | None = None

    def use_block(self, block: int) -> None:
        """Predict in blocks of this side from now on, all of it anew."""
        view, level = self.schedule.view, self.schedule.view_level
        self.schedule = TileSchedule(self._shape, block)
        self.schedule.set_view(view, 2.0**level)
        self.current = self._complete = None
        self._news_step = 0

    def labels_changed(self, regions: Iterable[Region], revision: int, step: int) -> None:
        """Note where labels are others since a training step: there the map is predicted first."""
        for region in regions:
            self.schedule.prefer(region)
        if self.revision == (0 if self.current is None else self.current.revision):
            self._news_step = step
        self.revision = max(self.revision, revision)

    def begin_pass(self, learner: Learner) -> None:
        """Predict everything anew with the weights of this moment, the view first."""
        self.current = Pass(learner.snapshot(), learner.step_count, self.revision)
        self.schedule.begin_pass()

    def is_due(self, learner: Learner) -> bool:
        """Whether the view is worth predicting anew: soon after new labels, then less and less."""
        if self.current is None or self.revision > self.current.revision:
            # Counted from the first of them: where one stroke follows the other, the map must not wait for the last.
            return learner.step_count - self._news_step >= learner.first_guess_steps
        steps = learner.step_count - self.current.step
        return self.view_done and steps >= max(_PASS_STEPS, _PASS_GROWTH * learner.steps_since_labels)

    def knows(self, learner: Learner) -> bool:
        """Whether the pass has the learner's newest weights."""
        return self.current is not None and self.current.step == learner.step_count

    @property
    def complete(self) -> bool:
        """Whether this pass was finished, see `completed`."""
        return self.current is not None and self._complete is self.current

    def completed(self) -> None:
        """Note that all is predicted in this pass."""
        self._complete = self.current

    @property
    def view_done(self) -> bool:
        """Whether this pass has predicted all that is in view, as finely as it is seen."""
        done, total = self.schedule.count(self.schedule.view_level, beyond_view=False)
        return done == total
