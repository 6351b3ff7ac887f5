"""Roofs: gabled, hipped or flat, of tiles, sheet metal or felt, each face lit by its slope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotations.sample.canvas import METRE, window
from annotations.sample.noise import fractal, grain, lattice, smoothstep

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas, Sun, Window

__all__ = ["Building", "hall", "house", "paint_building", "shed"]

BUILDING = 1
TILES = (
    (141, 92, 76),
    (153, 108, 90),
    (124, 80, 68),
    (114, 94, 84),
    (93, 85, 81),
    (90, 92, 96),
    (110, 110, 111),
    (134, 90, 78),
    (128, 118, 108),
    (146, 120, 100),
)
METAL = ((184, 187, 189), (163, 167, 170), (140, 146, 148), (122, 132, 128), (146, 98, 84), (118, 122, 128))
FLAT = ((128, 127, 124), (106, 106, 107), (150, 147, 140))


@dataclass(frozen=True)
class Building:
    """A roof: middle in pixels, half length and half width in metres, the turn of its ridge, and how it is covered."""

    row: float
    column: float
    angle: float
    length: float
    width: float
    eaves: float
    pitch: float
    colour: tuple[float, float, float]
    cover: str  # "tiles", "metal" or "flat"
    hipped: bool = False


def _cover(rng: np.random.Generator, b: Building, place: Window) -> NDArray[np.float32]:
    """Return the colour of the roof's material over the window, before the light."""
    shape = (place.along.shape[0], place.along.shape[1])
    rough = fractal(rng, shape, 2.5 * METRE, 4, 0.7)
    speck = grain(rng, shape, 0.6)
    light = 0.05 * rough + 0.03 * speck
    if b.cover == "tiles":
        light += 0.025 * np.sin(2 * np.pi * place.across / 0.62) + 0.05 * smoothstep(rough, 1.0, 2.2) * -1
    elif b.cover == "metal":
        light += 0.035 * np.sin(2 * np.pi * place.along / rng.uniform(0.9, 1.6))
        light += 0.05 * np.where(np.floor(place.along / 5.5 + 0.3) % 3 == 0, 1, 0) * rng.uniform(-1, 1)
        rust = smoothstep(lattice(rng, shape, 3 * METRE) + 0.4 * rough, 1.2, 2.2)[..., None] * rng.uniform(0, 0.5)
        base = np.array(b.colour) * (1 - rust) + np.array((125, 98, 80)) * rust
        return np.asarray(base * (1 + light)[..., None], np.float32)
    else:
        light += 0.05 * rough
    return np.asarray(np.array(b.colour) * (1 + light)[..., None], np.float32)


def paint_building(rng: np.random.Generator, canvas: Canvas, b: Building, sun: Sun) -> None:
    """Draw a roof where it is higher than what stands there, so that two roofs meet in a valley."""
    place = window(canvas.shape, b.row, b.column, b.angle, float(np.hypot(b.length, b.width)) + 1)
    if place is None:
        return
    inside = (np.abs(place.along) <= b.length) & (np.abs(place.across) <= b.width)
    colour = _cover(rng, b, place)
    if b.cover == "flat":
        top, shade = _flat_roof(b, place, inside, colour)
    else:
        top, shade = _pitched_roof(b, place, inside, colour, sun)
    height = canvas.height[place.slices]
    drawn = inside & (top > height)
    height[drawn] = top[drawn]
    canvas.albedo[place.slices][drawn] = colour[drawn]
    canvas.shade[place.slices][drawn] = shade[drawn]
    canvas.truth[place.slices][drawn] = BUILDING
    _fittings(rng, canvas, b, place)


