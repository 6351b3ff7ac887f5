"""Farmland: crops in rows with tramlines and headlands, stubble, bare soil, meadows, and the margins between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.sample.canvas import METRE, blend, ribbon
from annotations.sample.crops import CROPS, choose_crops, parcel_index
from annotations.sample.noise import fractal, grain, lattice, smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas
    from annotations.sample.layout import Layout, Parcel

__all__ = ["paint_fields", "paint_tracks"]

GRASS = (108.0, 116.0, 82.0)
DRY_GRASS = (146.0, 141.0, 106.0)


@dataclass(frozen=True)
class _Land:
    """Which parcel each pixel belongs to, and the crop of each parcel."""

    parcels: tuple[Parcel, ...]
    index: NDArray[np.int16]
    kinds: NDArray[np.int64]

    def spread(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return what each parcel has at each of its pixels."""
        return np.take(np.asarray(values, np.float32), self.index)

    def of(self, name: str) -> NDArray[np.float32]:
        """Return a trait of each parcel's crop."""
        return np.array([getattr(c, name) for c in CROPS], np.float32)[self.kinds]

    def bound(self, name: str) -> NDArray[np.float32]:
        """Return a bound of the parcel at each of its pixels."""
        return self.spread(np.array([getattr(p, name) for p in self.parcels]))


@dataclass(frozen=True)
class _Ground:
    """Patches of soil and growth: wide ones shared by neighbours, narrower ones of the crop, tufts and grain."""

    wide: NDArray[np.float32]
    patches: NDArray[np.float32]
    fine: NDArray[np.float32]
    tuft: NDArray[np.float32]


def paint_fields(
    rng: np.random.Generator, canvas: Canvas, layout: Layout, u: NDArray[np.float32], v: NDArray[np.float32]
) -> None:
    """Cover the whole canvas with farmland; everything else is painted over it."""
    shape = canvas.shape
    u, v = u + 0.5 * lattice(rng, shape, 14 * METRE), v + 0.5 * lattice(rng, shape, 17 * METRE)
    land = _Land(layout.parcels, parcel_index(layout, u, v), choose_crops(rng, layout))
    edge_u = np.minimum(u - land.bound("left"), -u + land.bound("right"))
    edge_v = np.minimum(v - land.bound("top"), -v + land.bound("bottom"))
    along_u, headland = _ways(rng, land)
    turned = np.where(along_u, edge_u, edge_v) < headland
    ground = _Ground(
        fractal(rng, shape, 55 * METRE, 4),
        fractal(rng, shape, 13 * METRE, 4),
        grain(rng, shape, 0.7),
        fractal(rng, shape, 1.6 * METRE, 3, 0.8),
    )
    _colour(rng, canvas, land, ground)
    light = _mottle(rng, land, ground)
    _work(rng, light, land, ground, np.where(along_u ^ turned, v, u))
    canvas.albedo *= (1 + light)[..., None]
    # Headlands are driven on more.
    canvas.albedo *= (1 - 0.03 * (turned & (headland > 0)))[..., None]
    _margins(rng, canvas, land, ground, np.minimum(edge_u, edge_v))
    _riverside(canvas, layout, ground)
    paddock = _mixed(GRASS, (134, 136, 100), smoothstep(ground.patches, -1.0, 2.0))
    paddock *= (1 + 0.08 * ground.tuft + 0.06 * ground.fine)[..., None]
    blend(canvas.albedo, paddock, _behind_houses(layout, u, v, 0.4 * ground.tuft))


