"""The sample as arrays: an aerial picture of a village and its land, with the exact class of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotations.sample.canvas import PIXEL, Canvas, Sun
from annotations.sample.fields import paint_fields, paint_tracks
from annotations.sample.layout import make_layout
from annotations.sample.light import expose
from annotations.sample.roads import paint_cars, paint_roads
from annotations.sample.trees import Trees
from annotations.sample.village import paint_village
from annotations.sample.water import paint_water
from annotations.sample.woods import (
    clear_rides,
    forest,
    hedges,
    orchards,
    paint_forest_floor,
    riverside,
    settle_woodland,
    wood_density,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MIN_SIZE", "VERSION", "Sample", "make_sample"]

VERSION = 2
"""Raised whenever the same seed gives another picture."""
MIN_SIZE = 512


@dataclass(frozen=True)
class Sample:
    """A made-up orthophoto.

    Attributes
    ----------
    image : uint8 (H, W, 3)
        Red, green, blue.
    truth : uint8 (H, W)
        Index into `annotations.classes.LANDCOVER_AI`: what one would touch first from above. Plants count as woodland
        from 3 m; tracks, drives and yards are background; a shadow does not change the class.
    crs : str
        "EPSG:2180", a metre grid.
    transform : tuple of 6 float
        Affine a, b, c, d, e, f from (column, row) to world coordinates; 0.25 m a pixel.
    """

    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    crs: str
    transform: tuple[float, float, float, float, float, float]


def make_sample(seed: int = 0, size: int = 2048) -> Sample:
    """Make the picture of a seed.

    Parameters
    ----------
    seed : int
        Not negative; neighbouring seeds give unrelated scenes.
    size : int
        Height and width in pixels of 0.25 m, at least 512 (a smaller place has no room for all classes).

    Returns
    -------
    Sample
        The same bytes for the same arguments, whatever the number of threads.
    """
    if size < MIN_SIZE:
        raise ValueError(f"a sample is at least {MIN_SIZE} pixels wide, not {size}")
    rng = np.random.default_rng([1, seed])
    sun = Sun(float(np.radians(rng.uniform(135, 205))), float(np.radians(rng.uniform(40, 50))))
    layout = make_layout(rng, size)
    u, v = layout.frame.coordinates()
    canvas = Canvas.blank(size)
    paint_fields(rng, canvas, layout, u, v)
    depth = wood_density(rng, layout, u, v)
    paint_forest_floor(rng, canvas, depth)
    paint_tracks(rng, canvas, layout)
    paint_water(rng, canvas, layout)
    paint_roads(rng, canvas, layout)
    garden = paint_village(rng, canvas, layout, sun, depth)
    paint_cars(rng, canvas, layout)
    blocked = canvas.truth != 0
    clear_rides(canvas, layout, blocked)
    trees = Trees(rng, sun)
    wild = forest(rng, depth, blocked) + riverside(rng, canvas, layout, blocked)
    wild += hedges(rng, layout, blocked) + orchards(rng, layout, blocked)
    trees.plant(canvas, wild + garden)
    settle_woodland(canvas, depth)
    image = expose(rng, canvas, sun)
    east, north = 612_000.0 + 2000.0 * (seed % 50), 498_000.0 + 2000.0 * (seed // 50 % 50)
    return Sample(image, canvas.truth, "EPSG:2180", (PIXEL, 0.0, east, 0.0, -PIXEL, north))
