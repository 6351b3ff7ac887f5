"""What is open for learning: pixels, labels and network, and the choice of the weights that it starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from annotations.classes import ClassScheme
from annotations.errors import PartialSegError
from annotations.images.band_roles import BandRoles
from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import kept_statistics
from annotations.prediction.doubt import Doubt
from annotations.prediction.kept_doubt import KeptDoubt
from annotations.prediction.kept_map import KeptPrediction
from annotations.prediction.shared_array import SharedArray
from annotations.project.sweeping import sweep_places
from annotations.project_files import SharedFiles
from annotations.region import Region
from annotations.store.mask import SparseMask
from trainer.backbone_weights import load_backbone
from trainer.checkpoint import Checkpoint, CheckpointError, describe
from trainer.config import ModelConfig, WorkConfig, from_plain
from trainer.head.learner import HeadLearner
from trainer.imagery import Imagery
from trainer.live.fitting_start import fit_start
from trainer.live.label_index import LabelIndex
from trainer.live.learner import LiveLearner
from trainer.live.pixels import BlockCache, Pyramid
from trainer.live.start import NOTHING, STARTER, load_start
from trainer.models import HypercolumnConfig
from trainer.normalisation import Normalisation
from trainer.precision import Precision, choose_precision
from trainer.worker.files import keep_former, load_work
from trainer.worker.threads import ThreadGovernor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annotations.images.orthophoto import Orthophoto
    from trainer import protocol
    from trainer.live.learning import Learner
    from trainer.live.pixels import PixelSource

__all__ = ["OpenWork", "merged", "scheme_of"]

_FEW_REGIONS = 16  # more are taken block by block
_TILE = 512


def scheme_of(classes: list[dict[str, Any]]) -> ClassScheme:
    """Return the class scheme of a message.

    Raises
    ------
    PartialSegError
        A class lacks its name or colour, or something else stands where a class should be.
    """
    try:
        return ClassScheme.from_json(classes)
    except PartialSegError:
        raise
    except Exception as error:
        raise PartialSegError(
            f"The classes of the message cannot be used ({type(error).__name__}: {error}): each needs a name and a "
            "colour. The classes stay as they were."
        ) from error


def merged(regions: Iterable[Region], shape: tuple[int, int]) -> list[Region]:
    """Return regions that cover the same, clipped to an image: no more than it has blocks, none twice, none empty."""
    clipped = {region.clipped(shape) for region in regions}
    clipped = {region for region in clipped if not region.empty}
    if len(clipped) <= _FEW_REGIONS:
        return sorted(clipped)
    return sorted({tile.clipped(shape) for region in clipped for tile in region.tiles(_TILE)})


class OpenWork:
    """All that belongs to the orthophoto being learnt.

    Parameters
    ----------
    message : Open
        What the viewer asked for.
    threads : int
        CPU threads when the configuration leaves it open.

    Raises
    ------
    PartialSegError
        The orthophoto, the labels or the saved network cannot be read.
    """

    def __init__(self, message: protocol.Open, threads: int) -> None:
        self.config = from_plain(WorkConfig, message.config)
        self.scheme = scheme_of(message.classes)
        self.ortho: Orthophoto = open_orthophoto(
            message.image, message.display_bands or None, BandRoles.from_json(message.roles)
        )
        self.image = BlockCache(self.ortho)
        self.coarse = Pyramid(self.image)
        self.labels_path = Path(message.labels)
        shape = self.image.shape
        self.prediction = SharedArray.open(message.prediction, shape)
        self.confidence = SharedArray.open(message.confidence, shape)
        self.doubt = Doubt.open(message.doubt, shape) if message.doubt else Doubt.nothing(shape)
        self.kept = KeptPrediction(message.keep, shape)
        self.kept_doubt = KeptDoubt(Path(message.keep), shape)
        self.weights = Path(message.weights)
        sweep_places(self.weights, Path(message.keep))  # a worker that was killed while it saved
        self.normalisation = Normalisation(
            *kept_statistics(self.ortho, SharedFiles(Path(message.prediction).parent).statistics)
        )
        self.precision: Precision = choose_precision(self.config.device, threads_default=threads)
        free = self.precision.device.type == "cpu" and not self.config.device.threads and threads > 1
        self.governor = ThreadGovernor(torch.get_num_threads(), torch.set_num_threads) if free else None
        self.labels = LabelIndex(shape, len(self.scheme))
        self.blind = LabelIndex(shape, len(self.scheme))  # labels where the image has no data: known of, never learnt
        self._told_blind: set[str] = set()
        self.notes: list[str] = []
        self._read_all_labels()
        self.note_blind()
        self.notes += self.kept.notes
        self.kept.notes.clear()
        self._begin(load_work(self.weights, self.notes))

    def _begin(self, loaded: tuple[Checkpoint, dict[str, Any] | None] | None) -> None:
        """Begin where the saved work left off; with new weights where there is none."""
        learnt = None if loaded is None else loaded[0].model
        if isinstance(learnt, ModelConfig):
            if self.config.live.method == "head":  # of a version that had no head, or chosen by hand
                self.config = replace(self.config, live=replace(self.config.live, method="network"))
            if self.config.live.start not in (STARTER, NOTHING):
                # Training goes on from what was learnt, so the checkpoint that it once began from may be gone.
                self.config = replace(self.config, model=learnt)
        self._start(None if loaded is None else loaded[0])
        if loaded is not None:
            self.notes += self._resume(*loaded)

    def _start_weights(self, learnt: Checkpoint | None) -> Checkpoint | None:
        """Return what to start from; a named checkpoint brings its own network.

        Where it is gone, what was learnt from it stands in: that is loaded afterwards anyhow.
        """
        start = self.config.live.start
        try:
            checkpoint = load_start(start)
        except CheckpointError:
            if learnt is None:
                raise
            return learnt
        if checkpoint is None or checkpoint.model == self.config.model:
            return checkpoint
        if start != STARTER and isinstance(checkpoint.model, ModelConfig):
            self.config = replace(self.config, model=checkpoint.model)
            return checkpoint
        # The weights that ship with the tool are for its default network; any other starts from nothing.
        return None

    def _fitted(self, learnt: Checkpoint | None) -> Checkpoint | None:
        """Return what to start from with the bands of this image; the usual start where that could only hinder."""
        chosen = self.config
        start = self._start_weights(learnt)
        if start is None or chosen.live.start == STARTER or start is learnt:
            return start
        fitted = fit_start(start, self.ortho, self.normalisation, chosen.live.start)
        if not fitted.refused:
            # Where training goes on, this was told when it began.
            self.notes += fitted.notes if learnt is None else ()
            return fitted.checkpoint
        self.notes += [fitted.refused] if learnt is None else []
        self.config = replace(chosen, live=replace(chosen.live, start=STARTER))
        return self._start_weights(learnt)

    def _start(self, learnt: Checkpoint | None = None) -> None:
        self.learner: Learner
        if self.config.live.method == "head":
            colours = self.ortho.colour_bands
            self.learner = HeadLearner(
                load_backbone(),
                self.pixels,
                self.labels,
                self.scheme,
                self.config,
                self.normalisation,
                self.precision,
                colours * 3 if len(colours) == 1 else colours,
                Imagery.of(self.ortho),
            )
            return
        start = self._fitted(learnt)
        self.learner = LiveLearner(
            self.image,
            self.labels,
            self.scheme,
            self.config,
            self.normalisation,
            self.precision,
            start,
            self.coarse,
            Imagery.of(self.ortho),
        )

    def restart(self, config: WorkConfig) -> None:
        """Begin with new weights."""
        if config.device != self.config.device:
            self.precision = choose_precision(config.device, threads_default=torch.get_num_threads())
        self.config = config
        self._start()

    def _resume(self, checkpoint: Any, state: dict[str, Any] | None) -> list[str]:
        head = self.config.live.method == "head"
        if isinstance(checkpoint.model, HypercolumnConfig) != head or (
            not head and checkpoint.model != self.config.model
        ):
            keep_former(self.weights)
            return [
                f"{self.weights}: the saved network is another one (a {describe(checkpoint.model)}) than the one "
                "chosen; training starts with new weights, and the saved ones are kept beside them."
            ]
        if head:
            return self.learner.resume(checkpoint, state)
        fitted = fit_start(checkpoint, self.ortho, self.normalisation, str(self.weights))
        self.notes += fitted.notes  # it last learnt on another image of the project, or on other bands
        if checkpoint.scheme.names != self.scheme.names or fitted.checkpoint is not checkpoint:
            state = None
        checkpoint = fitted.checkpoint
        if checkpoint.in_channels != self.image.bands:
            state = None
        partly = self.learner.resume(checkpoint, state)
        if state is not None and not partly and not self.learner.resumed_whole:
            return [
                f"{self.weights}: resume.pth does not fit the network beside it and is not used; training goes on "
                "without, from the averaged weights."
            ]
        return [f"The saved network was taken over in part: {len(partly)} of its tensors differ."] if partly else []

    def _read_all_labels(self) -> None:
        for tile in Region.whole(self.image.shape).tiles(2048):
            self._read_labels(tile.clipped(self.image.shape), fresh=False)

    def _read_labels(self, region: Region, *, fresh: bool) -> int:
        labels = SparseMask.open(self.labels_path).read(region)
        if self.ortho.has_mask and (labels >= 0).any():
            valid = self.image.read_valid(region)
            self.blind.update(region, np.where(valid, np.int8(-1), labels), fresh=False)
            labels = np.where(valid, labels, np.int8(-1))
        elif self.ortho.has_mask:
            self.blind.update(region, labels, fresh=False)  # nothing is labelled here any more
        return self.labels.update(region, labels, fresh=fresh)

    def absorb(self, regions: tuple[Region, ...]) -> list[Region]:
        """Take in the labels of regions that changed on disk; return the same ground without what is told twice."""
        merged_regions = merged(regions, self.image.shape)
        changed = sum(self._read_labels(region, fresh=True) for region in merged_regions)
        self.note_blind()
        if changed:
            self.learner.labels_arrived(changed)
        return merged_regions

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Take another class scheme."""
        if len(scheme) != len(self.scheme):
            former = self.labels, self.blind
            self.labels, self.blind = (LabelIndex(self.image.shape, len(scheme)) for _ in range(2))
            try:
                self._read_all_labels()
            except Exception:
                self.labels, self.blind = former
                raise
        self.scheme = scheme
        self.learner.set_scheme(scheme, self.labels)

    @property
    def at_once(self) -> bool:
        """Whether labels become a map at once, without training that a person would have to start."""
        return self.config.live.method == "head"

    def take_notes(self) -> list[str]:
        """Return what was noticed since the last call, in sentences for people."""
        notes = [*self.notes, *self.kept.notes, *self.learner.take_notes()]
        self.notes.clear()
        self.kept.notes.clear()
        return notes

    def pixels(self, level: int) -> PixelSource:
        """Return the orthophoto, halved this many times."""
        return self.image if level == 0 else self.coarse.at(level)

    def why_waiting(self) -> str:
        """Say in words what is missing for training."""
        present = [self.scheme.names[i] for i in np.flatnonzero(self.labels.counts)]
        blind = self._blind_classes()
        lost = ""
        if blind:
            pixels = int(self.blind.counts.sum())
            lost = (
                f"{pixels:,} labelled pixels ({', '.join(blind)}) lie where the image has no data (nodata, transparent "
                "or not a number) and are not learnt from; draw where there is imagery"
            )
        if not present:
            return f"waiting for labels: {lost or 'draw a few strokes of at least two classes'}"
        return f"waiting for a second class: only {present[0]} has labels yet{lost and f'; {lost}'}"

    def _blind_classes(self) -> list[str]:
        """Return the classes that have labels, but only where the image has no data."""
        counts = (self.blind.counts > 0) & (self.labels.counts == 0)
        return [self.scheme.names[i] for i in np.flatnonzero(counts)]

    def note_blind(self) -> None:
        """Say, once for each class, that it has labels where nothing can be learnt from them alone."""
        new = [name for name in self._blind_classes() if name not in self._told_blind]
        if new:
            self._told_blind.update(new)
            self.notes.append(
                f"All labels of {', '.join(new)} lie where the image has no data (nodata, transparent or not a "
                "number): they are kept, but nothing can be learnt from them. Draw where there is imagery."
            )
