"""A rectangle of pixels: the unit in which labels are saved, read, predicted and redrawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Region"]


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A rectangle of pixels, half open as slices are; may be empty, and may lie partly outside an image.

    Parameters
    ----------
    top, left : int
        First row and column, in pixels of the full-resolution image.
    height, width : int
        Size in pixels; never negative.
    """

    top: int
    left: int
    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse negative sizes."""
        if self.height < 0 or self.width < 0:
            raise ValueError(f"a region cannot have a negative size: {self.height} x {self.width}")

    @classmethod
    def from_bounds(cls, top: int, left: int, bottom: int, right: int) -> Region:
        """Make a region from its first and one-past-last rows and columns; reversed bounds give an empty one."""
        return cls(int(top), int(left), max(int(bottom) - int(top), 0), max(int(right) - int(left), 0))

    @classmethod
    def whole(cls, shape: tuple[int, ...]) -> Region:
        """Return the region that covers an array of shape (H, W, ...)."""
        return cls(0, 0, int(shape[0]), int(shape[1]))

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.left + self.width

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.height, self.width

    @property
    def empty(self) -> bool:
        """Whether the region holds no pixel."""
        return self.height == 0 or self.width == 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices into the full-resolution array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def intersection(self, other: Region) -> Region:
        """Return the pixels in both; empty where they do not meet."""
        return Region.from_bounds(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def union(self, other: Region) -> Region:
        """Return the smallest region that covers both; an empty one counts for nothing."""
        if self.empty:
            return other
        if other.empty:
            return self
        return Region.from_bounds(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def grown(self, margin: int) -> Region:
        """Return the region with `margin` pixels added on each side (it may then lie partly outside an image)."""
        return Region.from_bounds(self.top - margin, self.left - margin, self.bottom + margin, self.right + margin)

    def scaled(self, factor: int) -> Region:
        """Return the region of the same ground in an image of `factor` times as many pixels in each direction."""
        return Region(self.top * factor, self.left * factor, self.height * factor, self.width * factor)

    def shrunk(self, factor: int) -> Region:
        """Return the smallest region that covers this one in an image of `factor` times fewer pixels a direction."""
        return Region.from_bounds(
            self.top // factor, self.left // factor, -(-self.bottom // factor), -(-self.right // factor)
        )

    def clipped(self, shape: tuple[int, ...]) -> Region:
        """Return the part inside an array of shape (H, W, ...)."""
        return self.intersection(Region.whole(shape))

    def within(self, outer: Region) -> Region:
        """Return this region as it is counted from the corner of another, for an array that holds the other's pixels.

        It must lie in the other: a slice that begins below 0 would count from the far end.

        Raises
        ------
        ValueError
            It does not.
        """
        if not outer.contains(self):
            raise ValueError(f"{self} does not lie in {outer}")
        return Region(self.top - outer.top, self.left - outer.left, self.height, self.width)

    def contains(self, other: Region) -> bool:
        """Whether every pixel of `other` is in this region."""
        return other.empty or self.intersection(other) == other

    def tiles(self, size: int) -> Iterator[Region]:
        """Yield the tiles of the grid of `size` pixels, anchored at (0, 0), that meet this region, row by row.

        The tiles are whole: clip them to the image (`clipped`) before use.
        """
        if self.empty:
            return
        for row in range(self.top // size, -(-self.bottom // size)):
            for column in range(self.left // size, -(-self.right // size)):
                yield Region(row * size, column * size, size, size)
