"""The head learner: a linear classifier on pretrained features, fitted anew whenever labels change.

There is nothing to train and so nothing to wait for or to overturn: one fit takes a fraction of a second, and the same
labels give the same map. What takes time is the features, which are computed once for each window of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annotations.errors import PartialSegError
from trainer.checkpoint import Checkpoint, versions
from trainer.config import to_plain
from trainer.head.features import FeatureSource
from trainer.head.labelled_features import LabelledFeatures
from trainer.head.linear_head import fit_head
from trainer.head.predictor import HeadPredictor
from trainer.head.scaling import Scaling, measure_scaling
from trainer.models import HypercolumnConfig
from trainer.predict.folded import folded

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from annotations.classes import ClassScheme
    from annotations.region import Region
    from trainer.config import WorkConfig
    from trainer.head.linear_head import LinearHead
    from trainer.imagery import Imagery
    from trainer.live.label_index import LabelIndex
    from trainer.live.pixels import PixelSource
    from trainer.models.backbone import Backbone
    from trainer.normalisation import Normalisation
    from trainer.precision import Precision

__all__ = ["HeadLearner"]

_NOTHING_TO_DO: Final = 2**40  # steps since the labels: more than any session takes
_EARLY_WINDOWS: Final = 8  # features of so many windows are enough for a first map, while the rest is computed
_SAMPLE: Final = 6000  # pixels of the image, for how common the classes are


class _Level:
    """What is known of the image at one resolution."""

    def __init__(self, features: FeatureSource, level: int) -> None:
        self.labelled = LabelledFeatures(features, level)
        self.scaling: Scaling | None = None
        self.sample: torch.Tensor | None = None
        self.version = -1  # of the labels that `labelled` follows
        self.windows = 0
        self.fitted = False  # to all labels that there were, at least once

    def measure(self, features: FeatureSource, level: int) -> None:
        """Measure what is common in the image."""
        sample = features.sample(level)
        self.scaling = measure_scaling(sample, features.sizes)
        self.sample = sample[:: max(len(sample) // _SAMPLE, 1)].clone()  # of all places alike


class HeadLearner:
    """Fits heads to what `labels` holds, see `trainer.live.learning.Learner`.

    Parameters
    ----------
    backbone : Backbone
        Whose features it learns on.
    source : callable
        Returns the pixels of the image halved so many times.
    labels : LabelIndex
        The labelled pixels; whoever owns it adds to it.
    scheme : ClassScheme
        The classes.
    config : WorkConfig
        Penalty and prior.
    normalisation : Normalisation
        Of the orthophoto's bands.
    precision : Precision
        Device and numbers.
    colours : tuple of int
        Which bands are red, green and blue to the backbone, from 0.
    imagery : Imagery, optional
        Of the orthophoto, for the checkpoint.
    """

    def __init__(
        self,
        backbone: Backbone,
        source: Callable[[int], PixelSource],
        labels: LabelIndex,
        scheme: ClassScheme,
        config: WorkConfig,
        normalisation: Normalisation,
        precision: Precision,
        colours: tuple[int, ...],
        imagery: Imagery | None = None,
    ) -> None:
        self._backbone = backbone
        self._labels = labels
        self._scheme = scheme
        self._config = config
        self._normalisation = normalisation
        self._colours = colours
        self._imagery = imagery
        self._features = FeatureSource(
            folded(backbone, precision), source, normalisation, precision, colours, config.head.megabytes
        )
        self._levels: dict[int, _Level] = {}
        self._heads: dict[int, LinearHead] = {}
        self._fresh: set[int] = set()  # resolutions whose head knows all labels
        self._guess: tuple[int, LinearHead] | None = None  # resolution, and a head that knows a part of them
        self._level = 0
        self._version = 0
        self._step_count = 0

    # ------------------------------------------------------------------------------------------------ learning

    @property
    def step_count(self) -> int:
        """Fits in all."""
        return self._step_count

    @property
    def steps_since_labels(self) -> int:
        """0 while labels are not learnt yet, else very many."""
        return _NOTHING_TO_DO if self._level in self._fresh else 0

    @property
    def ready(self) -> bool:
        """Whether there is something to learn: labels of two classes at least."""
        return int((self._labels.counts > 0).sum()) >= 2

    @property
    def start_name(self) -> str:
        """Nothing: each fit is made of the labels alone."""
        return ""

    @property
    def first_guess_steps(self) -> int:
        """One fit is a map."""
        return 1

    @property
    def resumed_whole(self) -> bool:
        """Always: the labels are all that it learns from."""
        return True

    @property
    def can_save(self) -> bool:
        """Whether the head for full resolution knows all labels."""
        return 0 in self._fresh

    def look_at(self, level: int, region: Region) -> None:
        """Fit the head for this resolution first, and keep the features of what is in view."""
        self._level = level
        self._features.look_at(level, region.shrunk(1 << level))

    def labels_arrived(self, changed: int | None = None) -> None:
        """Fit anew."""
        self._version += 1
        self._heads = {}  # the map in the making goes on with those that it has
        self._fresh = set()
        self._guess = None

    def step(self, cancelled: Callable[[], bool]) -> bool:
        """Do a slice of the work for the view's resolution; return whether a head was fitted."""
        level, count = self._level, self._step_count
        before = self._newest(level)
        self.prepare(level)
        if self._newest(level) is before:
            return False
        self._step_count = count + 1
        return True

    def _newest(self, level: int) -> LinearHead | None:
        guess = self._guess[1] if self._guess is not None and self._guess[0] == level else None
        return self._heads.get(level, guess)

    def prepare(self, level: int) -> bool:
        """Do a slice of what a head for this resolution needs; return whether there is more to do."""
        if level in self._fresh or not self.ready:
            return False
        at = self._levels.setdefault(level, _Level(self._features, level))
        if at.scaling is None:
            at.measure(self._features, level)
            return True
        if at.version != self._version:
            at.labelled.labels_are(*self._labels.spread())
            at.version, at.windows = self._version, 0
        while at.labelled.cheap:
            at.labelled.collect()
        if not at.labelled.complete:
            at.labelled.collect()
            at.windows += 1
            if at.windows == _EARLY_WINDOWS and not at.fitted and level == self._level:
                head = self._fit(at)
                self._guess = None if head is None else (level, head)
        if at.labelled.complete:
            self._complete(at, level)
        return level not in self._fresh

    def _complete(self, at: _Level, level: int) -> None:
        """Fit to all labels; where there are none of two classes that count at this resolution, there is no head."""
        self._fresh.add(level)
        head = self._fit(at)
        if head is None:
            return
        at.fitted = True
        self._heads[level] = head
        if self._guess is not None:
            if self._guess[0] == level:  # a map that was made of the guess is to be made anew
                self._step_count += 1
            self._guess = None

    def _fit(self, at: _Level) -> LinearHead | None:
        known = at.labelled.known()
        if known is None or at.scaling is None or at.sample is None:
            return None
        head = self._config.head
        return fit_head(*known, len(self._scheme), at.scaling, head.penalty, at.sample, head.prior)

    def warm(self) -> bool:
        """Measure what is common in the image, then compute the features of what is in view, a window at a time."""
        at = self._levels.setdefault(self._level, _Level(self._features, self._level))
        if at.scaling is None:
            at.measure(self._features, self._level)
            return True
        return self._features.warm()

    def take_notes(self) -> list[str]:
        """Return nothing: there is nothing that could go wrong unseen."""
        return []

    def take_loss(self) -> float | None:
        """Return None: a fit has no loss that tells how far it is."""
        return None

    def halve_micro_batch(self) -> int:
        """Return 0: windows are computed one by one."""
        return 0

    # ---------------------------------------------------------------------------------------------- prediction

    def snapshot(self) -> HeadPredictor:
        """Return the heads of this moment; those of other resolutions join them when they are prepared.

        While the view has but a head that knows a part of the labels, it is that one alone.
        """
        if self._guess is not None and self._guess[0] == self._level:
            return HeadPredictor(self._features, dict([self._guess]), settled=False)
        return HeadPredictor(self._features, self._heads)

    # --------------------------------------------------------------------------------------------- persistence

    def checkpoint(self) -> Checkpoint:
        """Return head and backbone as one network, for full resolution."""
        while self.prepare(0):
            pass
        if 0 not in self._heads:
            raise PartialSegError("There is no map to save without labels of two classes: draw some of another class.")
        head = self._heads[0]
        state = {
            f"backbone.{k}": v.half() if v.is_floating_point() else v for k, v in self._backbone.state_dict().items()
        }
        return Checkpoint(
            model=HypercolumnConfig(decoder=self._backbone.bridge is not None, colours=self._colours),
            in_channels=self._normalisation.bands,
            scheme=self._scheme,
            normalisation=self._normalisation,
            state_dict={**state, "weights": head.weights.cpu().clone(), "constants": head.constants.cpu().clone()},
            metrics={},
            config=to_plain(self._config),
            versions=versions(),
            step=self._step_count,
            imagery=self._imagery,
        )

    def state(self) -> dict[str, Any]:
        """Return the number of fits: all else comes from the labels."""
        return {"step": self._step_count}

    def resume(self, checkpoint: Checkpoint, state: dict[str, Any] | None) -> list[str]:
        """Go on counting fits; the head itself is fitted anew when it is asked for.

        The saved one may be of other labels or of classes in another order, and the map would be that of neither.
        """
        self._step_count = checkpoint.step
        return []

    def set_scheme(self, scheme: ClassScheme, labels: LabelIndex) -> None:
        """Take another class scheme."""
        resized = len(scheme) != len(self._scheme)
        self._scheme = scheme
        self._labels = labels
        if resized:
            self.labels_arrived()
