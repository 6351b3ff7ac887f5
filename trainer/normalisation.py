"""From pixel values to what the network takes: minus the mean, over the standard deviation, band by band."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from trainer.config import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["IMAGENET", "Normalisation"]


_FARTHEST: Final = 1e4
"""Standard deviations from the mean; half precision ends at 65,504."""


@functools.lru_cache(maxsize=64)
def _constants(values: tuple[float, ...], device: torch.device) -> Tensor:
    # Kept: a copy to the device at each step would wait for it.
    return torch.tensor(values, dtype=torch.float32, device=device).view(1, -1, 1, 1)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Mean and standard deviation per band, in the units of the image (0 to 255 for uint8).

    Parameters
    ----------
    mean, std : tuple of float
        One of each per band; finite, `std` above 0.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the numbers."""
        if len(self.mean) != len(self.std) or not self.mean:
            raise ConfigError(f"normalisation needs as many means ({len(self.mean)}) as deviations ({len(self.std)})")
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise ConfigError(
                f"normalisation needs finite means and deviations above 0, not {self.mean} and {self.std}"
            )

    @property
    def bands(self) -> int:
        """How many bands it is for."""
        return len(self.mean)

    def apply(self, images: Tensor) -> Tensor:
        """Return normalised float32 images.

        Parameters
        ----------
        images : Tensor (B, bands, H, W)
            uint8, uint16 or float. What is not finite (no data) becomes the mean, so that it does not spread.

        Raises
        ------
        ValueError
            The number of bands is another.
        """
        if images.shape[1] != self.bands:
            raise ValueError(f"images of {images.shape[1]} bands do not fit a normalisation of {self.bands}")
        floating = images.is_floating_point()
        result = images.to(torch.float32)
        result = (result - _constants(self.mean, images.device)) / _constants(self.std, images.device)
        if not floating:
            return result
        # A value that is finite, but enormous, would become infinite in the first convolutions.
        return torch.nan_to_num_(result, nan=0.0, posinf=0.0, neginf=0.0).clamp_(-_FARTHEST, _FARTHEST)

    def to_json(self) -> dict[str, list[float]]:
        """Return plain values for JSON and checkpoints."""
        return {"mean": [float(v) for v in self.mean], "std": [float(v) for v in self.std]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Normalisation:
        """Rebuild from `to_json`."""
        return cls(tuple(float(v) for v in value["mean"]), tuple(float(v) for v in value["std"]))


IMAGENET: Final = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""ImageNet's statistics for three uint8 bands, red, green, blue: what the published report used."""
