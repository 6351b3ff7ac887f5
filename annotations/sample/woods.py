"""Where trees stand: the wood with its ragged border, groves, hedges, river banks, avenues, orchards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from annotations.sample.canvas import METRE, blend, ribbon
from annotations.sample.noise import fractal, grain, lattice, smoothstep
from annotations.sample.trees import BUSH, LEAFY, PINE, SPRUCE, WOODLAND, Tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas
    from annotations.sample.layout import Layout

__all__ = [
    "clear_rides",
    "forest",
    "hedges",
    "orchards",
    "paint_forest_floor",
    "riverside",
    "settle_woodland",
    "wood_density",
]


def wood_density(
    rng: np.random.Generator, layout: Layout, u: NDArray[np.float32], v: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how deep in the wood a pixel lies, in metres, negative outside; the border is ragged."""
    shape = (u.shape[0], u.shape[1])
    ragged = 7 * fractal(rng, shape, 34 * METRE, 4, 0.55)
    line = layout.metres * (0.29 + 0.05 * np.sin(u / (0.11 * layout.metres) + rng.uniform(0, 6)))
    depth = layout.wood_side * v - line + ragged
    # A clearing, and a grove beyond the river.
    clear_u, clear_v = rng.uniform(-0.25, 0.1) * layout.metres, layout.wood_side * 0.47 * layout.metres
    depth = np.minimum(depth, np.hypot((u - clear_u) / 1.5, v - clear_v) - 0.045 * layout.metres + 0.5 * ragged)
    grove_v = -layout.wood_side * rng.uniform(0.1, 0.3) * layout.metres
    grove_u = layout.river_u + 0.17 * layout.metres
    grove = 0.055 * layout.metres - np.hypot(u - grove_u, (v - grove_v) / 1.6) + 0.8 * ragged
    result: NDArray[np.float32] = np.maximum(depth, grove).astype(np.float32)
    return result


def paint_forest_floor(rng: np.random.Generator, canvas: Canvas, depth: NDArray[np.float32]) -> None:
    """Darken the ground under the trees, with bracken and needles; towards the border it turns to tall grass."""
    shape = canvas.shape
    rough = fractal(rng, shape, 3 * METRE, 4, 0.7)
    speck = grain(rng, shape, 0.8)
    fringe = np.array((97.0, 104.0, 70.0)) * (1 + 0.14 * rough + 0.08 * speck)[..., None]
    blend(canvas.albedo, fringe, 0.9 * smoothstep(depth + 1.5 * rough, -5, 0))
    floor = np.array((79.0, 81.0, 57.0)) * (1 + 0.16 * rough + 0.08 * speck)[..., None]
    blend(canvas.albedo, floor, 0.95 * smoothstep(depth + rough, 0, 4))


def _free(blocked: NDArray[np.bool_], row: float, column: float) -> bool:
    r, c = int(row), int(column)
    return 0 <= r < blocked.shape[0] and 0 <= c < blocked.shape[1] and not blocked[r, c]


def forest(rng: np.random.Generator, depth: NDArray[np.float32], blocked: NDArray[np.bool_]) -> list[Tree]:
    """Fill the wood with trees: stands of pine, of broadleaves, and mixed, thinning out at the border."""
    size = depth.shape[0]
    stand = lattice(rng, (size, size), 55 * METRE) + 0.5 * lattice(rng, (size, size), 20 * METRE)
    aged = lattice(rng, (size, size), 38 * METRE)
    trees: list[Tree] = []
    step = 3.3 * METRE
    for row in np.arange(-step, size + step, step):
        for column in np.arange(-step, size + step, step):
            y, x = row + rng.normal(0, 0.3) * step, column + rng.normal(0, 0.3) * step
            luck, luck_kind, own, tone, warmth = rng.random(5)
            r, c = int(np.clip(y, 0, size - 1)), int(np.clip(x, 0, size - 1))
            if depth[r, c] < 0.5 or (depth[r, c] < 9 and luck < 0.3) or blocked[r, c]:
                continue
            pines = 1 / (1 + np.exp(-5 * stand[r, c]))
            age = 1 + 0.16 * np.clip(aged[r, c], -1.5, 1.5)
            kind = (SPRUCE if luck_kind > 0.9 else PINE) if luck_kind < pines * 0.93 or luck_kind > 0.95 else LEAFY
            if kind == LEAFY:
                radius, height = (2.0 + 2.6 * own**1.5) * age, (12 + 8 * own) * age
                if luck > 0.72:
                    continue
            elif kind == PINE:
                radius, height = (1.5 + 0.9 * own) * age, (15 + 4 * own) * age
            else:
                radius, height = (1.5 + 1.0 * own) * age, (14 + 8 * own) * age
            if depth[r, c] < 6:
                radius, height = radius * 0.85, height * (0.45 + 0.09 * depth[r, c])
            trees.append(Tree(y, x, radius, height, kind, 0.86 + 0.28 * tone, 0.16 * (warmth - 0.45)))
    return trees


def clear_rides(canvas: Canvas, layout: Layout, blocked: NDArray[np.bool_]) -> None:
    """Keep trees off the dirt tracks."""
    for path in layout.tracks:
        strip = ribbon(canvas.shape, path, 2.4)
        if strip is not None:
            blocked[strip.slices] |= np.isfinite(strip.across)


