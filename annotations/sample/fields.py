"""Farmland: crops in rows with tramlines and headlands, stubble, bare soil, meadows, and the margins between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotations.sample.canvas import METRE, blend, ribbon
from annotations.sample.noise import fractal, grain, lattice, smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas
    from annotations.sample.layout import Layout

__all__ = ["paint_fields", "paint_tracks"]

GRASS = (108.0, 116.0, 82.0)
DRY_GRASS = (146.0, 141.0, 106.0)


@dataclass(frozen=True)
class _Crop:
    """How a kind of field looks; colours for full sun, strengths as a share of the brightness."""

    colour: tuple[float, float, float]
    under: tuple[float, float, float]
    weight: float
    under_share: float = 0.3  # how much of `under` shows through in patches
    rows: float = 0.0
    spacing: tuple[float, float] = (0.8, 1.4)
    swaths: float = 0.0
    tramlines: float = 0.0
    mottle: float = 0.05
    grain: float = 0.05


CROPS = (
    _Crop((171, 157, 118), (150, 139, 101), 0.2, 0.5, rows=0.02, tramlines=-0.13, mottle=0.045, grain=0.035),
    _Crop((128, 130, 88), (153, 145, 105), 0.1, 0.4, rows=0.02, tramlines=0.1, mottle=0.05, grain=0.035),
    _Crop((80, 98, 64), (116, 107, 82), 0.14, 0.22, rows=0.09, spacing=(0.75, 1.5), tramlines=0.1, grain=0.09),
    _Crop((93, 111, 73), (130, 118, 92), 0.1, 0.25, rows=0.13, spacing=(1.2, 1.9), mottle=0.06, grain=0.08),
    _Crop((188, 176, 143), (157, 144, 111), 0.13, 0.45, rows=0.04, swaths=0.06, spacing=(1.5, 2.5), grain=0.05),
    _Crop(
        (137, 118, 97), (113, 97, 80), 0.15, 0.6, rows=0.06, spacing=(1.0, 2.0), swaths=0.02, mottle=0.07, grain=0.06
    ),
    _Crop((109, 121, 80), (139, 137, 98), 0.12, 0.5, swaths=0.0, mottle=0.08, grain=0.07),
    _Crop((132, 140, 98), (157, 153, 114), 0.1, 0.45, rows=0.02, spacing=(2.5, 4.0), swaths=0.07, grain=0.05),
    _Crop((123, 118, 88), (95, 101, 68), 0.06, 0.6, mottle=0.13, grain=0.12),
)
GRASSLAND = (6, 7, 8)


def _crops(rng: np.random.Generator, layout: Layout) -> NDArray[np.int64]:
    """Give each parcel a crop, seldom that of the one before; along the river mostly grass."""
    weights = np.array([c.weight for c in CROPS]) / sum(c.weight for c in CROPS)
    kinds = np.empty(len(layout.parcels), np.int64)
    for index in range(len(kinds)):
        kinds[index] = rng.choice(len(CROPS), p=weights)
        if index and kinds[index] == kinds[index - 1]:
            kinds[index] = rng.choice(len(CROPS), p=weights)
        parcel = layout.parcels[index]
        course, at = layout.river_course.T
        beside = course[(at > parcel.top) & (at < parcel.bottom)]
        low = len(beside) > 0 and beside.max() > parcel.left - 15 and beside.min() < parcel.right + 15
        walled = layout.wood_side * (parcel.top + parcel.bottom) / 2 > 0.34 * layout.metres  # a clearing
        if (low or walled) and rng.random() < 0.75:
            kinds[index] = rng.choice(GRASSLAND)
    return kinds


def _parcel_index(layout: Layout, u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return the number of the parcel of each pixel, by a half-metre map of the frame."""
    reach = 1.05 * layout.metres
    chart = np.zeros((int(4 * reach) + 1,) * 2, np.int16)
    for number, p in enumerate(layout.parcels):
        bounds = np.clip(np.rint((np.array([p.top, p.bottom, p.left, p.right]) + reach) * 2), 0, None).astype(int)
        chart[bounds[0] : bounds[1], bounds[2] : bounds[3]] = number
    rows, columns = ((np.clip(x + reach, 0, 2 * reach) * 2).astype(np.int32) for x in (v, u))
    index: NDArray[np.int16] = chart[rows, columns]
    return index


