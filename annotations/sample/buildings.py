"""Houses, sheds, barns and halls: roofs whose faces are lit by their slope, on plots with drives and gardens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotations.sample.canvas import METRE, blend, window
from annotations.sample.noise import fractal, grain, lattice, smoothstep
from annotations.sample.roads import paint_car
from annotations.sample.trees import BUSH, LEAFY, SPRUCE, Tree

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas, Sun, Window
    from annotations.sample.layout import Layout

__all__ = ["Building", "paint_building", "paint_village"]

BUILDING, WATER, ROAD = 1, 3, 4
TILES = (
    (148, 88, 68),
    (160, 104, 82),
    (128, 74, 60),
    (116, 92, 80),
    (92, 82, 77),
    (88, 90, 95),
    (107, 108, 110),
    (140, 84, 70),
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
    along, across = place.along, place.across
    inside = (np.abs(along) <= b.length) & (np.abs(across) <= b.width)
    slope = float(np.tan(b.pitch))
    drop = np.abs(across)
    fall_along, fall_across = np.zeros_like(along), np.sign(across)
    if b.hipped:
        ends = np.abs(along) - (b.length - b.width)
        hip = ends > drop
        drop = np.maximum(drop, ends)
        fall_along, fall_across = np.where(hip, np.sign(along), 0), np.where(hip, 0, fall_across)
    top = b.eaves + slope * (b.width - drop)
    colour = _cover(rng, b, place)
    shade = np.ones_like(along)
    if b.cover == "flat":
        rim = inside & ((np.abs(along) > b.length - 0.4) | (np.abs(across) > b.width - 0.4))
        top = np.where(rim, b.eaves + 0.6, b.eaves)
        colour[rim] *= 1.15
    else:
        # Height falls by `slope` a metre away from the ridge: turn that into rows and columns.
        sine, cosine = np.sin(b.angle), np.cos(b.angle)
        rise_along, rise_across = -slope * fall_along, -slope * fall_across
        shade = sun.lambert(rise_along * sine + rise_across * cosine, rise_along * cosine - rise_across * sine)
        ridge = inside & (np.abs(across) < 0.2) & (drop < 0.25)
        colour[ridge] *= 1.1
        colour[inside & (b.width - drop < 0.3)] *= 0.86  # gutter
    height = canvas.height[place.slices]
    drawn = inside & (top > height)
    height[drawn] = top[drawn]
    canvas.albedo[place.slices][drawn] = colour[drawn]
    canvas.shade[place.slices][drawn] = shade[drawn]
    canvas.truth[place.slices][drawn] = BUILDING
    _fittings(rng, canvas, b, place, top)


def _fittings(rng: np.random.Generator, canvas: Canvas, b: Building, place: Window, top: NDArray[Any]) -> None:
    """Add chimneys, roof windows, solar panels or roof lights."""
    part, height = canvas.albedo[place.slices], canvas.height[place.slices]

    def box(a: float, c: float, half_a: float, half_c: float) -> NDArray[np.bool_]:
        return np.asarray((np.abs(place.along - a) < half_a) & (np.abs(place.across - c) < half_c))

    if b.cover == "metal" and b.length > 12:
        for a in np.arange(-b.length + 4, b.length - 3, 6.0):
            for side in (-1.0, 1.0):
                part[box(a, side * b.width * 0.5, 0.6, b.width * 0.28)] = (198, 203, 203)
        return
    if b.cover == "flat":
        for _ in range(int(rng.integers(1, 5))):
            unit = box(rng.uniform(-0.7, 0.7) * b.length, rng.uniform(-0.6, 0.6) * b.width, 0.7, 0.6)
            part[unit], height[unit] = (170, 171, 172), height[unit] + 1.1
        return
    if b.length < 4:
        return
    for _ in range(int(rng.integers(1, 3))):
        chimney = box(rng.uniform(-0.6, 0.6) * b.length, rng.uniform(-0.3, 0.3) * b.width, 0.42, 0.36)
        part[chimney] = (134, 98, 84) if rng.random() < 0.6 else (150, 148, 143)
        height[chimney] += 1.3
    side = float(rng.choice([-1, 1]))
    if rng.random() < 0.2:
        panels = box(rng.uniform(-0.2, 0.2) * b.length, side * b.width * 0.5, min(3.0, 0.55 * b.length), b.width * 0.33)
        grid = (np.mod(place.along, 1.0) < 0.14) | (np.mod(place.across, 1.65) < 0.14)
        part[panels] = (44, 50, 66)
        part[panels & grid] = (78, 84, 98)
    elif rng.random() < 0.5:
        for a in (-0.35, 0.3):
            part[box(a * b.length, side * b.width * 0.5, 0.4, 0.55)] = (88, 98, 108)


def _plot(rng: np.random.Generator, canvas: Canvas, place: Window, half: float, depth: float, drive: float) -> None:
    """Paint a garden: lawn, a drive, a paved yard, beds; across runs from the road (0) to the back."""
    shape = (place.along.shape[0], place.along.shape[1])
    part = canvas.albedo[place.slices]
    free = canvas.truth[place.slices] == 0
    along, across = place.along, place.across
    rough = fractal(rng, shape, 2.5 * METRE, 4, 0.7)
    speck = grain(rng, shape, 0.7)
    plot = (np.abs(along) < half) & (across > 0) & (across < depth) & free
    lawn = np.array((104.0, 119.0, 76.0)) * rng.uniform(0.9, 1.12) * np.array((rng.uniform(0.95, 1.12), 1, 1))
    stripes = 0.025 * np.sign(np.sin(2 * np.pi * along / 1.1)) * (rng.random() < 0.3)
    blend(part, lawn * (1 + 0.06 * rough + 0.05 * speck + stripes)[..., None], 0.9 * plot)
    stone = np.array(((156, 151, 143), (140, 134, 127), (171, 163, 148), (122, 120, 117))[int(rng.integers(4))], float)
    setts = stone * (1 + 0.05 * rough + 0.04 * speck)[..., None]
    long = rng.uniform(14, 24)
    yard = (np.abs(along - drive) < 1.7 + 0.1 * rough) & (across > -3) & (across < long)
    yard |= (np.abs(along - drive * 0.4) < half * 0.45) & (np.abs(across - long) < rng.uniform(2.0, 4.5))
    blend(part, setts, 0.92 * (yard & free))
    if rng.random() < 0.55:
        middle, bed = rng.uniform(-0.4, 0.4) * half, rng.uniform(2.5, 5)
        beds = plot & (np.abs(along - middle) < bed) & (np.abs(across - (depth - 6)) < 4)
        rows = 0.5 + 0.5 * np.sin(2 * np.pi * across / rng.uniform(0.9, 1.4))
        soil = (
            np.array((124.0, 105.0, 84.0))
            + (np.array((88.0, 103.0, 62.0)) - np.array((124.0, 105.0, 84.0)))
            * (rows * smoothstep(rough, -1, 1))[..., None]
        )
        blend(part, soil * (1 + 0.08 * speck)[..., None], 0.9 * beds)
    if rng.random() < 0.14:
        pool = np.hypot(along + 0.45 * half, (across - depth * 0.66)) < rng.uniform(1.6, 2.6)
        blend(part, (112, 152, 164), 0.9 * (pool & plot))
    border = plot & ((half - np.abs(along) < 0.45) | (depth - across < 0.45))
    if rng.random() < 0.6:
        part[border] = (np.array((74.0, 86.0, 56.0)) * (1 + 0.15 * rough + 0.1 * speck)[..., None])[border]
        canvas.height[place.slices][border] = 1.3
    else:
        part[border] *= 0.88


def _house(rng: np.random.Generator, row: float, column: float, angle: float) -> list[Building]:
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


def _shed(rng: np.random.Generator, row: float, column: float, angle: float) -> Building:
    big = rng.random() < 0.25
    length, width = (rng.uniform(6, 9), rng.uniform(3.5, 4.5)) if big else (rng.uniform(2.6, 4), rng.uniform(2, 2.8))
    cover = ("metal", "flat", "tiles")[int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
    pool = {"metal": METAL, "flat": FLAT, "tiles": TILES}[cover]
    pitch = float(np.radians(rng.uniform(8, 25)))
    return Building(row, column, angle, length, width, 2.6 + big, pitch, pool[int(rng.integers(len(pool)))], cover)


def paint_village(
    rng: np.random.Generator, canvas: Canvas, layout: Layout, sun: Sun, depth: NDArray[np.float32]
) -> list[Tree]:
    """Build the village and the farm on the streets; return the trees of its gardens.

    `depth` is the wood's: nobody builds in it.
    """
    shape = canvas.shape
    taken = (canvas.truth == ROAD) | (canvas.truth == WATER) | (depth > -4)
    trees: list[Tree] = []
    plans: list[Building] = []
    edge = 0.36 * layout.metres

    def claim(row: float, column: float, angle: float, half_a: float, half_b: float) -> bool:
        place = window(shape, row, column, angle, float(np.hypot(half_a, half_b)))
        if place is None:
            return False
        box = (np.abs(place.along) < half_a) & (np.abs(place.across) < half_b)
        if taken[place.slices][box].any():
            return False
        taken[place.slices][box] = True
        return True

    def farm_hall(row: float, column: float, angle: float, length: float, width: float) -> None:
        if claim(row, column, angle, length + 2, width + 2):
            colour = METAL[int(rng.integers(len(METAL)))]
            plans.append(
                Building(
                    row,
                    column,
                    angle,
                    length,
                    width,
                    rng.uniform(5, 7),
                    np.radians(rng.uniform(8, 16)),
                    colour,
                    "metal",
                )
            )

    _farm(rng, canvas, layout, farm_hall)
    for road in layout.roads:
        steps = np.diff(road.path, axis=0)
        walked = np.concatenate([[0], np.cumsum(np.hypot(*steps.T))]) / METRE
        for side in (-1, 1):
            at = rng.uniform(0, 15)
            while at < walked[-1] - 2:
                here = int(np.searchsorted(walked, at)) - 1
                here = max(min(here, len(steps) - 1), 0)
                unit = steps[here] / np.hypot(*steps[here])
                start = road.path[here] + unit * (at - walked[here]) * METRE
                half = rng.uniform(9, 12.5)
                at += 2 * half
                if np.abs(start - layout.frame.size / 2).max() > 1.35 * edge * METRE + 40 * METRE or rng.random() < 0.1:
                    continue
                angle = float(np.arctan2(unit[0], unit[1])) + (np.pi if side < 0 else 0)
                normal = np.array([np.cos(angle), -np.sin(angle)])
                setback = road.width / 2 + rng.uniform(6, 10)
                row, column = start + normal * (setback + 5) * METRE
                u_house = float(
                    (
                        (column - layout.frame.size / 2) * np.cos(layout.frame.angle)
                        + (row - layout.frame.size / 2) * np.sin(layout.frame.angle)
                    )
                    / METRE
                )
                if u_house > layout.river_u - 26 or abs(u_house) > 0.45 * layout.metres:
                    continue
                own = angle + rng.normal(0, 0.03)
                if not claim(float(row), float(column), own, 9.0, 8.5):
                    continue
                back = rng.uniform(30, 42)
                gate = start + normal * (road.width / 2 + 1.8) * METRE
                place = window(shape, float(gate[0]), float(gate[1]), angle, back + 6)
                drive = float(rng.choice([-1, 1])) * (half - 2.2)
                if place is not None:
                    _plot(rng, canvas, place, half - 0.3, back, drive)
                plans.extend(_house(rng, float(row), float(column), own))
                along = np.array([np.sin(angle), np.cos(angle)])
                if rng.random() < 0.75:
                    y, x = gate + (along * drive * 0.85 + normal * rng.uniform(21, 27)) * METRE
                    if claim(float(y), float(x), own, 4.5, 3.5):
                        plans.append(_shed(rng, float(y), float(x), own + (np.pi / 2) * int(rng.integers(2))))
                if rng.random() < 0.5:
                    y, x = gate + (along * drive + normal * rng.uniform(3, 12)) * METRE
                    paint_car(rng, canvas, float(y), float(x), angle + np.pi / 2)
                for _ in range(int(rng.integers(2, 9))):
                    y, x = gate + (along * rng.uniform(-half, half) + normal * rng.uniform(1, back)) * METRE
                    kind = int(rng.choice([LEAFY, LEAFY, BUSH, BUSH, SPRUCE]))
                    radius = float(rng.uniform(0.6, 1.3) if kind == BUSH else rng.uniform(1.4, 3.0))
                    high = 1.8 if kind == BUSH else radius * float(rng.uniform(1.9, 2.8))
                    trees.append(
                        Tree(
                            float(y),
                            float(x),
                            radius,
                            max(high, 1.0),
                            kind,
                            float(rng.uniform(0.88, 1.15)),
                            float(rng.uniform(-0.05, 0.1)),
                        )
                    )
    for plan in plans:
        paint_building(rng, canvas, plan, sun)
    return [t for t in trees if _outside(canvas, t)]


def _outside(canvas: Canvas, tree: Tree) -> bool:
    """Whether the trunk stands on free ground; crowns may hang over roofs and roads."""
    row, column = int(tree.row), int(tree.column)
    inside = 0 <= row < canvas.shape[0] and 0 <= column < canvas.shape[1]
    return inside and canvas.truth[row, column] == 0


def _farm(rng: np.random.Generator, canvas: Canvas, layout: Layout, hall: object) -> None:
    """Lay a concrete yard with barns and halls round it."""
    assert callable(hall)
    u, v = layout.farm
    row, column = (float(x) for x in layout.frame.pixels(u, v))
    ahead = layout.frame.pixels(u + 1, v) - layout.frame.pixels(u, v)
    angle = float(np.arctan2(ahead[0], ahead[1]))
    place = window(canvas.shape, row, column, angle, 46)
    if place is not None:
        shape = (place.along.shape[0], place.along.shape[1])
        rough = fractal(rng, shape, 5 * METRE, 4, 0.65)
        slab = 0.05 * ((np.floor(place.along / 5) * 31 + np.floor(place.across / 5) * 17) % 7 / 3 - 1)
        seams = (np.mod(place.along, 5) < 0.2) | (np.mod(place.across, 5) < 0.2)
        colour = np.array((158.0, 153.0, 143.0)) * (1 + 0.06 * rough + slab - 0.08 * seams)[..., None]
        yard = smoothstep(np.maximum(np.abs(place.along) - 34, np.abs(place.across) - 26) + 2 * rough, 1, -1)
        blend(canvas.albedo[place.slices], colour, 0.92 * yard * (canvas.truth[place.slices] == 0))
    for a, c, turn, length, width in (
        (-20, -16, 0, 17, 7.5),
        (-22, 14, 0, 14, 9),
        (20, -10, 1, 15, 8),
        (18, 20, 0, 12, 6.5),
    ):
        y = row + (a * np.sin(angle) + c * np.cos(angle)) * METRE
        x = column + (a * np.cos(angle) - c * np.sin(angle)) * METRE
        hall(y, x, angle + turn * np.pi / 2, length * rng.uniform(0.85, 1.1), width * rng.uniform(0.9, 1.1))
