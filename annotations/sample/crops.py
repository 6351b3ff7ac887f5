"""What grows on which parcel, and how each crop looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.layout import Layout

__all__ = ["CROPS", "Crop", "choose_crops", "parcel_index"]


@dataclass(frozen=True)
class Crop:
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
    Crop((171, 157, 118), (150, 139, 101), 0.2, 0.5, rows=0.02, tramlines=-0.13, mottle=0.045, grain=0.035),
    Crop((128, 130, 88), (153, 145, 105), 0.1, 0.4, rows=0.02, tramlines=0.1, mottle=0.05, grain=0.035),
    Crop((80, 98, 64), (116, 107, 82), 0.14, 0.22, rows=0.09, spacing=(0.75, 1.5), tramlines=0.1, grain=0.09),
    Crop((93, 111, 73), (130, 118, 92), 0.1, 0.25, rows=0.13, spacing=(1.2, 1.9), mottle=0.06, grain=0.08),
    Crop((188, 176, 143), (157, 144, 111), 0.13, 0.45, rows=0.04, swaths=0.06, spacing=(1.5, 2.5), grain=0.05),
    Crop((137, 118, 97), (113, 97, 80), 0.15, 0.6, rows=0.06, spacing=(1.0, 2.0), swaths=0.02, mottle=0.07, grain=0.06),
    Crop((109, 121, 80), (139, 137, 98), 0.12, 0.5, swaths=0.0, mottle=0.08, grain=0.07),
    Crop((132, 140, 98), (157, 153, 114), 0.1, 0.45, rows=0.02, spacing=(2.5, 4.0), swaths=0.07, grain=0.05),
    Crop((123, 118, 88), (95, 101, 68), 0.06, 0.6, mottle=0.13, grain=0.12),
)
GRASSLAND = (6, 7, 8)


def choose_crops(rng: np.random.Generator, layout: Layout) -> NDArray[np.int64]:
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


def parcel_index(layout: Layout, u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return the number of the parcel of each pixel, by a half-metre map of the frame."""
    reach = 1.05 * layout.metres
    chart = np.zeros((int(4 * reach) + 1,) * 2, np.int16)
    for number, p in enumerate(layout.parcels):
        bounds = np.clip(np.rint((np.array([p.top, p.bottom, p.left, p.right]) + reach) * 2), 0, None).astype(int)
        chart[bounds[0] : bounds[1], bounds[2] : bounds[3]] = number
    rows, columns = ((np.clip(x + reach, 0, 2 * reach) * 2).astype(np.int32) for x in (v, u))
    index: NDArray[np.int16] = chart[rows, columns]
    return index
