"""What is asked of a calmer map, and the map that comes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely  # type: ignore[import-untyped]

from annotations.cleaning.majority import MOST_WINDOW, majority
from annotations.cleaning.smallest import dissolve_small
from annotations.errors import PartialSegError
from annotations.export.ground import ground_areas, to_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference
    from annotations.region import Region

__all__ = ["AS_IT_IS", "Cleaning", "cleaned", "cleaned_view", "pixel_area"]

_MOST_MARGIN = 512


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How a map is made calmer; by default not at all.

    Parameters
    ----------
    window : int
        Side in pixels of the window whose majority each pixel gets: odd, 1 to 15; 1 for none.
    smallest : float
        The smallest piece: in square metres where the image says how large its pixels are, else in pixels; 0 for none.

    Raises
    ------
    PartialSegError
        A number will not do.
    """

    window: int = 1
    smallest: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if type(self.window) is not int or not 1 <= self.window <= MOST_WINDOW or self.window % 2 == 0:
            raise PartialSegError(
                f"A map is smoothed in a window of 3, 5, 7, … to {MOST_WINDOW} pixels (1: not at all), "
                f"not {self.window}."
            )
        if not math.isfinite(self.smallest) or not 0 <= self.smallest <= 1e12:
            raise PartialSegError(f"The smallest piece of a map is 0 (any) to 1e12, not {self.smallest}.")

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return self.window > 1 or self.smallest > 0

    def least_pixels(self, pixel: float | None) -> int:
        """Return how many pixels a piece has at the least, with pixels of so many square metres (None: not known)."""
        return math.ceil(self.smallest / pixel - 1e-9) if pixel else math.ceil(self.smallest)

    def told(self, pixel: float | None) -> str:
        """Return it in words, for a file that was made so; "" where nothing is asked for."""
        words = []
        if self.window > 1:
            words.append(f"majority in {self.window} x {self.window} pixels")
        if self.smallest > 0:
            count = self.least_pixels(pixel)
            size = f"{self.smallest:g} m2 ({count} pixels)" if pixel else f"{count} pixels"
            words.append(f"pieces below {size} dissolved into the neighbour with the longest shared border")
        return "; ".join(words)


AS_IT_IS = Cleaning()
"""Nothing is changed."""


def pixel_area(georeference: Georeference | None, shape: tuple[int, int]) -> float | None:
    """Return the area in square metres of the pixel in an image's middle; None where it is not known.

    In a grid of degrees pixels grow narrower to the poles: the one in the middle stands for all.
    """
    if georeference is None:
        return None
    row, column = shape[0] // 2, shape[1] // 2
    world = to_world(np.array([shapely.box(column, row, column + 1, row + 1)]), georeference)
    areas = ground_areas(world, georeference)
    return float(areas[0]) if areas is not None and np.isfinite(areas[0]) and areas[0] > 0 else None


def cleaned(
    classes: NDArray[np.uint8],
    cleaning: Cleaning,
    pixel: float | None,
    *,
    cut: tuple[bool, bool, bool, bool] = (False, False, False, False),
    progress: Callable[[float], None] = lambda part: None,
) -> NDArray[np.uint8]:
    """Return a map smoothed, and then without pieces that are too small; `classes` (H, W) stays as it is.

    Parameters
    ----------
    classes : ndarray of uint8, shape (H, W)
        Class indices; 255, not predicted, stays so.
    cleaning : Cleaning
        What is asked for.
    pixel : float, optional
        Square metres of a pixel; None where they are not known.
    cut : tuple of bool
        As for `dissolve_small`.
    progress : callable
        Told the part that is done, 0 to 1; what it raises ends the work.
    """
    least = cleaning.least_pixels(pixel)
    share = 0.0 if cleaning.window == 1 else 1.0 if least <= 1 else 0.5
    smooth = majority(classes, cleaning.window, progress=lambda part: progress(share * part))
    return dissolve_small(
        smooth, least, cut=cut, out=smooth, progress=lambda part: progress(share + (1 - share) * part)
    )


def cleaned_view(
    classes: NDArray[np.uint8],
    cleaning: Cleaning,
    pixel: float | None,
    view: Region,
    *,
    progress: Callable[[float], None] = lambda part: None,
) -> NDArray[np.uint8]:
    """Return what `cleaned` gives for a part of a map, from what lies in and around the part alone.

    It is the same but for pieces that reach beyond a margin of up to 512 pixels around the part, the size of which is
    not known: they are left, as is what would have gone into them later.

    Parameters
    ----------
    classes : ndarray of uint8, shape (H, W)
        The whole map; only read.
    cleaning, pixel, progress
        As for `cleaned`.
    view : Region
        The part, within the map.
    """
    least = cleaning.least_pixels(pixel)
    margin = cleaning.window // 2 + (min(_MOST_MARGIN, 2 * math.isqrt(least) + 2) if least > 1 else 0)
    wide = view.grown(margin).clipped(classes.shape)
    height, width = classes.shape
    cut = (wide.top > 0, wide.left > 0, wide.bottom < height, wide.right < width)
    result = cleaned(np.array(classes[wide.slices]), cleaning, pixel, cut=cut, progress=progress)
    return np.ascontiguousarray(result[view.within(wide).slices])
