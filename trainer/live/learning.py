"""What the worker asks of whatever learns: the network that is trained, or the head on pretrained features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.region import Region
    from trainer.checkpoint import Checkpoint
    from trainer.live.label_index import LabelIndex
    from trainer.live.pixels import PixelSource
    from trainer.predict.hesitation import Hesitation

__all__ = ["Learner", "RegionPredictor"]


class RegionPredictor(Protocol):
    """What was learnt until a moment."""

    def region(
        self, level: int, source: PixelSource, region: Region, hesitation: Hesitation | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return classes and confidence, each uint8 of the region's shape.

        Parameters
        ----------
        level : int
            How often the image is halved in `source`.
        source : PixelSource
            The image at this resolution.
        region : Region
            In its pixels, inside of it.
        hesitation : Hesitation, optional
            Of the region's shape; filled in.
        """

    def ahead(self, level: int, region: Region) -> None:
        """Take note that `region` will be asked for this next, where it can be begun with meanwhile."""

    def can(self, level: int) -> bool:
        """Whether it was prepared for this resolution, see `Learner.prepare`."""

    def settled(self, level: int) -> bool:
        """Whether what it answers at this resolution is no guess from a part of the labels, but may be kept."""


class Learner(Protocol):
    """Learns from labels step by step."""

    @property
    def step_count(self) -> int:
        """Steps made in all."""

    @property
    def steps_since_labels(self) -> int:
        """Steps since the last labels came; very many where another would change nothing."""

    @property
    def ready(self) -> bool:
        """Whether there is something to learn: labels of two classes at least."""

    @property
    def start_name(self) -> str:
        """What it began from, as the configuration names it."""

    @property
    def first_guess_steps(self) -> int:
        """Steps after new labels before a map is worth showing."""

    @property
    def resumed_whole(self) -> bool:
        """Whether it went on from all that an earlier session left."""

    @property
    def can_save(self) -> bool:
        """Whether `checkpoint` would return at once."""

    def look_at(self, level: int, region: Region) -> None:
        """Take note of what is in view.

        Parameters
        ----------
        level : int
            How often the image is halved for it.
        region : Region
            In pixels of full resolution, inside the image.
        """

    def labels_arrived(self, changed: int | None = None) -> None:
        """Take note that labels changed; how many pixels, where that is known."""

    def step(self, cancelled: Callable[[], bool]) -> bool:
        """Do a slice of the learning; return whether it was a whole step."""

    def prepare(self, level: int) -> bool:
        """Do a slice of what is needed before predicting at a resolution; return whether there is more to do."""

    def warm(self) -> bool:
        """Do a slice of what a first map of the view will need; return whether there is more."""

    def snapshot(self) -> RegionPredictor:
        """Return what predicts as of this moment."""

    def take_notes(self) -> list[str]:
        """Return what people should know of since the last call."""

    def take_loss(self) -> float | None:
        """Return the mean loss since the last call, None without one."""

    def halve_micro_batch(self) -> int:
        """After running out of memory: use half as much at once; returns the new number, 0 where that is the least."""

    def checkpoint(self) -> Checkpoint:
        """Return all that prediction needs."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint lacks for learning to go on."""

    def resume(self, checkpoint: Checkpoint, state: dict[str, Any] | None) -> list[str]:
        """Go on from a checkpoint; return what could not be taken over, in words."""

    def set_scheme(self, scheme: ClassScheme, labels: LabelIndex) -> None:
        """Take another class scheme."""
