"""The village and its farm: houses on plots along the streets, and halls round a yard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotations.sample.buildings import Building, hall, house, paint_building, shed
from annotations.sample.canvas import METRE, blend, window
from annotations.sample.gardens import garden_tree, paint_plot
from annotations.sample.noise import fractal, smoothstep
from annotations.sample.roads import ROAD, WATER, paint_car

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas, Sun
    from annotations.sample.layout import Layout, Road
    from annotations.sample.trees import Tree

__all__ = ["paint_village"]

FARM = (
    (-20.0, -16.0, 0, 17.0, 7.5),
    (-22.0, 14.0, 0, 14.0, 9.0),
    (20.0, -10.0, 1, 15.0, 8.0),
    (18.0, 20.0, 0, 12.0, 6.5),
)
"""Halls of the farm: metres along and across from its middle, quarter turns, half length and half width."""


class _Village:
    """What is built so far, so that nothing is built on it."""

    def __init__(self, rng: np.random.Generator, canvas: Canvas, layout: Layout, depth: NDArray[np.float32]) -> None:
        self.rng, self.canvas, self.layout = rng, canvas, layout
        self.taken = (canvas.truth == ROAD) | (canvas.truth == WATER) | (depth > -4)
        self.plans: list[Building] = []
        self.trees: list[Tree] = []

    def claim(self, row: float, column: float, angle: float, half_along: float, half_across: float) -> bool:
        """Take a piece of ground, in metres; False when part of it is taken."""
        place = window(self.canvas.shape, row, column, angle, float(np.hypot(half_along, half_across)))
        if place is None:
            return False
        box = (np.abs(place.along) < half_along) & (np.abs(place.across) < half_across)
        if self.taken[place.slices][box].any():
            return False
        self.taken[place.slices][box] = True
        return True

    def farm(self) -> None:
        """Lay a concrete yard with barns and halls round it."""
        rng, canvas, frame = self.rng, self.canvas, self.layout.frame
        u, v = self.layout.farm
        row, column = (float(x) for x in frame.pixels(u, v))
        ahead = frame.pixels(u + 1, v) - frame.pixels(u, v)
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
        for a, c, turn, length, width in FARM:
            y = row + (a * np.sin(angle) + c * np.cos(angle)) * METRE
            x = column + (a * np.cos(angle) - c * np.sin(angle)) * METRE
            length, width = length * rng.uniform(0.85, 1.1), width * rng.uniform(0.9, 1.1)
            if self.claim(y, x, angle + turn * np.pi / 2, length + 2, width + 2):
                self.plans.append(hall(rng, y, x, angle + turn * np.pi / 2, length, width))

    def street(self, road: Road) -> None:
        """Build along both sides of a road, plot by plot."""
        steps = np.diff(road.path, axis=0)
        walked = np.concatenate([[0], np.cumsum(np.hypot(*steps.T))]) / METRE
        for side in (-1, 1):
            at = self.rng.uniform(0, 15)
            while at < walked[-1] - 2:
                here = min(max(int(np.searchsorted(walked, at)) - 1, 0), len(steps) - 1)
                unit = steps[here] / np.hypot(*steps[here])
                half = self.rng.uniform(9, 12.5)
                start = road.path[here] + unit * (at - walked[here]) * METRE
                at += 2 * half
                angle = float(np.arctan2(unit[0], unit[1])) + (np.pi if side < 0 else 0)
                if self.rng.random() > 0.08:
                    self._plot(road, start, angle, half)

    def _in_village(self, row: float, column: float) -> bool:
        frame, metres = self.layout.frame, self.layout.metres
        place = (np.array([row, column]) - frame.size / 2) / METRE
        u = place[1] * np.cos(frame.angle) + place[0] * np.sin(frame.angle)
        w = place[0] * np.cos(frame.angle) - place[1] * np.sin(frame.angle)
        v = w - float(frame.bend(np.array([u]))[0])
        return bool(-0.46 * metres < u < self.layout.river_u - 26 and abs(v) < 0.36 * metres)

    def _plot(self, road: Road, start: NDArray[np.float64], angle: float, half: float) -> None:
        """Build on one plot: `start` is the place on the road's middle line, `half` half its width."""
        rng, canvas = self.rng, self.canvas
        along, inwards = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
        gate = start + inwards * (road.width / 2 + 1.8) * METRE
        row, column = gate + inwards * rng.uniform(9, 13) * METRE
        own = angle + rng.normal(0, 0.03)
        if not self._in_village(row, column) or not self.claim(row, column, own, 9.0, 8.5):
            return
        back, drive = rng.uniform(30, 42), float(rng.choice([-1, 1])) * (half - 2.2)
        place = window(canvas.shape, gate[0], gate[1], angle, back + 6)
        if place is not None:
            paint_plot(rng, canvas, place, half - 0.3, back, drive)
        self.plans += house(rng, row, column, own)
        if rng.random() < 0.8:
            y, x = gate + (along * drive * 0.85 + inwards * rng.uniform(21, 27)) * METRE
            if self.claim(y, x, own, 4.5, 3.5):
                self.plans.append(shed(rng, y, x, own + (np.pi / 2) * int(rng.integers(2))))
        if rng.random() < 0.5:
            y, x = gate + (along * drive + inwards * rng.uniform(3, 12)) * METRE
            paint_car(rng, canvas, y, x, angle + np.pi / 2)
        for _ in range(int(rng.integers(3, 12))):
            y, x = gate + (along * rng.uniform(-half, half) + inwards * rng.uniform(1, back + 4)) * METRE
            self.trees.append(garden_tree(rng, float(y), float(x)))


def paint_village(
    rng: np.random.Generator, canvas: Canvas, layout: Layout, sun: Sun, depth: NDArray[np.float32]
) -> list[Tree]:
    """Build the farm and the village on the streets; return the trees of its gardens.

    `depth` is that of `wood_density`: nobody builds in the wood.
    """
    village = _Village(rng, canvas, layout, depth)
    village.farm()
    for road in layout.roads:
        village.street(road)
    for plan in village.plans:
        paint_building(rng, canvas, plan, sun)
    return [t for t in village.trees if _on_free_ground(canvas, t)]


def _on_free_ground(canvas: Canvas, tree: Tree) -> bool:
    """Whether the trunk stands on free ground; the crown may hang over a roof or a road."""
    row, column = int(tree.row), int(tree.column)
    inside = 0 <= row < canvas.shape[0] and 0 <= column < canvas.shape[1]
    return inside and canvas.truth[row, column] == 0
