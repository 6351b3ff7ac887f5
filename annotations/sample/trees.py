"""Trees: crowns with lobes lit from one side, in woods of mixed species, hedges, avenues and gardens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from annotations.sample.canvas import METRE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas, Sun

__all__ = ["BUSH", "LEAFY", "PINE", "SPRUCE", "TREE_HEIGHT", "WOODLAND", "Tree", "Trees"]

LEAFY, PINE, SPRUCE, BUSH = 0, 1, 2, 3
TREE_HEIGHT = 3.0
"""Metres from which a plant counts as woodland."""
WOODLAND = 2
_VARIANTS = 6
_MAX_RADIUS = 22
_COLOURS = np.array([(97, 110, 74), (88, 98, 74), (67, 80, 62), (98, 109, 74)], np.float32)


@dataclass(frozen=True)
class Tree:
    """One plant: place in pixels, radius and height in metres, and a brightness of its own."""

    row: float
    column: float
    radius: float
    height: float
    kind: int
    tone: float = 1.0
    warmth: float = 0.0


@dataclass(frozen=True)
class _Stamp:
    relief: NDArray[np.float32]  # 0 outside, up to 1 at the top
    inside: NDArray[np.bool_]
    shade: NDArray[np.float32]
    leaves: NDArray[np.float32]


def _stamp(rng: np.random.Generator, radius: int, kind: int, sun: Sun) -> _Stamp:
    reach = radius + 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    away = np.hypot(y, x) / radius
    if kind == SPRUCE:
        turn = np.arctan2(y, x)
        ragged = 1 + 0.14 * np.sin(7 * turn + rng.uniform(0, 6)) + 0.08 * np.sin(12 * turn + rng.uniform(0, 6))
        relief = 1 - away / ragged
        steep = 1.9
    else:
        relief = np.where(away < 0.8, 0.75 * np.sqrt(np.maximum(1 - (away / 0.8) ** 2, 0)), 0) - 0.05
        size = (0.26, 0.42) if kind == PINE else (0.28, 0.52)
        for _ in range(int(rng.integers(9, 13) + radius // 3)):
            far = 0.74 * np.sqrt(rng.random())
            turn, own = rng.uniform(0, 2 * np.pi), rng.uniform(*size)
            across = np.hypot(y / radius - far * np.sin(turn), x / radius - far * np.cos(turn))
            bulge = np.sqrt(np.maximum(1 - (across / own) ** 2, 0)) * own * 0.9
            relief = np.maximum(
                relief, np.where(across < own, 0.72 * np.sqrt(1 - min(far, 0.95) ** 2) + bulge - 0.12, 0)
            )
        steep = 1.0
    relief = np.maximum(relief, 0).astype(np.float32)
    inside = relief > 0.02
    rise = gaussian_filter(relief, 0.5 + radius / 24) * radius * steep
    slope_row, slope_column = np.gradient(rise)
    shade = np.clip(sun.lambert(slope_row, slope_column), 0.2, 1.45).astype(np.float32)
    leaves = gaussian_filter(rng.standard_normal(relief.shape), 0.6)
    leaves = (leaves / leaves.std()).astype(np.float32)
    return _Stamp(relief, inside, shade, leaves)


class Trees:
    """Draws trees from a stock of crowns made for one sun."""

    def __init__(self, rng: np.random.Generator, sun: Sun) -> None:
        """Grow the stock."""
        self._rng = rng
        self._stock = {
            (kind, radius): [_stamp(rng, radius, kind, sun) for _ in range(_VARIANTS)]
            for kind in (LEAFY, PINE, SPRUCE)
            for radius in range(2, _MAX_RADIUS + 1)
        }

    def plant(self, canvas: Canvas, trees: list[Tree]) -> None:
        """Draw the trees, low ones first, so that the higher crown covers the lower."""
        for tree in sorted(trees, key=lambda t: (t.height, t.row, t.column)):
            self._draw(canvas, tree)

    def _draw(self, canvas: Canvas, tree: Tree) -> None:
        shape = LEAFY if tree.kind == BUSH else tree.kind
        radius = int(np.clip(round(tree.radius * METRE), 2, _MAX_RADIUS))
        stamp = self._stock[shape, radius][int(self._rng.integers(_VARIANTS))]
        reach = stamp.relief.shape[0] // 2
        row, column = round(tree.row), round(tree.column)
        top, left = row - reach, column - reach
        rows = slice(max(top, 0), min(row + reach + 1, canvas.shape[0]))
        columns = slice(max(left, 0), min(column + reach + 1, canvas.shape[1]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        own = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
        # The crown fills the upper part of the tree: about as deep as it is wide.
        depth = min(0.75 * tree.height, (2.2 if shape == SPRUCE else 1.1) * tree.radius)
        top_of = tree.height - depth + depth * stamp.relief[own]
        height = canvas.height[rows, columns]
        over = stamp.inside[own] & (top_of > height)
        height[over] = top_of[over]
        colour = _COLOURS[tree.kind] * tree.tone * np.array((1 + tree.warmth, 1, 1 - 0.5 * tree.warmth), np.float32)
        texture = 1 + 0.1 * stamp.leaves[own][over]
        # Leaves low in the crown get less of the sky.
        texture *= 0.74 + 0.3 * stamp.relief[own][over]
        canvas.albedo[rows, columns][over] = colour * texture[:, None]
        canvas.shade[rows, columns][over] = stamp.shade[own][over]
        if tree.height >= TREE_HEIGHT:
            canvas.truth[rows, columns][over] = WOODLAND
