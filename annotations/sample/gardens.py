"""What surrounds a house: lawn, drive, yard, beds and hedges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotations.sample.canvas import METRE, blend
from annotations.sample.noise import fractal, grain, smoothstep
from annotations.sample.trees import BUSH, LEAFY, SPRUCE, Tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas, Window

__all__ = ["garden_tree", "paint_plot"]


@dataclass(frozen=True)
class _Plot:
    """The ground of a plot: a view into the canvas, where the plot is, and what makes it uneven."""

    part: NDArray[np.float32]
    along: NDArray[np.float32]
    across: NDArray[np.float32]
    inside: NDArray[np.bool_]
    half: float
    depth: float
    rough: NDArray[np.float32]
    speck: NDArray[np.float32]


def paint_plot(
    rng: np.random.Generator, canvas: Canvas, place: Window, half: float, depth: float, drive: float
) -> None:
    """Paint a plot: lawn, a drive, a paved yard, beds; across runs from the road (0) to the back."""
    shape = (place.along.shape[0], place.along.shape[1])
    free = canvas.truth[place.slices] == 0
    along, across = place.along, place.across
    rough = fractal(rng, shape, 2.5 * METRE, 4, 0.7)
    speck = grain(rng, shape, 0.7)
    inside = (np.abs(along) < half) & (across > 0) & (across < depth) & free
    plot = _Plot(canvas.albedo[place.slices], along, across, inside, half, depth, rough, speck)
    _lawn(rng, plot)
    _yard(rng, plot, drive, free)
    if rng.random() < 0.55:
        _beds(rng, plot)
    if rng.random() < 0.14:
        pool = np.hypot(along + 0.45 * half, (across - depth * 0.66)) < rng.uniform(1.6, 2.6)
        blend(plot.part, (112, 152, 164), 0.9 * (pool & inside))
    border = inside & ((half - np.abs(along) < 0.45) | (depth - across < 0.45))
    if rng.random() < 0.6:
        hedge = np.array((74.0, 86.0, 56.0)) * (1 + 0.15 * rough + 0.1 * speck)[..., None]
        plot.part[border] = hedge[border]
        canvas.height[place.slices][border] = 1.3
    else:
        plot.part[border] *= 0.88


def _lawn(rng: np.random.Generator, plot: _Plot) -> None:
    lawn = np.array((104.0, 119.0, 76.0)) * rng.uniform(0.9, 1.12) * np.array((rng.uniform(0.95, 1.12), 1, 1))
    stripes = 0.025 * np.sign(np.sin(2 * np.pi * plot.along / 1.1)) * (rng.random() < 0.3)
    blend(plot.part, lawn * (1 + 0.06 * plot.rough + 0.05 * plot.speck + stripes)[..., None], 0.9 * plot.inside)


def _yard(rng: np.random.Generator, plot: _Plot, drive: float, free: NDArray[np.bool_]) -> None:
    """Pave a drive, which begins in the road, and a yard at its end."""
    stone = np.array(((156, 151, 143), (140, 134, 127), (171, 163, 148), (122, 120, 117))[int(rng.integers(4))], float)
    setts = stone * (1 + 0.05 * plot.rough + 0.04 * plot.speck)[..., None]
    long = rng.uniform(14, 24)
    yard = (np.abs(plot.along - drive) < 1.7 + 0.1 * plot.rough) & (plot.across > -3) & (plot.across < long)
    yard |= (np.abs(plot.along - drive * 0.4) < plot.half * 0.45) & (np.abs(plot.across - long) < rng.uniform(2.0, 4.5))
    blend(plot.part, setts, 0.92 * (yard & free))


def _beds(rng: np.random.Generator, plot: _Plot) -> None:
    """Plant vegetables in rows near the back."""
    middle, bed = rng.uniform(-0.4, 0.4) * plot.half, rng.uniform(2.5, 5)
    beds = plot.inside & (np.abs(plot.along - middle) < bed) & (np.abs(plot.across - (plot.depth - 6)) < 4)
    rows = 0.5 + 0.5 * np.sin(2 * np.pi * plot.across / rng.uniform(0.9, 1.4))
    bare, green = np.array((124.0, 105.0, 84.0)), np.array((88.0, 103.0, 62.0))
    soil = bare + (green - bare) * (rows * smoothstep(plot.rough, -1, 1))[..., None]
    blend(plot.part, soil * (1 + 0.08 * plot.speck)[..., None], 0.9 * beds)


def garden_tree(rng: np.random.Generator, row: float, column: float) -> Tree:
    """Choose a fruit tree, a spruce or a bush."""
    kind = int(rng.choice([LEAFY, LEAFY, BUSH, BUSH, SPRUCE]))
    radius = float(rng.uniform(0.6, 1.3) if kind == BUSH else rng.uniform(1.4, 3.0))
    height = 1.8 if kind == BUSH else radius * float(rng.uniform(1.9, 2.8))
    return Tree(row, column, radius, height, kind, float(rng.uniform(0.88, 1.15)), float(rng.uniform(-0.05, 0.1)))
