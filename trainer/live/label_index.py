"""Where the labelled pixels are: absorbs regions of labels and draws centres for training crops."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotations.classes import UNLABELLED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["LabelIndex", "shrink_labels"]

_CHUNK = 256  # 256 * 256 places fit in uint16: an index of ten million labelled pixels takes 20 MB
_FRESH_EDITS = 8
_FRESH_DRAWS = 96
_NOWHERE: NDArray[np.int64] = np.empty((0, 2), np.int64)
_SPREAD = 256


class _Rank:
    """A fixed order of a chunk's pixels in which any first few are spread all over it."""

    def __init__(self) -> None:
        self._rank = np.random.default_rng(0).permutation(_CHUNK * _CHUNK).astype(np.uint16)

    def first(self, flat: NDArray[np.uint16], most: int) -> NDArray[np.uint16]:
        """Return up to `most` of some pixels, those that come first."""
        return flat if len(flat) <= most else flat[np.argsort(self._rank[flat], kind="stable")[:most]]


_RANK = _Rank()


@dataclass(slots=True)
class _Chunk:
    labels: NDArray[np.int8]
    places: list[NDArray[np.uint16]]  # per class, flat positions of its pixels in the chunk
    spread: NDArray[np.uint16] | None = None  # some of them, see `LabelIndex.spread`


@dataclass(slots=True, eq=False)
class _Fresh:
    centres: NDArray[np.int64]  # (N, 2) rows and columns
    draws_left: int = _FRESH_DRAWS


