"""What each band of a raster is for: learnt from, the mask, or neither; and what means missing data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.errors import RasterError
from annotations.images.missing import find_fill_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotations.images.channels import Channel

__all__ = ["BandRoles", "propose_roles", "tagged_mask"]

_MASK_SHARE: Final = 0.5
"""A transparency band is mostly 0 or its highest value; near infrared is not."""


@dataclass(frozen=True, slots=True)
class BandRoles:
    """How an image's bands are used.

    Parameters
    ----------
    learnt : tuple of int
        Bands that are learnt from and mapped with, from 0, in this order.
    mask : int, optional
        The band that is 0 where there is no image (transparency).
    nodata : tuple of float
        Values that stand for missing data although the file does not declare them.
    declared : bool
        Whether the nodata values and masks that the file itself declares count.
    """

    learnt: tuple[int, ...]
    mask: int | None = None
    nodata: tuple[float, ...] = ()
    declared: bool = True

    def __post_init__(self) -> None:
        """Check what can be checked without the file."""
        bands = (*self.learnt, *(() if self.mask is None else (self.mask,)))
        if not self.learnt or len(set(bands)) != len(bands) or not all(isinstance(b, int) and b >= 0 for b in bands):
            raise RasterError(
                f"bands {[b + 1 if isinstance(b, int) else b for b in self.learnt]} cannot be learnt from beside mask "
                f"{'none' if self.mask is None else self.mask + 1}: choose at least one band, each once, and another "
                "one as the mask."
            )
        # Not-a-number and infinities are missing data anyhow.
        object.__setattr__(self, "nodata", tuple(float(v) for v in self.nodata if math.isfinite(v)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "learnt": list(self.learnt),
            "mask": self.mask,
            "nodata": list(self.nodata),
            "declared": self.declared,
        }

    @classmethod
    def from_json(cls, value: Any) -> BandRoles | None:
        """Rebuild from `to_json`; None for None.

        Raises
        ------
        RasterError
            It says something else.
        """
        if value is None:
            return None
        try:
            mask = value.get("mask")
            return cls(
                tuple(int(b) for b in value["learnt"]),
                None if mask is None else int(mask),
                tuple(float(v) for v in value.get("nodata", ())),
                bool(value.get("declared", True)),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise RasterError(f"the roles of an image's bands cannot be read: {value!r:.200} ({error!r}).") from error

    def with_mask(self, band: int) -> BandRoles:
        """Return the same with a band as the mask that may have been learnt from before."""
        return replace(self, learnt=tuple(b for b in self.learnt if b != band), mask=band)


def tagged_mask(channels: Sequence[Channel]) -> int | None:
    """Return the band that the file calls transparency, from 0; the last of several."""
    return next((i for i in reversed(range(len(channels))) if channels[i].interpretation == "alpha"), None)


def propose_roles(channels: Sequence[Channel], sample: Any) -> tuple[BandRoles | None, tuple[str, ...]]:
    """Return what the bands are most likely for, and what a person should know of that.

    Parameters
    ----------
    channels : sequence of Channel
        Every band of the file, in its order.
    sample : callable(sequence of int) -> ndarray, (n, bands)
        Pixels from all over the image, asked for only where they decide.

    Returns
    -------
    roles : BandRoles or None
        None where all bands are transparency.
    notes : tuple of str
        Sentences.
    """
    notes: list[str] = []
    tagged = [i for i, c in enumerate(channels) if c.interpretation == "alpha"]
    pictures = [i for i in tagged if not _looks_like_mask(sample([i])[..., 0])]
    for i in pictures:
        notes.append(
            f"Band {i + 1} calls itself transparency, but its values are those of an image (near infrared, most "
            "likely): it is learnt from. If it is a mask, say so in the section Image."
        )
    masks = [i for i in tagged if i not in pictures]
    learnt = tuple(i for i in range(len(channels)) if i not in masks)
    if not learnt:
        return None, ()
    roles = BandRoles(learnt, masks[-1] if masks else None)
    if any(channels[i].dtype.kind in "if" for i in learnt):
        pixels = sample(learnt)
        known = np.ones(len(pixels), bool)
        if roles.mask is not None:
            known = sample([roles.mask])[..., 0] > 0
        declared = {channels[i].nodata for i in learnt}
        fills = tuple(v for v in find_fill_values(pixels, known) if v not in declared)
        if fills:
            values = " and ".join(f"{v:g}" for v in fills)
            notes.append(
                f"The file does not say so, but {values} stands for missing data in it: pixels with it are neither "
                "learnt from nor mapped. If they are ground, say so in the section Image."
            )
            roles = replace(roles, nodata=fills)
    return roles, tuple(notes)


def _looks_like_mask(values: NDArray[Any]) -> bool:
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not known.size:
        return True
    return bool(((known == 0) | (known == known.max())).mean() >= _MASK_SHARE)
