"""Another camera, another hour: changes of a whole image's colours, and of a crop's sharpness.

A change is the same everywhere in the image, so what a class looks like here is still what it looks like there. Bands
are brought to mean 0 and deviation 1 afterwards, which undoes gains and offsets: what remains is the shape of the
curves, how bands are mixed, and what is cut off. Too much of it teaches not to look at colours at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import fft, ndimage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Colours = NDArray[np.float32]

__all__ = ["draw_look", "worsened"]

_GREY: Final = np.array([0.3, 0.59, 0.11], np.float32)


def draw_look(rng: np.random.Generator) -> Callable[[Colours], Colours]:
    """Draw a change of colours (..., 3) of 0 to 1, to be made to all pixels of an image alike."""
    gamma = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.08, 3))
    gain, offset = rng.uniform(0.85, 1.2), rng.uniform(-0.06, 0.06)
    saturation = rng.choice([1.0, rng.uniform(0.6, 1.4), 0.0], p=[0.45, 0.51, 0.04])
    order = rng.permutation(3) if rng.random() < 0.05 else np.arange(3)
    angle = rng.normal(0, 0.1) if rng.random() < 0.4 else 0.0
    haze = rng.uniform(0, 0.35) if rng.random() < 0.2 else 0.0
    veil = rng.uniform(0.5, 0.9, 3)
    mix = _hue_turned(angle)

    def look(colours: Colours) -> Colours:
        x = np.clip(colours, 1e-3, 1) ** gamma * gain + offset
        grey = (x @ _GREY)[..., None]
        x = grey + (x - grey) @ mix.T * saturation
        x = x[..., order] * (1 - haze) + haze * veil
        changed: Colours = np.clip(x, 0, 1).astype(np.float32)
        return changed

    return look


def _hue_turned(angle: float) -> NDArray[Any]:
    """Return the rotation (3, 3) about the axis of greys."""
    cos, sin, third = np.cos(angle), np.sin(angle), 1 / 3
    a, b, c = cos + (1 - cos) * third, (1 - cos) * third - third**0.5 * sin, (1 - cos) * third + third**0.5 * sin
    return np.array([[a, b, c], [c, a, b], [b, c, a]])


def worsened(crop: Colours, rng: np.random.Generator) -> Colours:
    """Blur a crop (H, W, 3), add noise or what JPEG leaves; often none of it."""
    x: NDArray[Any] = crop
    if rng.random() < 0.2:
        x = ndimage.gaussian_filter(x, (*(rng.uniform(0.4, 1.2),) * 2, 0))
    if rng.random() < 0.2:
        x = x + rng.normal(0, rng.uniform(0.005, 0.04), crop.shape)
    if rng.random() < 0.2:
        x = _squeezed(x, rng.uniform(0.2, 1.5))
    result: Colours = np.clip(x, 0, 1).astype(np.float32)
    return result


def _squeezed(crop: NDArray[Any], coarseness: float) -> NDArray[Any]:
    """Round the cosines of blocks of 8 pixels, as JPEG does, the high frequencies more coarsely."""
    height, width = (side // 8 * 8 for side in crop.shape[:2])
    blocks = crop[:height, :width].reshape(height // 8, 8, width // 8, 8, 3)
    places = np.arange(8)
    step = coarseness * (0.06 + 0.03 * (places[:, None] + places))[None, :, None, :, None]
    cosines = fft.dctn(blocks, axes=(1, 3), norm="ortho")
    result = crop.copy()
    result[:height, :width] = fft.idctn(np.round(cosines / step) * step, axes=(1, 3), norm="ortho").reshape(
        height, width, 3
    )
    return result
