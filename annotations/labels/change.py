"""What a step of the history changed: for whoever shows it, and for whoever takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotations.classes import ClassScheme
    from annotations.labels.edits import Step
    from annotations.labels.points import PointsChange
    from annotations.region import Region

__all__ = ["Also", "Change", "regions_of"]


@dataclass(frozen=True, slots=True)
class Change:
    """What is different now, for whoever shows it.

    Parameters
    ----------
    regions : tuple of Region
        Where labels changed.
    points, scheme : bool
        Whether points, or classes, are others.
    unseen : bool
        Whether labels are others than those that whoever painted has drawn.
    """

    regions: tuple[Region, ...] = ()
    points: bool = False
    scheme: bool = False
    unseen: bool = True

    def __bool__(self) -> bool:
        return bool(self.regions) or self.points or self.scheme


@dataclass(frozen=True, slots=True)
class Also:
    """What a step of the history changed beside pixels.

    Parameters
    ----------
    points : PointsChange, optional
        What became of points.
    schemes : (ClassScheme, ClassScheme), optional
        The classes before and after.
    """

    points: PointsChange | None = None
    schemes: tuple[ClassScheme, ClassScheme] | None = None


def regions_of(step: Step | None) -> tuple[Region, ...]:
    """Return where a step changed labels: its bounds, or the parts of it where they lie far from each other."""
    if step is None or not step.edits:
        return ()
    parts = [edit.region for edit in step.edits]
    area = sum(part.height * part.width for part in parts)
    if step.region.height * step.region.width <= 4 * area + 512 * 512:
        return (step.region,)
    return tuple(parts)
