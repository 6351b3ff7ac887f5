"""Patches in memory, resized and labelled, and the batches that are made of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn import functional

from annotations.classes import UNLABELLED
from annotations.images.orthophoto import open_orthophoto
from annotations.random_mask import random_mask
from annotations.simulation.patch_labels import click_mask, scribble_mask
from trainer.imagery import Imagery
from trainer.landcover_ai import DatasetError, Patch, read_patches
from trainer.normalisation import IMAGENET, Normalisation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from trainer.config import FitConfig, LabelConfig

__all__ = [
    "PatchSet",
    "Patches",
    "batches",
    "choose_labels",
    "dataset_normalisation",
    "labelled_counts",
    "read_all",
    "resize",
    "shrink_labels",
]

_DESCRIBED: Final = 50


@dataclass(frozen=True)
class PatchSet:
    """Equally large patches, decoded.

    Parameters
    ----------
    images : Tensor (N, C, S, S)
        In the type of the files.
    labels : Tensor (N, S, S), int8
        -1 where unlabelled.
    names : tuple of str
        Of the patches.
    imagery : Imagery, optional
        What they are like, for the checkpoint.
    """

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]
    imagery: Imagery | None = None

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Patches:
    """The patches of a split, decoded once, to be labelled in as many ways as there are cells.

    Parameters
    ----------
    images : Tensor (N, C, S, S)
        At the input size, in the type of the files.
    truth : Tensor (N, P, P), int8
        The ground truth at the size of the patches, -1 where unknown: labels are drawn before resizing.
    names : tuple of str
        Of the patches.
    n_classes : int
        Number of classes.
    imagery : Imagery, optional
        What the images are like, at the input size.
    masked : int
        Pixels of the images that have no data.
    """

    images: Tensor
    truth: Tensor
    names: tuple[str, ...]
    n_classes: int
    imagery: Imagery | None = None
    masked: int = 0

    def __len__(self) -> int:
        return len(self.names)

    def known(self) -> int:
        """Return the number of pixels with a ground truth, at the size of the patches."""
        return sum(int((truth != UNLABELLED).sum()) for truth in self.truth)

    def labelled(self, config: LabelConfig | None, seed: int, *, keep: bool = False) -> tuple[PatchSet, list[int]]:
        """Draw labels, and resize them to the size of the images.

        Parameters
        ----------
        config : LabelConfig or None
            None for the whole ground truth.
        seed : int
            Of the labels that are drawn; with the same seed they are the same.
        keep : bool
            Lose no label in shrinking, instead of taking the nearest pixel's.

        Returns
        -------
        patches : PatchSet
        counts : list of int
            Labelled pixels of each class, before resizing.
        """
        size = self.images.shape[-1]
        labels = torch.empty(len(self), size, size, dtype=torch.int8)
        counts = torch.zeros(self.n_classes, dtype=torch.int64)
        for index, truth in enumerate(self.truth):
            chosen = truth
            if config is not None:
                chosen = torch.from_numpy(choose_labels(truth.numpy(), config, seed, index, self.n_classes))
            counts += torch.bincount(chosen[chosen != UNLABELLED].long(), minlength=self.n_classes)
            labels[index] = (shrink_labels(chosen[None], size) if keep else resize(chosen[None], size, labels=True))[0]
        return PatchSet(self.images, labels, self.names, self.imagery), counts.tolist()


def choose_labels(truth: NDArray[np.int8], config: LabelConfig, seed: int, index: int, n_classes: int) -> NDArray[Any]:
    """Return the training labels of patch `index`: the same at each call, whatever the order of the patches read.

    They are drawn with the seed plus the patch's index, as in the published report.
    """
    seed += index
    if config.kind == "clicks":
        return click_mask(truth, config.clicks, seed, n_classes=n_classes, radius=config.radius)
    if config.kind == "scribbles":
        return scribble_mask(truth, config.scribbles, seed, n_classes=n_classes)
    if config.fraction == 1:
        return truth
    return random_mask(truth, config.fraction, seed, n_classes=n_classes, per_class=config.per_class, per=config.per)


def resize(images: Tensor, size: int, *, labels: bool, antialias: bool = True) -> Tensor:
    """Resize images (N, C, H, W) bilinearly, or labels (N, H, W) to the nearest pixel's."""
    if images.shape[-2:] == (size, size):
        return images
    if labels:
        carried = functional.interpolate(images[:, None].float(), (size, size), mode="nearest-exact")
        return carried[:, 0].to(images.dtype)
    moved = functional.interpolate(images.float(), (size, size), mode="bilinear", antialias=antialias)
    return moved if images.is_floating_point() else moved.round_().to(images.dtype)


