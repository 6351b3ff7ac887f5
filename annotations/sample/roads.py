"""Paved roads: worn asphalt, markings, shoulders, pavements, the bridge, and a few cars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation

from annotations.sample.canvas import METRE, blend, ribbon, window
from annotations.sample.noise import fractal, grain, smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas, Ribbon
    from annotations.sample.layout import Layout, Road

__all__ = ["ROAD", "WATER", "paint_car", "paint_cars", "paint_roads"]

ROAD, WATER = 4, 3


@dataclass(frozen=True)
class _Bed:
    """The ground along a road: views into the canvas, and what makes it uneven."""

    strip: Ribbon
    part: NDArray[np.float32]
    truth: NDArray[np.uint8]
    height: NDArray[np.float32]
    rough: NDArray[np.float32]
    speck: NDArray[np.float32]


def _paint(rng: np.random.Generator, canvas: Canvas, road: Road) -> None:
    half = road.width / 2
    strip = ribbon(canvas.shape, road.path, half + 5)
    if strip is None:
        return
    shape = (strip.across.shape[0], strip.across.shape[1])
    rough, speck = fractal(rng, shape, 3 * METRE, 4, 0.7), grain(rng, shape, 0.6)
    at = strip.slices
    bed = _Bed(strip, canvas.albedo[at], canvas.truth[at], canvas.height[at], rough, speck)
    mouths = bed.truth == ROAD  # of the streets that end here
    _shoulders(bed, half)
    paved = strip.distance < half
    if road.pavement:
        paved |= _pavement(bed, half)
    paved |= _bridge(bed, half)
    _carriageway(bed, half, _asphalt(rng, bed, road), paved)
    if road.main:
        _markings(bed, half, ~mouths)
    bed.truth[paved] = ROAD
    bed.height[paved & (bed.height < 2)] = 0


def _shoulders(bed: _Bed, half: float) -> None:
    away = bed.strip.distance
    dry = np.array((158.0, 149.0, 122.0)) * (1 + 0.09 * bed.rough + 0.06 * bed.speck)[..., None]
    land = bed.truth == 0
    blend(bed.part, dry, 0.8 * smoothstep(away + 0.5 * bed.rough, half + 2.0, half + 0.7) * land)


def _pavement(bed: _Bed, half: float) -> NDArray[np.bool_]:
    """Lay a pavement along one side; return where."""
    away = bed.strip.distance
    walk = (bed.strip.across > 0) & (away >= half) & (away < half + 1.6)
    joints = np.sin(2 * np.pi * bed.strip.along / 0.9)
    stone = np.array((160.0, 156.0, 149.0)) * (1 + 0.03 * bed.speck + 0.03 * joints)[..., None]
    bed.part[walk] = stone[walk]
    return np.asarray(walk)


def _bridge(bed: _Bed, half: float) -> NDArray[np.bool_]:
    """Lay a deck with rails over water; return where."""
    away = bed.strip.distance
    bridge = (away < half + 1.4) & (bed.truth == WATER)
    if not bridge.any():
        return np.asarray(bridge)
    deck = binary_dilation(bridge, iterations=int(3.5 * METRE)) & (away < half + 1.4)
    concrete = np.array((163.0, 160.0, 152.0)) * (1 + 0.04 * bed.speck + 0.03 * bed.rough)[..., None]
    bed.part[deck] = concrete[deck]
    bed.height[deck] = 2.6
    rail = deck & (away > half + 1.05)
    bed.height[rail] = 3.7
    bed.part[rail] *= 1.12
    return np.asarray(deck)


def _asphalt(rng: np.random.Generator, bed: _Bed, road: Road) -> NDArray[np.float64]:
    """Return the colours of the surface: worn where wheels run, and repaired here and there."""
    strip = bed.strip
    base = np.array((118.0, 118.0, 117.0) if road.main else (131.0, 129.0, 125.0)) * rng.uniform(0.94, 1.06)
    light = 0.04 * bed.rough + 0.035 * bed.speck
    lane = np.abs(strip.distance - road.width / 2 / 2)
    light -= 0.05 * np.exp(-(((np.abs(lane - 0.75)) / 0.35) ** 2))
    asphalt = np.asarray(base * (1 + light)[..., None])
    # Repairs in another asphalt, from one side of a lane to the other.
    for _ in range(int(rng.integers(2, 6))):
        start, length, side = rng.uniform(0, strip.along.max()), rng.uniform(4, 40), rng.choice([-1, 1])
        patch = (strip.along > start) & (strip.along < start + length) & (strip.across * side > 0.1)
        asphalt[patch] *= rng.uniform(0.84, 1.1)
    return asphalt


def _carriageway(bed: _Bed, half: float, asphalt: NDArray[np.float64], paved: NDArray[np.bool_]) -> None:
    away = bed.strip.distance
    amount = smoothstep(away + 0.08 * bed.rough, half + 0.12, half - 0.12)
    blend(bed.part, asphalt, np.where(away < half, np.maximum(amount, 0.75), amount * ~paved))


def _markings(bed: _Bed, half: float, free: NDArray[np.bool_]) -> None:
    """Paint the middle line, and the lines at the sides where they are `free` of streets that end there."""
    away = bed.strip.distance
    worn = np.clip(0.75 + 0.22 * bed.rough, 0.25, 1)
    dash = np.where(np.mod(bed.strip.along, 9) < 4.5, 1, 0)
    blend(bed.part, (212, 211, 205), 0.85 * worn * dash * smoothstep(away, 0.22, 0.08))
    blend(bed.part, (208, 207, 201), 0.75 * worn * free * smoothstep(np.abs(away - (half - 0.35)), 0.22, 0.08))


def paint_roads(rng: np.random.Generator, canvas: Canvas, layout: Layout) -> None:
    """Paint the side streets, then the main road over their mouths."""
    for road in layout.roads[::-1]:
        _paint(rng, canvas, road)


def paint_car(rng: np.random.Generator, canvas: Canvas, row: float, column: float, angle: float) -> None:
    """Park a car: the class below it stays."""
    place = window(canvas.shape, row, column, angle, 3.2)
    if place is None:
        return
    colours = (
        (215, 215, 213),
        (60, 62, 66),
        (140, 143, 146),
        (120, 42, 40),
        (55, 70, 105),
        (185, 182, 172),
        (30, 31, 34),
    )
    colour = np.array(colours[int(rng.integers(len(colours)))], np.float32)
    length, width = rng.uniform(1.9, 2.4), rng.uniform(0.82, 0.95)
    body = (np.abs(place.along) < length) & (np.abs(place.across) < width)
    glass = body & (np.abs(np.abs(place.along + 0.15) - 1.05) < 0.33) & (np.abs(place.across) < width - 0.12)
    part = canvas.albedo[place.slices]
    part[body] = colour * 0.95
    part[glass] = (52, 58, 64)
    canvas.height[place.slices][body] = np.maximum(canvas.height[place.slices][body], 1.4)


def paint_cars(rng: np.random.Generator, canvas: Canvas, layout: Layout) -> None:
    """Put some traffic on the roads."""
    for road in layout.roads:
        steps = np.hypot(*np.diff(road.path, axis=0).T) / METRE
        total = float(steps.sum())
        for _ in range(int(rng.poisson(total / (110 if road.main else 170)))):
            at = int(rng.integers(1, len(road.path) - 1))
            forward = road.path[at + 1] - road.path[at - 1]
            unit = forward / np.hypot(*forward)
            side = float(rng.choice([-1, 1])) * road.width / 4 * METRE
            row, column = road.path[at] + side * np.array([unit[1], -unit[0]])
            paint_car(rng, canvas, float(row), float(column), float(np.arctan2(unit[0], unit[1])))