def paint_fields(
    rng: np.random.Generator, canvas: Canvas, layout: Layout, u: NDArray[np.float32], v: NDArray[np.float32]
) -> None:
    """Cover the whole canvas with farmland; everything else is painted over it."""
    shape = canvas.shape
    wobble = lattice(rng, shape, 14 * METRE)
    u, v = u + 0.5 * wobble, v + 0.5 * lattice(rng, shape, 17 * METRE)
    index = _parcel_index(layout, u, v)
    count = len(layout.parcels)
    kinds = _crops(rng, layout)

    def spread(values: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.take(np.asarray(values, np.float32), index)

    def of(name: str) -> NDArray[np.float32]:
        return np.array([getattr(c, name) for c in CROPS], np.float32)[kinds]

    edge_u = np.minimum(
        u - spread(np.array([p.left for p in layout.parcels])), -u + spread(np.array([p.right for p in layout.parcels]))
    )
    edge_v = np.minimum(
        v - spread(np.array([p.top for p in layout.parcels])), -v + spread(np.array([p.bottom for p in layout.parcels]))
    )
    wide = np.array([p.right - p.left > p.bottom - p.top for p in layout.parcels])
    along_u = spread(np.where(rng.random(count) < 0.9, wide, ~wide)) > 0.5
    headland = spread(rng.uniform(5, 11, count) * (rng.random(count) < 0.8))
    turned = np.where(along_u, edge_u, edge_v) < headland
    q = np.where(along_u ^ turned, v, u)

    # Patches of soil and growth: wide ones shared by neighbours (the ground), narrower ones of the crop.
    ground = fractal(rng, shape, 55 * METRE, 4)
    patches = fractal(rng, shape, 13 * METRE, 4)
    fine = grain(rng, shape, 0.7)
    tuft = fractal(rng, shape, 1.6 * METRE, 3, 0.8)
    show = smoothstep(0.55 * ground + 0.6 * patches + 0.25 * tuft, -0.3, 2.0) * spread(
        of("under_share") * rng.uniform(0.5, 1.5, count)
    )
    colour = (
        np.array([CROPS[k].colour for k in kinds], np.float32)
        * rng.uniform(0.9, 1.08, (count, 1))
        * rng.uniform(0.975, 1.025, (count, 3))
    )
    under = np.array([CROPS[k].under for k in kinds], np.float32) * rng.uniform(0.93, 1.07, (count, 1))
    for band in range(3):
        canvas.albedo[..., band] = spread(colour[:, band])
        canvas.albedo[..., band] += (spread(under[:, band]) - canvas.albedo[..., band]) * np.clip(show, 0, 1)

    light = 0.05 * ground * spread(rng.uniform(0.3, 1.1, count)) + spread(of("mottle")) * (0.6 * patches + 0.55 * tuft)
    light += spread(of("grain")) * fine
    spacing = np.array([rng.uniform(*CROPS[k].spacing) for k in kinds])
    ragged = q + 0.12 * tuft
    strength = spread(of("rows")) * smoothstep(lattice(rng, shape, 9 * METRE) + 0.9, -1.0, 1.2)
    light += strength * np.sin(2 * np.pi * ragged / spread(spacing))
    swath = spread(rng.uniform(3.2, 7.5, count))
    lane = np.floor(q / swath).astype(np.int32)
    shuffled = ((lane * 7919 + index.astype(np.int32) * 1031) % 97 / 48 - 1).astype(np.float32)
    light += spread(of("swaths")) * (np.where(lane % 2 == 0, 0.7, -0.7) + 0.5 * shuffled) + 0.012 * shuffled
    # Straw lies in a line in the middle of each swath.
    straw = np.exp(-(((q / swath - lane - 0.5) * swath / 0.45) ** 2)) * (0.7 + 0.5 * tuft)
    light += spread(2.2 * of("swaths") * (of("rows") > 0.03)) * straw
    pitch = spread(rng.choice([15.0, 18.0, 21.0, 24.0], count))
    beside = np.abs(np.abs(np.mod(q + 7, pitch) - pitch / 2) - 0.95)
    wheels = np.exp(-((beside / 0.3) ** 2)) * (0.8 + 0.3 * tuft)
    light += spread(of("tramlines") * rng.uniform(0.5, 1.2, count)) * wheels
    canvas.albedo *= (1 + light)[..., None]

    # Headlands are driven on more; between fields runs a strip of rough grass.
    canvas.albedo *= (1 - 0.03 * (turned & (headland > 0)))[..., None]
    margin = spread(rng.uniform(0.3, 1.3, count))
    edge = np.minimum(edge_u, edge_v) + 0.35 * tuft
    rough = _mixed(GRASS, DRY_GRASS, smoothstep(patches + tuft, -1.5, 2))
    blend(
        canvas.albedo, rough * (1 + 0.09 * tuft + 0.06 * fine)[..., None], 0.85 * smoothstep(edge - margin, 0.4, -0.4)
    )
    near_river = ribbon(shape, layout.river, 30)
    if near_river is not None:
        s = near_river.slices
        wet = smoothstep(near_river.distance + 2.5 * patches[s] + 0.7 * tuft[s], 16.5, 15.5)
        green = _mixed((103, 117, 77), (131, 136, 94), smoothstep(ground[s] + patches[s], -1.5, 2.5))
        blend(canvas.albedo[s], green * (1 + 0.09 * tuft[s] + 0.06 * patches[s] + 0.07 * fine[s])[..., None], wet)
    paddock = _mixed(GRASS, (134, 136, 100), smoothstep(patches, -1.0, 2.0))
    paddock *= (1 + 0.08 * tuft + 0.06 * fine)[..., None]
    blend(canvas.albedo, paddock, _behind_houses(layout, u, v, 0.4 * tuft))


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