class LabelIndex:
    """The labels that training knows of, in memory only where there are any.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the orthophoto.
    n_classes : int
        Number of classes.
    """

    def __init__(self, shape: tuple[int, int], n_classes: int) -> None:
        self.shape = shape
        self.n_classes = n_classes
        self._chunks: dict[tuple[int, int], _Chunk] = {}
        self._fresh: deque[_Fresh] = deque(maxlen=_FRESH_EDITS)
        self._counts = np.zeros(n_classes, np.int64)
        self._cumulative: list[tuple[list[tuple[int, int]], NDArray[np.int64]]] | None = None

    @property
    def counts(self) -> NDArray[np.int64]:
        """Labelled pixels per class, int64 of shape (n_classes,)."""
        return self._counts.copy()

    def update(self, region: Region, labels: NDArray[np.int8], *, fresh: bool = True) -> int:
        """Replace the labels of a region.

        Parameters
        ----------
        region : Region
            Inside the orthophoto.
        labels : ndarray of int8, shape (h, w)
            -1 or a class index.
        fresh : bool
            Whether the newly labelled pixels are drawn more often for a while.

        Returns
        -------
        int
            How many pixels changed.
        """
        if labels.shape != region.shape:
            raise ValueError(f"labels of shape {labels.shape} do not fit {region}")
        if labels.size and int(labels.max()) >= self.n_classes:
            raise ValueError(f"label {int(labels.max())} is above the {self.n_classes} classes")
        changed = 0
        centres: list[NDArray[np.int64]] = []
        for tile in region.tiles(_CHUNK):
            part = tile.intersection(region)
            count, new = self._replace(tile, part, labels[part.within(region).slices])
            changed += count
            centres += [new] if count else []
        if changed:
            self._cumulative = None
            new_centres = np.concatenate(centres)
            if fresh and len(new_centres):
                self._fresh.append(_Fresh(new_centres))
        return changed

    def _replace(self, tile: Region, part: Region, new: NDArray[np.int8]) -> tuple[int, NDArray[np.int64]]:
        """Replace labels in one chunk; return how many pixels changed, and the rows and columns of those labelled."""
        key = (tile.top // _CHUNK, tile.left // _CHUNK)
        chunk = self._chunks.get(key)
        if chunk is None and (new == UNLABELLED).all():
            return 0, _NOWHERE
        if chunk is None:
            chunk = _Chunk(np.full((_CHUNK, _CHUNK), UNLABELLED, np.int8), [])
            self._chunks[key] = chunk
        inside = part.within(tile).slices
        differs = chunk.labels[inside] != new
        if not differs.any():
            return 0, _NOWHERE
        rows, columns = np.nonzero(differs & (new != UNLABELLED))
        if chunk.places:
            self._counts -= np.array([len(p) for p in chunk.places], np.int64)
        chunk.labels[inside] = new
        flat = chunk.labels.ravel()
        chunk.places = [np.flatnonzero(flat == c).astype(np.uint16) for c in range(self.n_classes)]
        held = np.array([len(p) for p in chunk.places], np.int64)
        self._counts += held
        if not held.any():
            del self._chunks[key]
        chunk.spread = None
        return int(differs.sum()), np.stack([rows + part.top, columns + part.left], axis=1)

    def read(self, region: Region) -> NDArray[np.int8]:
        """Return the labels of a region, which may lie partly outside the image; -1 there and where unlabelled."""
        result = np.full(region.shape, UNLABELLED, np.int8)
        for tile in region.tiles(_CHUNK):
            chunk = self._chunks.get((tile.top // _CHUNK, tile.left // _CHUNK))
            if chunk is None:
                continue
            part = tile.intersection(region)
            result[part.within(region).slices] = chunk.labels[part.within(tile).slices]
        return result

    def spread(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return labelled pixels from everywhere: up to 256 of each class in each square of 256 px.

        They depend on the labels alone, and a new label changes none of those elsewhere.

        Returns
        -------
        places : ndarray of int64, (N, 2)
            Rows and columns.
        classes : ndarray of int64, (N,)
            Class indices.
        """
        places, classes = [_NOWHERE], [np.empty(0, np.int64)]
        for key in sorted(self._chunks):
            chunk = self._chunks[key]
            if chunk.spread is None:
                chunk.spread = np.concatenate([_RANK.first(flat, _SPREAD) for flat in chunk.places])
            places.append(np.stack(np.divmod(chunk.spread.astype(np.int64), _CHUNK), axis=1) + np.array(key) * _CHUNK)
            classes.append(chunk.labels.ravel()[chunk.spread].astype(np.int64))
        return np.concatenate(places), np.concatenate(classes)

    def sample(
        self, rng: np.random.Generator, number: int, *, balance: float, fresh_share: float = 0.0
    ) -> NDArray[np.int64]:
        """Draw labelled pixels.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of chance.
        number : int
            How many.
        balance : float
            0 draws classes by their labelled pixels, 1 each labelled class alike.
        fresh_share : float
            Share drawn from the newest edits, while these are new.

        Returns
        -------
        ndarray of int64, shape (number, 2)
            Rows and columns.

        Raises
        ------
        ValueError
            Nothing is labelled.
        """
        present = np.flatnonzero(self._counts)
        if not len(present):
            raise ValueError("no pixel is labelled")
        weights = self._counts[present].astype(float) ** (1.0 - balance)
        weights /= weights.sum()
        result = np.empty((number, 2), np.int64)
        from_fresh = int(rng.binomial(number, fresh_share)) if self._fresh and fresh_share > 0 else 0
        for i in range(number):
            if i < from_fresh and self._fresh:
                result[i] = self._draw_fresh(rng)
            else:
                result[i] = self._draw(rng, int(rng.choice(present, p=weights)))
        return result

    def _draw_fresh(self, rng: np.random.Generator) -> NDArray[np.int64]:
        edit = self._fresh[int(rng.integers(len(self._fresh)))]
        centre: NDArray[np.int64] = edit.centres[int(rng.integers(len(edit.centres)))]
        edit.draws_left -= 1
        if edit.draws_left <= 0:
            self._fresh.remove(edit)
        return centre

    def _draw(self, rng: np.random.Generator, class_index: int) -> tuple[int, int]:
        keys, cumulative = self._tables()[class_index]
        drawn = int(rng.integers(int(cumulative[-1])))
        nth = int(np.searchsorted(cumulative, drawn, side="right"))
        key = keys[nth]
        place = int(self._chunks[key].places[class_index][drawn - (int(cumulative[nth - 1]) if nth else 0)])
        return key[0] * _CHUNK + place // _CHUNK, key[1] * _CHUNK + place % _CHUNK

    def _tables(self) -> list[tuple[list[tuple[int, int]], NDArray[np.int64]]]:
        if self._cumulative is None:
            self._cumulative = []
            for c in range(self.n_classes):
                keys = [key for key, chunk in self._chunks.items() if len(chunk.places[c])]
                sizes = np.array([len(self._chunks[key].places[c]) for key in keys], np.int64)
                self._cumulative.append((keys, np.cumsum(sizes)))
        return self._cumulative


def shrink_labels(labels: NDArray[np.int8], factor: int, n_classes: int) -> NDArray[np.int8]:
    """Shrink labels and lose none: the most frequent class of a square counts, or none where it has no label.

    Parameters
    ----------
    labels : ndarray of int8, (..., H, W)
        H and W multiples of `factor`; -1 where unlabelled.
    factor : int
        Side of the squares that become one pixel.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of int8, (..., H / factor, W / factor)
    """
    if factor == 1:
        return labels
    *before, height, width = labels.shape
    squares = labels.reshape(*before, height // factor, factor, width // factor, factor)
    best = np.zeros((*before, height // factor, width // factor), np.int16)
    result = np.full(best.shape, UNLABELLED, np.int8)
    for c in range(n_classes):
        count = (squares == c).sum(axis=(-3, -1), dtype=np.int16)
        more = count > best
        result[more] = c
        best[more] = count[more]
    return result
