"""The river and the pond: muddy margins, reeds, a tint that changes with depth, and the sky on the surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotations.sample.canvas import METRE, blend, ribbon, window
from annotations.sample.noise import fractal, grain, lattice, smoothstep
from annotations.sample.roads import WATER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas
    from annotations.sample.layout import Layout

__all__ = ["paint_water"]


def _surface(
    rng: np.random.Generator,
    canvas: Canvas,
    slices: tuple[slice, slice],
    bank: NDArray[np.float32],
    colours: tuple[tuple[float, float, float], tuple[float, float, float]],
) -> None:
    """Paint water where `bank` (metres inwards from the shore) is above 0, and its shore where it is just below."""
    shape = (bank.shape[0], bank.shape[1])
    part = canvas.albedo[slices]
    rough = fractal(rng, shape, 2.2 * METRE, 3, 0.7)
    broad = fractal(rng, shape, 40 * METRE, 3)
    speck = grain(rng, shape, 0.8)
    _shore(rng, part, bank + 0.5 * rough, rough, speck)
    wet = bank > 0
    deep, shallow = np.array(colours[0]), np.array(colours[1])
    depth = smoothstep(bank + 0.8 * broad + 0.25 * rough, 0.0, 5.0)[..., None]
    water = shallow + (deep - shallow) * depth
    # Wind roughens some stretches, and those mirror more of the bright sky.
    sky = smoothstep(broad + 0.35 * lattice(rng, shape, 7 * METRE), -0.8, 2.6)[..., None]
    water = water + np.array((20.0, 25.0, 29.0)) * sky
    ripple = lattice(rng, shape, 1.1 * METRE)
    water *= (1 + 0.022 * ripple + 0.012 * speck)[..., None]
    algae = smoothstep(broad + 0.9 * rough, 1.3, 2.6) * smoothstep(bank, 5.0, 0.5)
    water += (np.array((88.0, 98.0, 58.0)) - water) * (0.7 * algae)[..., None]
    part[wet] = water[wet]
    canvas.truth[slices][wet] = WATER


def _shore(
    rng: np.random.Generator,
    part: NDArray[np.float32],
    shore: NDArray[np.float32],
    rough: NDArray[np.float32],
    speck: NDArray[np.float32],
) -> None:
    """Paint, outside in: tall dark herbs, a pale strip of reed in places, mud."""
    herbs = np.array((86.0, 97.0, 61.0)) * (1 + 0.14 * rough + 0.08 * speck)[..., None]
    blend(part, herbs, 0.85 * smoothstep(shore, -7.0, -2.4))
    reed = np.array((148.0, 140.0, 100.0)) * (1 + 0.12 * rough + 0.1 * speck)[..., None]
    shape = (shore.shape[0], shore.shape[1])
    places = smoothstep(lattice(rng, shape, 9 * METRE) + 0.3 * rough, -0.3, 0.4)
    blend(part, reed, 0.8 * smoothstep(shore, -3.2, -2.0) * places)
    blend(part, (104.0, 93.0, 74.0), 0.75 * smoothstep(shore, -0.7, -0.1))


def paint_water(rng: np.random.Generator, canvas: Canvas, layout: Layout) -> None:
    """Paint the river and the pond."""
    strip = ribbon(canvas.shape, layout.river, layout.river_width / 2 + 12)
    tint = rng.uniform(-6, 6)
    if strip is not None:
        shape = (strip.across.shape[0], strip.across.shape[1])
        half = layout.river_width / 2 * (1 + 0.13 * np.sin(strip.along / 31) + 0.08 * np.sin(strip.along / 12.7 + 1))
        bank = half - strip.distance + 0.9 * fractal(rng, shape, 9 * METRE, 4)
        bank = np.where(np.isfinite(strip.distance), bank, -99).astype(np.float32)
        _surface(rng, canvas, strip.slices, bank, ((57 + tint, 66 + tint, 54), (86, 88, 66)))
    u, v, radius = layout.pond
    row, column = layout.frame.pixels(u, v)
    place = window(canvas.shape, float(row), float(column), float(rng.uniform(0, 3)), 2.4 * radius)
    if place is not None:
        shape = (place.along.shape[0], place.along.shape[1])
        reach = np.hypot(place.along / 1.35, place.across / 0.85)
        bank = (radius - reach + 0.16 * radius * fractal(rng, shape, 0.9 * radius * METRE, 4, 0.5)).astype(np.float32)
        _surface(rng, canvas, place.slices, bank, ((49, 63 + tint, 58 + tint), (79, 88, 68)))
