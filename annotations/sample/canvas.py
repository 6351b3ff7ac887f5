"""What the painters of the sample share: the canvas, windows with local axes, and distances to a path."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["METRE", "PIXEL", "Canvas", "Ribbon", "Sun", "Window", "blend", "ribbon", "window"]

PIXEL = 0.25
"""Metres a pixel."""
METRE = 1 / PIXEL
"""Pixels a metre."""


@dataclass(frozen=True)
class Sun:
    """Where the light comes from: azimuth clockwise from north and elevation, in radians."""

    azimuth: float
    elevation: float

    @property
    def towards(self) -> tuple[float, float]:
        """Unit step (rows, columns) on the ground towards the sun."""
        return -float(np.cos(self.azimuth)), float(np.sin(self.azimuth))

    def lambert(self, slope_row: Any, slope_column: Any) -> Any:
        """Return the light on a surface dz/drow, dz/dcolumn, relative to that on flat ground; 0 when turned away."""
        row, column = self.towards
        tilt = (row * slope_row + column * slope_column) / np.tan(self.elevation)
        return np.maximum((1 - tilt) / np.sqrt(1 + slope_row**2 + slope_column**2), 0)


@dataclass
class Canvas:
    """The scene under construction.

    Attributes
    ----------
    albedo : float32 (H, W, 3)
        Colour under full sun on flat ground, 0 to 255.
    height : float32 (H, W)
        Metres above ground: it casts the shadows.
    shade : float32 (H, W)
        Light from the sun by the tilt of the surface, 1 on flat ground.
    truth : uint8 (H, W)
        Class index.
    """

    albedo: NDArray[np.float32]
    height: NDArray[np.float32]
    shade: NDArray[np.float32]
    truth: NDArray[np.uint8]

    @classmethod
    def blank(cls, size: int) -> Canvas:
        """Return an empty flat square."""
        shape = (size, size)
        return cls(
            np.zeros((*shape, 3), np.float32),
            np.zeros(shape, np.float32),
            np.ones(shape, np.float32),
            np.zeros(shape, np.uint8),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.truth.shape[0], self.truth.shape[1]


def blend(target: NDArray[np.float32], colour: Any, amount: NDArray[Any]) -> None:
    """Mix `colour` ((3,) or (h, w, 3)) into `target` (h, w, 3) by `amount` (h, w), in place."""
    target += (np.asarray(colour, np.float32) - target) * amount[..., None].astype(np.float32)


@dataclass(frozen=True)
class Window:
    """A rectangle of the canvas with axes of its own: `along` and `across` in metres from the origin."""

    slices: tuple[slice, slice]
    along: NDArray[np.float32]
    across: NDArray[np.float32]


def window(shape: tuple[int, int], row: float, column: float, angle: float, reach: float) -> Window | None:
    """Return the square of `reach` metres around a pixel, or None outside the canvas.

    `angle` turns the `along` axis from the direction of columns towards that of rows; `across` is 90 degrees on.
    """
    px = reach * METRE
    top, bottom = max(int(row - px), 0), min(int(row + px) + 2, shape[0])
    left, right = max(int(column - px), 0), min(int(column + px) + 2, shape[1])
    if top >= bottom or left >= right:
        return None
    dy = ((np.arange(top, bottom) - row) * PIXEL).astype(np.float32)[:, None]
    dx = ((np.arange(left, right) - column) * PIXEL).astype(np.float32)[None, :]
    sine, cosine = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    return Window((slice(top, bottom), slice(left, right)), dx * cosine + dy * sine, dy * cosine - dx * sine)


@dataclass(frozen=True)
class Ribbon:
    """Where pixels lie beside a path: metres along it and across it (signed); infinite beyond the reach."""

    slices: tuple[slice, slice]
    along: NDArray[np.float32]
    across: NDArray[np.float32]

    @property
    def distance(self) -> NDArray[np.float32]:
        """Metres from the path."""
        return np.abs(self.across)


def ribbon(shape: tuple[int, int], path: NDArray[np.float64], reach: float) -> Ribbon | None:
    """Return the surroundings of a path (N, 2) of rows and columns, or None when it misses the canvas."""
    px = reach * METRE
    low = np.maximum(np.floor(path.min(axis=0) - px), 0).astype(int)
    high = np.minimum(np.ceil(path.max(axis=0) + px) + 1, shape).astype(int)
    if (low >= high).any():
        return None
    along = np.zeros((high - low), np.float32)
    across = np.full((high - low), np.inf, np.float32)
    walked = 0.0
    for start, end in itertools.pairwise(path):
        step = end - start
        length = float(np.hypot(*step))
        if length == 0:
            continue
        first = np.maximum(np.floor(np.minimum(start, end) - px).astype(int), low)
        last = np.minimum(np.ceil(np.maximum(start, end) + px).astype(int) + 1, high)
        if (first < last).all():
            y = (np.arange(first[0], last[0]) - start[0]).astype(np.float32)[:, None]
            x = (np.arange(first[1], last[1]) - start[1]).astype(np.float32)[None, :]
            unit = (step / length).astype(np.float32)
            t = np.clip(y * unit[0] + x * unit[1], 0, np.float32(length))
            side = np.where(unit[0] * x - unit[1] * y < 0, np.float32(-PIXEL), np.float32(PIXEL))
            signed = side * np.hypot(y - t * unit[0], x - t * unit[1])
            part = (slice(first[0] - low[0], last[0] - low[0]), slice(first[1] - low[1], last[1] - low[1]))
            nearer = np.abs(signed) < np.abs(across[part])
            across[part][nearer] = signed[nearer]
            along[part][nearer] = ((t + np.float32(walked)) * np.float32(PIXEL))[nearer]
        walked += length
    across[np.abs(across) > reach] = np.inf
    return Ribbon((slice(low[0], high[0]), slice(low[1], high[1])), along, across)
