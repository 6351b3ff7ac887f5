"""Patches in memory, resized and labelled, and the batches that are made of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from annotations.classes import UNLABELLED
from annotations.sampling import random_mask
from trainer.landcover_ai import DatasetError, Patch, read_patches
from trainer.normalisation import IMAGENET, Normalisation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from trainer.config import FitConfig, LabelConfig

__all__ = [
    "PatchSet",
    "batches",
    "choose_labels",
    "dataset_normalisation",
    "labelled_counts",
    "load_patches",
    "resize",
]


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
    """

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def choose_labels(truth: NDArray[np.int8], config: LabelConfig, seed: int, index: int, n_classes: int) -> NDArray[Any]:
    """Return the training labels of patch `index`: the same at each call, whatever the order of the patches read.

    They are drawn with the seed plus the patch's index, as in the published report.
    """
    if config.fraction == 1:
        return truth
    return random_mask(
        truth, config.fraction, seed + index, n_classes=n_classes, per_class=config.per_class, per=config.per
    )


def resize(images: Tensor, size: int, *, labels: bool, antialias: bool = True) -> Tensor:
    """Resize images (N, C, H, W) bilinearly, or labels (N, H, W) to the nearest pixel's."""
    if images.shape[-2:] == (size, size):
        return images
    if labels:
        carried = functional.interpolate(images[:, None].float(), (size, size), mode="nearest-exact")
        return carried[:, 0].to(images.dtype)
    moved = functional.interpolate(images.float(), (size, size), mode="bilinear", antialias=antialias)
    return moved if images.is_floating_point() else moved.round_().to(images.dtype)


def load_patches(
    patches: Sequence[Patch],
    config: FitConfig,
    n_classes: int,
    labels: Sequence[LabelConfig | None],
    progress: Callable[[float], None] | None = None,
) -> list[PatchSet]:
    """Read patches once, and label them in several ways.

    Parameters
    ----------
    patches : sequence of Patch
        From `trainer.landcover_ai.read_split`.
    config : FitConfig
        Gives input size and seed.
    n_classes : int
        Number of classes.
    labels : sequence of LabelConfig or None
        One result each; None for the whole ground truth.
    progress : callable, optional
        Takes the share done.

    Returns
    -------
    list of PatchSet
        They share their images.
    """
    # Sheet by sheet, since opening a file costs more than reading a patch of it.
    order = sorted(range(len(patches)), key=lambda i: (patches[i].image, i))
    images: Tensor | None = None
    targets = [torch.empty(len(patches), config.input_size, config.input_size, dtype=torch.int8) for _ in labels]
    for done, (index, (_, pixels, truth)) in enumerate(
        zip(order, read_patches([patches[i] for i in order], n_classes), strict=True), 1
    ):
        shrunk = resize(
            torch.from_numpy(pixels).permute(2, 0, 1)[None], config.input_size, labels=False, antialias=config.antialias
        )
        if images is None:
            images = torch.empty(len(patches), *shrunk.shape[1:], dtype=shrunk.dtype)
        images[index] = shrunk[0]
        for target, choice in zip(targets, labels, strict=True):
            chosen = truth if choice is None else choose_labels(truth, choice, config.seed, index, n_classes)
            target[index] = resize(torch.from_numpy(chosen)[None], config.input_size, labels=True)[0]
        if progress is not None:
            progress(done / len(patches))
    if images is None:
        raise DatasetError("there are no patches to read")
    names = tuple(p.name for p in patches)
    return [PatchSet(images, target, names) for target in targets]


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
    for at in range(0, len(images), 64):
        values = images[at : at + 64].double()
        sums[0] += values.sum((0, 2, 3))
        sums[1] += values.square().sum((0, 2, 3))
    mean, square = sums / (images.numel() / images.shape[1])
    deviation = (square - mean.square()).clamp(min=0).sqrt().clamp(min=1e-6)
    return Normalisation(tuple(mean.tolist()), tuple(deviation.tolist()))


def batches(patches: PatchSet, indices: Sequence[NDArray[np.int64]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images and labels of each group of indices; a thread gathers the next while one is in use."""

    def gather(chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        where = torch.from_numpy(chosen)
        return patches.images[where], patches.labels[where]

    with ThreadPoolExecutor(1) as thread:
        ahead = None
        for chosen in indices:
            following = thread.submit(gather, chosen)
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()


def labelled_counts(patches: PatchSet, n_classes: int) -> list[int]:
    """Return the number of labelled pixels of each class."""
    known = patches.labels[patches.labels != UNLABELLED]
    return [int(n) for n in torch.bincount(known.long(), minlength=n_classes)]