def orchards(rng: np.random.Generator, layout: Layout, blocked: NDArray[np.bool_]) -> list[Tree]:
    """Plant fruit trees in rows behind some houses."""
    trees = []
    for _ in range(max(1, round(layout.metres / 150))):
        middle = rng.uniform(-0.35 * layout.metres, layout.river_u - 50)
        side = float(rng.choice([-1, 1]))
        wide, deep, pitch = rng.uniform(14, 26), rng.uniform(8, 16), rng.uniform(4.5, 6)
        for u in np.arange(-wide, wide, pitch):
            for v in np.arange(-deep, deep, pitch):
                if rng.random() < 0.86:
                    row, column = layout.frame.pixels(middle + u, side * (62 + v))
                    trees.append(_scatter(rng, float(row), float(column), 0.25, (1.4, 2.1)))
    return [t for t in trees if _free(blocked, t.row, t.column)]


def _scatter(rng: np.random.Generator, row: float, column: float, spread: float, radii: tuple[float, float]) -> Tree:
    radius = float(rng.uniform(*radii))
    height = radius * float(rng.uniform(2.0, 3.0))
    y, x = row + rng.normal(0, spread) * METRE, column + rng.normal(0, spread) * METRE
    kind = BUSH if radius < 1.3 else LEAFY
    height = min(height, 2.6) if kind == BUSH else height
    return Tree(y, x, radius, height, kind, float(rng.uniform(0.84, 1.14)), float(rng.uniform(-0.07, 0.1)))


def hedges(rng: np.random.Generator, layout: Layout, blocked: NDArray[np.bool_]) -> list[Tree]:
    """Plant hedgerows on some field borders, lone trees in fields, and trees along parts of the main road."""
    trees: list[Tree] = []
    for parcel in layout.parcels:
        if rng.random() < 0.28 and parcel.bottom - parcel.top > 30:
            thick = rng.uniform(0.4, 1.0)
            start, end = np.sort(rng.uniform(parcel.top, parcel.bottom, 2))
            for v in np.arange(start, end, 1.7):
                if rng.random() < thick:
                    row, column = layout.frame.pixels(parcel.left, v)
                    trees.append(_scatter(rng, float(row), float(column), 0.7, (0.8, 2.6)))
        elif rng.random() < 0.3:
            start, end = np.sort(rng.uniform(parcel.left, parcel.right, 2))
            for u in np.arange(start, end, 2.2):
                if rng.random() < 0.6:
                    row, column = layout.frame.pixels(u, parcel.bottom)
                    trees.append(_scatter(rng, float(row), float(column), 0.8, (0.7, 2.9)))
        if rng.random() < 0.25:
            u, v = rng.uniform(parcel.left, parcel.right), rng.uniform(parcel.top, parcel.bottom)
            row, column = layout.frame.pixels(u, v)
            trees.append(_scatter(rng, float(row), float(column), 2, (2.2, 4.6)))
    main = layout.roads[0]
    for side in (-1, 1):
        start = rng.uniform(-0.5, -0.1) * layout.metres
        for u in np.arange(start, start + rng.uniform(0.3, 0.9) * layout.metres, rng.uniform(9, 13)):
            if rng.random() < 0.8 and abs(u - layout.river_u) > 14:
                row, column = layout.frame.pixels(u, side * (main.width / 2 + 3.6))
                trees.append(_scatter(rng, float(row), float(column), 0.5, (1.8, 3.6)))
    return [t for t in trees if _free(blocked, t.row, t.column)]


def riverside(rng: np.random.Generator, canvas: Canvas, layout: Layout, blocked: NDArray[np.bool_]) -> list[Tree]:
    """Plant alders and willows in clumps on the banks."""
    strip = ribbon(canvas.shape, layout.river, layout.river_width / 2 + 9)
    if strip is None:
        return []
    clumps = lattice(rng, (strip.across.shape[0], strip.across.shape[1]), 17 * METRE)
    beyond = strip.distance - layout.river_width / 2
    rows, columns = np.nonzero((beyond > 0.6) & (beyond < 7.5))
    pick = rng.random(len(rows)) < 0.0042
    trees = []
    for r, c in zip(rows[pick], columns[pick], strict=True):
        if clumps[r, c] + rng.normal(0, 0.35) > 0.1:
            y, x = r + strip.slices[0].start, c + strip.slices[1].start
            trees.append(_scatter(rng, float(y), float(x), 0.3, (1.0, 3.7)))
    return [t for t in trees if _free(blocked, t.row, t.column)]


def settle_woodland(canvas: Canvas, depth: NDArray[np.float32]) -> None:
    """Count gaps between crowns inside the wood, up to 6 m wide, as woodland; clearings and rides stay background."""
    crowns = canvas.truth == WOODLAND
    reach = 3 * METRE
    # Closing by a disc: grow and shrink by distance, which costs the same whatever the radius.
    grown = distance_transform_edt(~crowns) <= reach
    closed = distance_transform_edt(np.pad(grown, 1, constant_values=True))[1:-1, 1:-1] > reach
    canvas.truth[closed & (depth > 0) & (canvas.truth == 0)] = WOODLAND
