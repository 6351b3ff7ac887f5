"""From the scene to a photograph: shadows, sky light, haze, the blur and the noise of a camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from annotations.sample.canvas import METRE, PIXEL
from annotations.sample.noise import lattice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.sample.canvas import Canvas, Sun

__all__ = ["expose", "shadows"]


def shadows(height: NDArray[np.float32], sun: Sun) -> NDArray[np.float32]:
    """Return how far each pixel lies in shadow, 0 to 1, by looking from each towards the sun."""
    row, column = sun.towards
    drop = PIXEL * float(np.tan(sun.elevation))
    size_y, size_x = height.shape
    above = np.zeros_like(height)
    for step in range(1, int(float(height.max()) / drop) + 2):
        dy, dx = round(step * row), round(step * column)
        here = (slice(max(-dy, 0), size_y - max(dy, 0)), slice(max(-dx, 0), size_x - max(dx, 0)))
        there = (slice(max(dy, 0), size_y + min(dy, 0)), slice(max(dx, 0), size_x + min(dx, 0)))
        part = above[here]
        np.maximum(part, height[there] - np.float32(step * drop), out=part)
    shaded: NDArray[np.float32] = np.clip((above - height) / np.float32(0.6), 0, 1)
    return shaded


def expose(rng: np.random.Generator, canvas: Canvas, sun: Sun) -> NDArray[np.uint8]:
    """Return the photograph: uint8 (H, W, 3)."""
    shape = canvas.shape
    shade = gaussian_filter(shadows(canvas.height, sun), 0.6)
    direct = canvas.shade * (1 - shade)
    uneven = 1 + 0.02 * lattice(rng, shape, 130 * METRE)
    image = np.empty((*shape, 3), np.uint8)
    blur = float(rng.uniform(0.55, 0.7))
    coarse = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 0.7)
    # The sky fills shadows with bluish light; haze lifts the dark a little, more so in blue.
    for band, (sky, haze) in enumerate(zip((0.37, 0.40, 0.46), (6.0, 8.0, 13.0), strict=True)):
        light = sky + (1 - sky) * direct
        value = canvas.albedo[..., band] * light * uneven
        value = gaussian_filter(value, blur)
        value = haze + value * np.float32(1.04)
        value += 1.5 * coarse + 1.6 * rng.standard_normal(shape, dtype=np.float32)
        image[..., band] = np.clip(np.rint(value), 0, 255)
    return image