def shrink_labels(labels: Tensor, size: int) -> Tensor:
    """Resize labels (N, H, W) so that none is lost: a pixel takes the most frequent class of the labels it merges.

    To pick the nearest pixel, as is usual, throws three of four labels away when the side is halved: with dense labels
    nobody minds, with sparse ones they are all there is.

    Parameters
    ----------
    labels : Tensor (N, H, W), int8
        -1 where unlabelled.
    size : int
        Side of the result; where it is larger than H or W, the nearest pixel is taken after all.

    Returns
    -------
    Tensor (N, size, size), int8
        Of classes that are equally frequent the one with the lower number wins.
    """
    height, width = labels.shape[-2:]
    if size > min(height, width):
        return resize(labels, size, labels=True)
    if (height, width) == (size, size):
        return labels
    result = torch.full((len(labels), size, size), UNLABELLED, dtype=labels.dtype)
    for sample, target in zip(labels, result, strict=True):
        rows, columns = torch.nonzero(sample != UNLABELLED, as_tuple=True)
        classes = sample[rows, columns].long()
        if not len(classes):
            continue
        count = int(classes.max()) + 1
        place = (rows * size // height * size + columns * size // width) * count + classes
        votes = torch.bincount(place, minlength=size * size * count).view(size, size, count)
        most, winner = votes.max(-1)
        target[most > 0] = winner[most > 0].to(labels.dtype)
    return result


def read_all(patches: Sequence[Patch], config: FitConfig, n_classes: int) -> Patches:
    """Read patches once.

    Parameters
    ----------
    patches : sequence of Patch
        From `trainer.landcover_ai.read_split`.
    config : FitConfig
        Gives the input size.
    n_classes : int
        Number of classes.
    """
    # Sheet by sheet, since opening a file costs more than reading a patch of it.
    order = sorted(range(len(patches)), key=lambda i: (patches[i].image, i))
    images: Tensor | None = None
    truths: Tensor | None = None
    missing: list[int] = []
    for index, (_, pixels, truth) in zip(
        order, read_patches([patches[i] for i in order], n_classes, missing.append), strict=True
    ):
        shrunk = resize(
            torch.from_numpy(pixels).permute(2, 0, 1)[None], config.input_size, labels=False, antialias=config.antialias
        )
        if images is None or truths is None:
            images = torch.empty(len(patches), *shrunk.shape[1:], dtype=shrunk.dtype)
            truths = torch.empty(len(patches), *truth.shape, dtype=torch.int8)
        images[index] = shrunk[0]
        truths[index] = torch.from_numpy(truth)
    if images is None or truths is None:
        raise DatasetError("there are no patches to read")
    imagery = _imagery(patches, truths.shape[-1] / config.input_size)
    return Patches(images, truths, tuple(p.name for p in patches), n_classes, imagery, sum(missing))


def _imagery(patches: Sequence[Patch], scale: float) -> Imagery | None:
    """Describe the images that patches are of; of thousands of files, some are enough."""
    paths = sorted({patch.image for patch in patches})
    chosen = paths[:: -(-len(paths) // _DESCRIBED)]
    found = []
    for path in chosen:
        ortho = open_orthophoto(path)
        found.append(Imagery.of(ortho))
        ortho.close()
    return Imagery.of_several(found, scale)


def dataset_normalisation(config: FitConfig, patches: PatchSet) -> Normalisation:
    """Return the normalisation that the configuration asks for: of these patches, or ImageNet's.

    Raises
    ------
    DatasetError
        ImageNet's are asked for and the images are not 3 bands of uint8.
    """
    images = patches.images
    if config.normalise == "imagenet":
        if images.shape[1] != 3 or images.dtype != torch.uint8:
            raise DatasetError(
                f"the images have {images.shape[1]} bands of {images.dtype}, but ImageNet's normalisation is for 3 "
                "bands of 8 bits: choose normalise dataset"
            )
        return IMAGENET
    sums = torch.zeros(2, images.shape[1], dtype=torch.float64)
    counts = torch.zeros(images.shape[1], dtype=torch.float64)
    for at in range(0, len(images), 64):
        values = images[at : at + 64].double()
        known = values.isfinite()  # where there is no data, images of floating numbers hold NaN
        values = torch.where(known, values, 0.0)
        sums[0] += values.sum((0, 2, 3))
        sums[1] += values.square().sum((0, 2, 3))
        counts += known.sum((0, 2, 3))
    mean, square = sums / counts.clamp(min=1)
    deviation = (square - mean.square()).clamp(min=0).sqrt().clamp(min=1e-6)
    return Normalisation(tuple(mean.tolist()), tuple(deviation.tolist()))


def batches(
    patches: PatchSet, indices: Sequence[NDArray[np.int64]], waited: Callable[[float], None] | None = None
) -> Generator[tuple[Tensor, Tensor], None, None]:
    """Yield images and labels of each group of indices; a thread gathers the next while one is in use.

    Closed, it ends its thread.

    Parameters
    ----------
    patches : PatchSet
        What the indices point into.
    indices : sequence of ndarray
        One group of patches each.
    waited : callable, optional
        Takes the seconds for which each batch was waited for.
    """

    def gather(chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        where = torch.from_numpy(chosen)
        images = patches.images
        if images.dtype == torch.uint16:  # not every torch can pick from these
            return images.view(torch.int16)[where].view(torch.uint16), patches.labels[where]
        return images[where], patches.labels[where]

    with ThreadPoolExecutor(1) as thread:
        ahead = thread.submit(gather, indices[0]) if len(indices) else None
        for following in [*indices[1:], None]:
            if ahead is None:
                return
            start = time.perf_counter()
            batch = ahead.result()
            if waited is not None:
                waited(time.perf_counter() - start)
            ahead = None if following is None else thread.submit(gather, following)
            yield batch


def labelled_counts(patches: PatchSet, n_classes: int) -> list[int]:
    """Return the number of labelled pixels of each class."""
    counts = torch.zeros(n_classes, dtype=torch.int64)
    for at in range(0, len(patches), 64):  # a mask of all at once would be as large as the labels
        labels = patches.labels[at : at + 64]
        counts += torch.bincount(labels[labels != UNLABELLED].long(), minlength=n_classes)
    return [int(n) for n in counts]
