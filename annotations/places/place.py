"""A place that is worth a look, and the map that it is found on, at a reduced resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["Place", "ReducedMap"]


@dataclass(frozen=True, slots=True)
class Place:
    """Connected ground of which the map is unsure in one way.

    Parameters
    ----------
    region : Region
        The smallest rectangle around it, in pixels of the image.
    at : tuple of int
        Row and column of its least certain pixel: where to look first, and to draw.
    classes : tuple of int
        The two classes that the map hesitates between there, the more probable one first.
    pixels : int
        How large it is.
    doubt : float
        How unsure the map is of it on average: 0 certain, 1 undecided.
    score : float
        How useful a label there is, compared with the other places of the same map; above 0.
    """

    region: Region
    at: tuple[int, int]
    classes: tuple[int, int]
    pixels: int
    doubt: float
    score: float

    @property
    def pair(self) -> tuple[int, int]:
        """The two classes, the lower index first."""
        first, second = sorted(self.classes)
        return first, second


@dataclass(frozen=True, eq=False)
class ReducedMap:
    """What is known of a map, a cell of `stride` x `stride` pixels at a time.

    Parameters
    ----------
    stride : int
        Pixels across a cell; the first cell lies at (0, 0).
    shape : tuple of int
        (H, W) of the image in pixels.
    doubt : ndarray of uint8, (h, w)
        1 minus the margin between the two most probable classes, 0 to 255.
    first, second : ndarray of uint8, (h, w)
        The most probable class and the runner-up; 255 where there is none.
    labelled : ndarray of bool, (h, w)
        Whether there is a label in the cell.
    """

    stride: int
    shape: tuple[int, int]
    doubt: NDArray[np.uint8]
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    labelled: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check that all of it is of one size.

        Raises
        ------
        ValueError
            It is not.
        """
        expected = tuple(-(-size // self.stride) for size in self.shape)
        for name in ("doubt", "first", "second", "labelled"):
            if getattr(self, name).shape != expected:
                raise ValueError(f"{name} is {getattr(self, name).shape}, not {expected}")