def _flat_roof(
    b: Building, place: Window, inside: NDArray[np.bool_], colour: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return height and shade of a roof with a rim, which is brighter: `colour` is changed."""
    rim = inside & ((np.abs(place.along) > b.length - 0.4) | (np.abs(place.across) > b.width - 0.4))
    colour[rim] *= 1.15
    return np.where(rim, b.eaves + 0.6, b.eaves), np.ones_like(place.along)


def _pitched_roof(
    b: Building, place: Window, inside: NDArray[np.bool_], colour: NDArray[np.float32], sun: Sun
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return height and shade of a gabled or hipped roof; ridge and gutter are told by `colour`, which is changed."""
    along, across = place.along, place.across
    slope = float(np.tan(b.pitch))
    drop = np.abs(across)
    fall_along, fall_across = np.zeros_like(along), np.sign(across)
    if b.hipped:
        ends = np.abs(along) - (b.length - b.width)
        hip = ends > drop
        drop = np.maximum(drop, ends)
        fall_along, fall_across = np.where(hip, np.sign(along), 0), np.where(hip, 0, fall_across)
    # Height falls by `slope` a metre away from the ridge: turn that into rows and columns.
    sine, cosine = np.sin(b.angle), np.cos(b.angle)
    rise_along, rise_across = -slope * fall_along, -slope * fall_across
    shade = sun.lambert(rise_along * sine + rise_across * cosine, rise_along * cosine - rise_across * sine)
    ridge = inside & (np.abs(across) < 0.2) & (drop < 0.25)
    colour[ridge] *= 1.1
    colour[inside & (b.width - drop < 0.3)] *= 0.86  # gutter
    return b.eaves + slope * (b.width - drop), shade


def _fittings(rng: np.random.Generator, canvas: Canvas, b: Building, place: Window) -> None:
    """Add chimneys, roof windows, solar panels or roof lights."""
    part, height = canvas.albedo[place.slices], canvas.height[place.slices]
    if b.cover == "metal" and b.length > 12:
        for a in np.arange(-b.length + 4, b.length - 3, 6.0):
            for side in (-1.0, 1.0):
                part[_box(place, a, side * b.width * 0.5, 0.6, b.width * 0.28)] = (198, 203, 203)
    elif b.cover == "flat":
        for _ in range(int(rng.integers(1, 5))):
            unit = _box(place, rng.uniform(-0.7, 0.7) * b.length, rng.uniform(-0.6, 0.6) * b.width, 0.7, 0.6)
            part[unit], height[unit] = (170, 171, 172), height[unit] + 1.1
    elif b.length >= 4:
        _house_fittings(rng, b, place, part, height)


def _box(place: Window, a: float, c: float, half_a: float, half_c: float) -> NDArray[np.bool_]:
    return np.asarray((np.abs(place.along - a) < half_a) & (np.abs(place.across - c) < half_c))


def _house_fittings(
    rng: np.random.Generator, b: Building, place: Window, part: NDArray[np.float32], height: NDArray[np.float32]
) -> None:
    for _ in range(int(rng.integers(1, 3))):
        chimney = _box(place, rng.uniform(-0.6, 0.6) * b.length, rng.uniform(-0.3, 0.3) * b.width, 0.42, 0.36)
        part[chimney] = (134, 98, 84) if rng.random() < 0.6 else (150, 148, 143)
        height[chimney] += 1.3
    side = float(rng.choice([-1, 1]))
    if rng.random() < 0.2:
        middle, half = rng.uniform(-0.2, 0.2) * b.length, min(3.0, 0.55 * b.length)
        panels = _box(place, middle, side * b.width * 0.5, half, b.width * 0.33)
        grid = (np.mod(place.along, 1.0) < 0.14) | (np.mod(place.across, 1.65) < 0.14)
        part[panels] = (44, 50, 66)
        part[panels & grid] = (78, 84, 98)
    elif rng.random() < 0.5:
        for a in (-0.35, 0.3):
            part[_box(place, a * b.length, side * b.width * 0.5, 0.4, 0.55)] = (88, 98, 108)


def house(rng: np.random.Generator, row: float, column: float, angle: float) -> list[Building]:
    """Design a house: one roof, or two that make an L."""
    length, width = rng.uniform(5.2, 7.6), rng.uniform(4.0, 5.2)
    style = rng.random()
    colour = TILES[int(rng.integers(len(TILES)))]
    if style < 0.13:
        flat = FLAT[int(rng.integers(len(FLAT)))]
        return [Building(row, column, angle, length, length * 0.95, 6.2, 0.0, flat, "flat")]
    turn = angle + (np.pi / 2 if rng.random() < 0.35 else 0)
    pitch = float(rng.uniform(np.radians(28), np.radians(43)))
    hipped = bool(rng.random() < 0.28)
    main = Building(row, column, turn, length, width, float(rng.uniform(3.2, 5.2)), pitch, colour, "tiles", hipped)
    parts = [main]
    if rng.random() < 0.38:
        # A wing across the ridge makes an L.
        side, reach = float(rng.choice([-1, 1])), rng.uniform(3.2, 4.6)
        off_a, off_b = side * (length - reach * 0.95), float(rng.choice([-1, 1])) * (width * 0.75)
        y = row + (off_a * np.sin(turn) + off_b * np.cos(turn)) * METRE
        x = column + (off_a * np.cos(turn) - off_b * np.sin(turn)) * METRE
        parts.append(Building(y, x, turn + np.pi / 2, width * 0.95, reach, main.eaves - 0.3, pitch, colour, "tiles"))
    return parts


def shed(rng: np.random.Generator, row: float, column: float, angle: float) -> Building:
    """Design a garage, a shed or a small barn."""
    big = rng.random() < 0.25
    length, width = (rng.uniform(6, 9), rng.uniform(3.5, 4.5)) if big else (rng.uniform(2.6, 4), rng.uniform(2, 2.8))
    cover = ("metal", "flat", "tiles")[int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
    pool = {"metal": METAL, "flat": FLAT, "tiles": TILES}[cover]
    pitch = float(np.radians(rng.uniform(8, 25)))
    return Building(row, column, angle, length, width, 2.6 + big, pitch, pool[int(rng.integers(len(pool)))], cover)


def hall(rng: np.random.Generator, row: float, column: float, angle: float, length: float, width: float) -> Building:
    """Design a barn or a hall of the given half length and half width, under sheet metal."""
    colour = METAL[int(rng.integers(len(METAL)))]
    eaves, pitch = float(rng.uniform(5, 7)), float(np.radians(rng.uniform(8, 16)))
    return Building(row, column, angle, length, width, eaves, pitch, colour, "metal")