def _ways(rng: np.random.Generator, land: _Land) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return at each pixel whether the parcel is worked along u, lengthwise as a rule, and how wide its headland is."""
    count = len(land.parcels)
    wide = np.array([p.right - p.left > p.bottom - p.top for p in land.parcels])
    along_u = land.spread(np.where(rng.random(count) < 0.9, wide, ~wide)) > 0.5
    return along_u, land.spread(rng.uniform(5, 11, count) * (rng.random(count) < 0.8))


def _colour(rng: np.random.Generator, canvas: Canvas, land: _Land, ground: _Ground) -> None:
    """Paint each crop, and in patches what lies under it."""
    count = len(land.parcels)
    show = smoothstep(0.55 * ground.wide + 0.6 * ground.patches + 0.25 * ground.tuft, -0.3, 2.0) * land.spread(
        land.of("under_share") * rng.uniform(0.5, 1.5, count)
    )
    colour = land.of("colour") * rng.uniform(0.9, 1.08, (count, 1)) * rng.uniform(0.975, 1.025, (count, 3))
    under = land.of("under") * rng.uniform(0.93, 1.07, (count, 1))
    for band in range(3):
        canvas.albedo[..., band] = land.spread(colour[:, band])
        canvas.albedo[..., band] += (land.spread(under[:, band]) - canvas.albedo[..., band]) * np.clip(show, 0, 1)


def _mottle(rng: np.random.Generator, land: _Land, ground: _Ground) -> NDArray[np.float32]:
    """Return how much brighter than its colour each pixel is, before anything is done to the field."""
    light = 0.05 * ground.wide * land.spread(rng.uniform(0.3, 1.1, len(land.parcels)))
    light = light + land.spread(land.of("mottle")) * (0.6 * ground.patches + 0.55 * ground.tuft)
    light += land.spread(land.of("grain")) * ground.fine
    return light


def _work(
    rng: np.random.Generator, light: NDArray[np.float32], land: _Land, ground: _Ground, across: NDArray[np.float32]
) -> None:
    """Add rows, swaths with their straw, and tramlines to `light`; `across` counts metres from one to the next."""
    count = len(land.parcels)
    spacing = np.array([rng.uniform(*CROPS[k].spacing) for k in land.kinds])
    ragged = across + 0.12 * ground.tuft
    strength = land.spread(land.of("rows")) * smoothstep(lattice(rng, light.shape, 9 * METRE) + 0.9, -1.0, 1.2)
    light += strength * np.sin(2 * np.pi * ragged / land.spread(spacing))
    swath = land.spread(rng.uniform(3.2, 7.5, count))
    lane = np.floor(across / swath).astype(np.int32)
    shuffled = ((lane * 7919 + land.index.astype(np.int32) * 1031) % 97 / 48 - 1).astype(np.float32)
    swaths = land.spread(land.of("swaths"))
    light += swaths * (np.where(lane % 2 == 0, 0.7, -0.7) + 0.5 * shuffled) + 0.012 * shuffled
    # Straw lies in a line in the middle of each swath.
    straw = np.exp(-(((across / swath - lane - 0.5) * swath / 0.45) ** 2)) * (0.7 + 0.5 * ground.tuft)
    light += land.spread(2.2 * land.of("swaths") * (land.of("rows") > 0.03)) * straw
    pitch = land.spread(rng.choice([15.0, 18.0, 21.0, 24.0], count))
    beside = np.abs(np.abs(np.mod(across + 7, pitch) - pitch / 2) - 0.95)
    wheels = np.exp(-((beside / 0.3) ** 2)) * (0.8 + 0.3 * ground.tuft)
    light += land.spread(land.of("tramlines") * rng.uniform(0.5, 1.2, count)) * wheels


def _margins(
    rng: np.random.Generator, canvas: Canvas, land: _Land, ground: _Ground, inwards: NDArray[np.float32]
) -> None:
    """Paint a strip of rough grass between fields; `inwards` counts metres from the border."""
    margin = land.spread(rng.uniform(0.3, 1.3, len(land.parcels)))
    edge = inwards + 0.35 * ground.tuft
    rough = _mixed(GRASS, DRY_GRASS, smoothstep(ground.patches + ground.tuft, -1.5, 2))
    rough = rough * (1 + 0.09 * ground.tuft + 0.06 * ground.fine)[..., None]
    blend(canvas.albedo, rough, 0.85 * smoothstep(edge - margin, 0.4, -0.4))


def _riverside(canvas: Canvas, layout: Layout, ground: _Ground) -> None:
    """Paint wet grassland on both sides of the river."""
    strip = ribbon(canvas.shape, layout.river, 30)
    if strip is None:
        return
    s = strip.slices
    patches, tuft = ground.patches[s], ground.tuft[s]
    wet = smoothstep(strip.distance + 2.5 * patches + 0.7 * tuft, 16.5, 15.5)
    green = _mixed((103, 117, 77), (131, 136, 94), smoothstep(ground.wide[s] + patches, -1.5, 2.5))
    blend(canvas.albedo[s], green * (1 + 0.09 * tuft + 0.06 * patches + 0.07 * ground.fine[s])[..., None], wet)


def _mixed(first: tuple[float, ...], second: tuple[float, ...], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return colours (H, W, 3) between two, by the share of the second."""
    start, end = np.array(first, np.float32), np.array(second, np.float32)
    return start + (end - start) * share[..., None]


def _behind_houses(
    layout: Layout, u: NDArray[np.float32], v: NDArray[np.float32], ragged: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return 1 on the land around the streets of the village, which is grass and not farmed."""
    ahead = np.abs(-layout.wood_side * v - 0.04 * layout.metres)
    reach = 0.22 * layout.metres
    inside = smoothstep(np.abs(v) + ragged, 49.5, 48.5)
    for at in layout.streets:
        beside = smoothstep(np.abs(u - at) + ragged, 46.5, 45.5)
        inside = np.maximum(inside, beside * smoothstep(ahead + ragged, reach + 0.5, reach - 0.5))
    return inside * smoothstep(u + ragged, layout.river_u - 25, layout.river_u - 26)


def paint_tracks(rng: np.random.Generator, canvas: Canvas, layout: Layout) -> None:
    """Paint the dirt tracks: two pale ruts with grass between; they stay background."""
    for path in layout.tracks:
        strip = ribbon(canvas.shape, path, 3.0)
        if strip is None:
            continue
        shape = strip.across.shape
        rough = fractal(rng, shape, 2.5 * METRE, 4, 0.7)
        wander = strip.across + 0.18 * lattice(rng, shape, 5 * METRE)
        part = canvas.albedo[strip.slices]
        grass = np.array(GRASS) * (1 + 0.12 * rough)[..., None]
        blend(part, grass, 0.9 * smoothstep(np.abs(wander) + 0.2 * rough, 1.9, 1.5))
        ruts = np.exp(-(((np.abs(wander) - 0.85) / (0.42 + 0.08 * rough)) ** 2)) * (0.85 + 0.12 * rough)
        sand = np.array((176.0, 160.0, 132.0)) * (1 + 0.06 * rough)[..., None]
        blend(part, sand, np.where(np.isfinite(strip.across), np.clip(ruts, 0, 0.95), 0))
