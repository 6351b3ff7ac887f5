"""Prediction block by block: a halo as wide as the network sees goes in, the inner block comes out.

No sums over overlapping blocks, so blocks may be predicted in any order, and a map on the screen and an exported one
agree. Memory grows with the block, not with the image. ``python -m trainer.predict`` makes a map of a raster.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from annotations.classes import NOT_PREDICTED
from annotations.region import Region
from trainer.models import Hypercolumn, UNet
from trainer.predict.folded import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import nn

    from trainer.normalisation import Normalisation
    from trainer.precision import Precision
    from trainer.predict.hesitation import Hesitation

    Read = Callable[[Region], NDArray[Any]]
    Block = tuple[Region, NDArray[np.uint8], NDArray[np.uint8]]

__all__ = ["BlockPredictor", "Pixels", "outer_region", "predict_block", "predict_blocks", "read_with_halo"]


class Pixels(Protocol):
    """What prediction needs of an image."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""

    def read(self, region: Region) -> NDArray[Any]:
        """Return (h, w, bands) pixels of a region inside the image."""


class BlockPredictor:
    """A network that turns pixels into classes and confidence.

    Parameters
    ----------
    model : torch.nn.Module
        With the attributes of `trainer.models.UNet`; a copy of it is made ready for prediction alone.
    normalisation : Normalisation
        Of the pixels.
    precision : Precision
        Device and numbers.

    Attributes
    ----------
    halo : int
        Pixels around a block that its prediction depends on; a multiple of `multiple`.
    multiple : int
        Height and width of a batch must be multiples of this.
    window : int or None
        Side of the only blocks that it predicts, of a grid anchored at (0, 0); None where any will do.
    """

    def __init__(self, model: nn.Module, normalisation: Normalisation, precision: Precision) -> None:
        self.model = folded(model, precision)
        self.normalisation = normalisation
        self.precision = precision
        self.halo = int(model.reach)  # type: ignore[arg-type]  # set by UNet and UNet++
        self.multiple = int(model.multiple)  # type: ignore[arg-type]
        self.window: int | None = model.window if isinstance(model, Hypercolumn) else None

    def predict(
        self,
        batch: NDArray[Any],
        inner: tuple[slice, slice] | None = None,
        hesitations: Sequence[Hesitation] = (),
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Classify a batch of equally large blocks.

        Parameters
        ----------
        batch : ndarray (B, h, w, bands)
            uint8, uint16 or float; h and w multiples of `multiple`.
        inner : tuple of slice, optional
            Rows and columns that are wanted, with start and stop; all by default. What follows then has their size.
        hesitations : sequence of Hesitation, optional
            One for each block, of the size of what is wanted; filled in.

        Returns
        -------
        classes : ndarray (B, h, w), uint8
            Class indices.
        confidence : ndarray (B, h, w), uint8
            The class's probability, 0 to 255.
        """
        if batch.dtype not in (np.uint8, np.uint16, np.float32):
            batch = batch.astype(np.float32)
        images = torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2)  # channels last as it is
        with torch.inference_mode():
            images = self.normalisation.apply(self.precision.images(images))
            with self.precision.autocast():
                if inner is None or not isinstance(self.model, UNet | Hypercolumn):
                    logits = self.model(images)
                    logits = logits if inner is None else logits[..., inner[0], inner[1]]
                else:
                    logits = self.model(images, inner)
            # In bfloat16 the softmax has steps of 1/128: close classes would tie. With the channels first it is faster.
            logits = logits.to(torch.float32, memory_format=torch.contiguous_format)
            probabilities = logits.softmax(dim=1)
            probability, classes = probabilities.max(dim=1)
            for n, hesitation in enumerate(hesitations):
                hesitation.take((slice(None), slice(None)), probabilities[n], probability[n], classes[n])
            confidence = probability.mul_(255).round_().to(torch.uint8)
            return classes.to(torch.uint8).cpu().numpy(), confidence.cpu().numpy()

    def can(self, level: int) -> bool:
        """Whether it predicts at this resolution: at any, as the network was trained for it."""
        return True

    def settled(self, level: int) -> bool:
        """Whether it is no guess: a network always is what it has learnt."""
        return True

    def ahead(self, level: int, region: Region) -> None:
        """Do nothing: one block at a time keeps every core busy."""

    def region(
        self, level: int, source: Pixels, region: Region, hesitation: Hesitation | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return classes and confidence, each uint8 of the region's shape; see `RegionPredictor`."""
        return predict_block(self, source.read, source.shape, region, hesitation)


def outer_region(inner: Region, halo: int, multiple: int) -> Region:
    """Return what the network must see for `inner`: the halo around it, on the grid of `multiple` px of the image.

    Pooling halves the image in a fixed grid; on another grid the same pixels give another prediction. So the region
    starts at a multiple, and its sides are multiples too. It may lie partly outside the image.
    """
    top, left = ((at - halo) // multiple * multiple for at in (inner.top, inner.left))
    bottom, right = (-(-(at + halo) // multiple) * multiple for at in (inner.bottom, inner.right))
    return Region.from_bounds(top, left, bottom, right)


def _reflected(start: int, stop: int, size: int) -> NDArray[np.int64]:
    """Return the indices start .. stop - 1, those outside 0 .. size - 1 reflected at the border, as often as needed."""
    if size == 1:
        return np.zeros(stop - start, np.int64)
    period = 2 * (size - 1)
    folded = np.arange(start, stop) % period
    return np.minimum(folded, period - folded)


def read_with_halo(read: Read, shape: tuple[int, int], inner: Region, halo: int, multiple: int) -> NDArray[Any]:
    """Read what the network must see for `inner`, the image reflected at its border.

    Parameters
    ----------
    read : callable
        Returns the pixels (h, w, bands) of a region inside the image.
    shape : tuple of int
        (H, W) of the image.
    inner : Region
        Inside the image, not empty.
    halo, multiple : int
        As `BlockPredictor` has them.

    Returns
    -------
    ndarray (h, w, bands)
        The pixels of `outer_region(inner, halo, multiple)`.
    """
    outer = outer_region(inner, halo, multiple)
    rows = _reflected(outer.top, outer.bottom, shape[0])
    columns = _reflected(outer.left, outer.right, shape[1])
    needed = Region.from_bounds(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    pixels = read(needed)
    if needed == outer:
        return pixels
    return pixels[np.ix_(rows - needed.top, columns - needed.left)]


def predict_block(
    predictor: BlockPredictor,
    read: Read,
    shape: tuple[int, int],
    inner: Region,
    hesitation: Hesitation | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return classes and confidence of a region inside the image, each uint8 of `inner.shape`.

    A hesitation of that shape is filled in, but for a predictor that has windows: of those the map is made elsewhere.
    """
    if predictor.window is not None:
        classes, confidence = np.empty(inner.shape, np.uint8), np.empty(inner.shape, np.uint8)
        for tile in inner.tiles(predictor.window):
            window = tile.clipped(shape)
            part = window.intersection(inner)
            found = _predict_whole(predictor, read, shape, window)
            for result, some in zip((classes, confidence), found, strict=True):
                result[part.within(inner).slices] = some[part.within(window).slices]
        return classes, confidence
    return _predict_whole(predictor, read, shape, inner, hesitation)


def _predict_whole(
    predictor: BlockPredictor,
    read: Read,
    shape: tuple[int, int],
    inner: Region,
    hesitation: Hesitation | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    pixels = read_with_halo(read, shape, inner, predictor.halo, predictor.multiple)
    cut = inner.within(outer_region(inner, predictor.halo, predictor.multiple)).slices
    classes, confidence = predictor.predict(pixels[None], cut, () if hesitation is None else (hesitation,))
    return classes[0], confidence[0]


def predict_blocks(
    predictor: BlockPredictor,
    read: Read,
    shape: tuple[int, int],
    *,
    block: int = 512,
    batch_size: int = 1,
    valid: Callable[[Region], NDArray[np.bool_]] | None = None,
) -> Iterator[Block]:
    """Yield region, classes and confidence of each block of an image, row by row.

    Blocks are the tiles of the grid of `block` px anchored at (0, 0), clipped to the image; a predictor that has
    windows is asked for these instead. While one batch is predicted a thread reads the next.

    Parameters
    ----------
    predictor : BlockPredictor
        The network.
    read : callable
        Returns the pixels (h, w, bands) of a region inside the image; called from another thread.
    shape : tuple of int
        (H, W) of the image.
    block : int
        Side of the blocks in pixels.
    batch_size : int
        Blocks predicted at once.
    valid : callable, optional
        Returns which pixels (h, w) of a region count; the others get class 255 and confidence 0.
    """
    tiles = [tile.clipped(shape) for tile in Region.whole(shape).tiles(predictor.window or block)]

    def load(inner: Region) -> tuple[NDArray[Any] | None, NDArray[np.bool_] | None]:
        counted = None if valid is None else valid(inner)
        if counted is not None and not counted.any():
            return None, counted
        return read_with_halo(read, shape, inner, predictor.halo, predictor.multiple), counted

    def groups() -> Iterator[list[Region]]:
        group: list[Region] = []
        for tile in tiles:
            if group and (len(group) == batch_size or group[0].shape != tile.shape):
                yield group
                group = []
            group.append(tile)
        if group:
            yield group

    with ThreadPoolExecutor(1) as reader:
        waiting = groups()
        ahead = [(tile, reader.submit(load, tile)) for tile in next(waiting, [])]
        while ahead:
            present, ahead = ahead, [(tile, reader.submit(load, tile)) for tile in next(waiting, [])]
            loaded = [(tile, *future.result()) for tile, future in present]
            seen = [pixels for _, pixels, _ in loaded if pixels is not None]
            # All blocks of a batch have one shape, and lie alike in what is read for them.
            first = loaded[0][0]
            cut = first.within(outer_region(first, predictor.halo, predictor.multiple)).slices
            answers = iter(zip(*predictor.predict(np.stack(seen), cut), strict=True)) if seen else iter(())
            for tile, pixels, counted in loaded:
                if pixels is None:
                    yield tile, np.full(tile.shape, NOT_PREDICTED, np.uint8), np.zeros(tile.shape, np.uint8)
                    continue
                classes, confidence = next(answers)
                if counted is not None:
                    classes = np.where(counted, classes, np.uint8(NOT_PREDICTED))
                    confidence = np.where(counted, confidence, np.uint8(0))
                yield tile, classes, confidence
