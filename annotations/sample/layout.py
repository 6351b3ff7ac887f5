"""Where things are: a curved frame along the main road, and in it roads, river, woods, pond and parcels."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.sample.canvas import METRE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Path = NDArray[np.float64]

__all__ = ["Frame", "Layout", "Parcel", "Road", "make_layout"]

_REACH: Final = 0.85
"""How far from the middle rivers and roads go, as a share of the picture's side: beyond its corners."""


@dataclass(frozen=True)
class Frame:
    """Curved coordinates in metres from the middle of the picture: `u` along the main road, `v` away from it.

    Fields, plots and side streets are straight in (u, v), so they follow the bends of the road as real ones do.
    """

    size: int
    angle: float
    offset: float
    waves: tuple[tuple[float, float, float], ...]

    def bend(self, u: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return how far the main road strays from a straight line."""
        total = np.full_like(u, self.offset)
        for amplitude, length, phase in self.waves:
            total += amplitude * np.sin(2 * np.pi * u / length + phase)
        return total

    def coordinates(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return u and v of every pixel, each (size, size)."""
        place = ((np.arange(self.size) - self.size / 2) / METRE).astype(np.float32)
        sine, cosine = np.float32(np.sin(self.angle)), np.float32(np.cos(self.angle))
        u = place[None, :] * cosine + place[:, None] * sine
        w = place[:, None] * cosine - place[None, :] * sine
        return u, (w - self.bend(u)).astype(np.float32)

    def pixels(self, u: NDArray[np.floating] | float, v: NDArray[np.floating] | float) -> Path:
        """Return rows and columns (..., 2) of places given as u and v."""
        u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        w = v + self.bend(u)
        x = u * np.cos(self.angle) - w * np.sin(self.angle)
        y = u * np.sin(self.angle) + w * np.cos(self.angle)
        return np.stack([y * METRE + self.size / 2, x * METRE + self.size / 2], axis=-1)


@dataclass(frozen=True)
class Road:
    """A paved road: its path in pixels, its width in metres, and how it is made up."""

    path: Path
    width: float
    main: bool = False
    pavement: bool = False


@dataclass(frozen=True)
class Parcel:
    """A field: bounds in u and v, in metres."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Layout:
    """The plan of the scene; lengths in metres in the frame, paths in pixels."""

    frame: Frame
    metres: float
    wood_side: int
    river: Path
    river_course: Path  # u and v
    river_width: float
    river_u: float
    pond: tuple[float, float, float]
    roads: tuple[Road, ...]
    tracks: tuple[Path, ...]
    streets: tuple[float, ...]
    farm: tuple[float, float]
    parcels: tuple[Parcel, ...]


def _parcels(rng: np.random.Generator, bounds: Parcel, out: list[Parcel]) -> None:
    """Split a block of land as inheritance did: halves, and now and then narrow strips side by side."""
    width, height = bounds.right - bounds.left, bounds.bottom - bounds.top
    across_u = width * rng.uniform(0.75, 1.3) > height
    longer, shorter = max(width, height), min(width, height)
    if longer * shorter < rng.uniform(6000, 15000) or shorter < 30:
        out.append(bounds)
        return
    strips = longer < 260 and shorter < 150 and rng.random() < 0.4
    if strips:
        count = int(np.clip(round(shorter / rng.uniform(19, 34)), 2, 5))
        cuts = np.linspace(0, 1, count + 1)
        cuts[1:-1] += rng.uniform(-0.07, 0.07, count - 1)
        across_u = width < height  # they lie side by side along the short side
    else:
        cuts = np.array([0, rng.uniform(0.36, 0.64), 1])
    for a, b in itertools.pairwise(cuts):
        if across_u:
            part = Parcel(bounds.left + a * width, bounds.top, bounds.left + b * width, bounds.bottom)
        else:
            part = Parcel(bounds.left, bounds.top + a * height, bounds.right, bounds.top + b * height)
        if strips:
            out.append(part)
        else:
            _parcels(rng, part, out)


def make_layout(rng: np.random.Generator, size: int) -> Layout:
    """Plan a village on a main road between woods, fields and a river."""
    metres = size / METRE
    frame = _frame(rng, size)
    wood_side = int(rng.choice([-1, 1]))
    river_u = float(rng.uniform(0.2, 0.27) * metres)
    course = _river_course(rng, metres, river_u)
    u = np.arange(-_REACH * metres, _REACH * metres, 5.0)
    main = Road(frame.pixels(u, np.zeros_like(u)), float(rng.uniform(6.6, 7.4)), main=True)
    streets, side_roads = _side_streets(rng, frame, wood_side, river_u - 48)
    through = streets[len(streets) // 2]
    parcels = _all_parcels(rng, metres, through)
    farm_side = float(rng.choice([-1, 1]))
    radius = float(min(24.0, 0.06 * metres))
    pond_u = through - farm_side * (1.5 * radius + rng.uniform(16, 24))
    return Layout(
        frame=frame,
        metres=metres,
        wood_side=wood_side,
        river=frame.pixels(course[:, 0], course[:, 1]),
        river_course=course,
        river_width=float(rng.uniform(12, 15)),
        river_u=river_u,
        pond=(pond_u, float(-wood_side * rng.uniform(0.33, 0.37) * metres), radius),
        roads=(main, *side_roads),
        tracks=_tracks(rng, frame, streets, parcels, wood_side),
        streets=tuple(streets),
        farm=(through + farm_side * rng.uniform(44, 50), float(-wood_side * rng.uniform(0.27, 0.33) * metres)),
        parcels=tuple(parcels),
    )


def _frame(rng: np.random.Generator, size: int) -> Frame:
    metres = size / METRE
    return Frame(
        size,
        float(rng.uniform(0, 2 * np.pi)),
        float(rng.uniform(-0.05, 0.05) * metres),
        (
            (float(rng.uniform(0.02, 0.035) * metres), float(rng.uniform(0.9, 1.3) * metres), float(rng.uniform(0, 6))),
            (float(rng.uniform(2, 4)), float(rng.uniform(90, 140)), float(rng.uniform(0, 6))),
        ),
    )


def _river_course(rng: np.random.Generator, metres: float, river_u: float) -> Path:
    """Lead a river across the main road at `river_u`, in two kinds of bends; u and v."""
    v = np.arange(-_REACH * metres, _REACH * metres, 5.0)
    meander = 0.05 * metres * np.sin(2 * np.pi * v / rng.uniform(150, 230) + rng.uniform(0, 6))
    meander += 7 * np.sin(2 * np.pi * v / rng.uniform(55, 90) + rng.uniform(0, 6))
    meander -= np.interp(0.0, v, meander)
    return np.stack([river_u + meander, v], axis=-1)


def _side_streets(
    rng: np.random.Generator, frame: Frame, wood_side: int, last: float
) -> tuple[list[float], list[Road]]:
    """Lay streets across the main road, up to `last`; return where, in u, and the roads. The middle one goes on."""
    metres = frame.size / METRE
    first = -0.4 * metres
    count = max(1, round((last - first) / 105))
    streets, roads = [], []
    for k in range(count):
        at = first + (k + rng.uniform(0.35, 0.65)) * (last - first) / count
        streets.append(float(at))
        ahead = _REACH * metres if k == count // 2 else rng.uniform(0.2, 0.26) * metres
        back = rng.uniform(0.14, 0.2) * metres
        along = np.arange(-back, ahead, 4.0) * -wood_side
        sway = 4 * np.sin(along / rng.uniform(35, 60)) * np.minimum(np.abs(along) / 30, 1)
        roads.append(
            Road(frame.pixels(at + sway, along), float(rng.uniform(4.8, 5.6)), pavement=bool(rng.random() < 0.6))
        )
    return streets, roads


def _all_parcels(rng: np.random.Generator, metres: float, through: float) -> list[Parcel]:
    """Split the land on both sides of the main road and of the street that goes on."""
    parcels: list[Parcel] = []
    for top, bottom in ((-1.3 * metres, 0.0), (0.0, 1.3 * metres)):
        for left, right in itertools.pairwise((-1.1 * metres, through, 1.1 * metres)):
            _parcels(rng, Parcel(left, top, right, bottom), parcels)
    return parcels


def _tracks(
    rng: np.random.Generator, frame: Frame, streets: list[float], parcels: list[Parcel], wood_side: int
) -> tuple[Path, ...]:
    """Lead dirt tracks along field borders beyond the gardens, and one into the wood."""
    metres = frame.size / METRE
    tracks = []
    near = [p for p in parcels if abs(p.left) < 0.45 * metres and min(abs(p.top), abs(p.bottom)) < 0.35 * metres]
    for index in rng.permutation(len(near))[: max(2, round(metres / 130))]:
        p = near[index]
        along = np.arange(p.top, p.bottom, 5.0)
        along = along[(np.abs(along) > 56) & (wood_side * along < 0.27 * metres)]
        if len(along) > 12:
            tracks.append(frame.pixels(p.left + 1.5 * np.sin(along / 23), along))
    # The one into the wood goes on from the end of a street.
    ride = np.arange(0.14 * metres, 0.8 * metres, 5.0)
    sway = 0.25 * (ride - ride[0]) + 4 * np.sin((ride - ride[0]) / 31)
    tracks.append(frame.pixels(streets[-1] - sway, wood_side * ride))
    return tuple(tracks)
