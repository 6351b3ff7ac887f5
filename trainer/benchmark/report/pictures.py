"""Pictures of the report's gallery: classes in their colours, labels that can be seen, errors, confidence."""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme

__all__ = [
    "NOTHING",
    "WRONG",
    "class_picture",
    "colour_stops",
    "confidence_picture",
    "data_uri",
    "error_picture",
    "label_picture",
    "shrunk",
]

SIDE: Final = 256
"""Largest side of a picture: twelve of them for each cell have to fit into a page."""
NOTHING: Final = (168, 168, 168)
"""Where there is no ground truth, or no prediction."""
WRONG: Final = (214, 40, 40)
_MAP: Final = "cividis"  # even steps look even, also to the colour-blind and in grey
_COVER: Final = 0.25
_LARGEST: Final = 4.0


def shrunk(values: NDArray[np.uint8] | NDArray[np.int8], *, mean: bool = False) -> NDArray[np.uint8] | NDArray[np.int8]:
    """Return pictures of at most 256 pixels a side.

    Parameters
    ----------
    values : ndarray (S, S) or (S, S, 3)
        Classes, or an image.
    mean : bool
        Average the pixels that are merged, as suits an image; otherwise one of them is picked, as suits classes.
    """
    side = values.shape[0]
    if side <= SIDE:
        return values
    edges = np.arange(SIDE + 1) * side // SIDE
    if not mean:
        centre = (edges[:-1] + edges[1:]) // 2
        return values[np.ix_(centre, centre)]
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.float64), edges[:-1], 0), edges[:-1], 1)
    counts = np.diff(edges).astype(np.float64)
    area = np.outer(counts, counts).reshape(SIDE, SIDE, *[1] * (values.ndim - 2))
    return np.rint(sums / area).astype(np.uint8)


def _grey(image: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    """Return the image without colour, and pale: `strength` 0 is white."""
    light = image.astype(np.float64) @ (0.299, 0.587, 0.114)
    # Steps of 12 cannot be seen in what is so pale, and make the file less than half as large.
    pale = 255 - strength * np.minimum(255 - np.rint(light / 12) * 12, 255)
    return np.repeat(np.rint(pale).astype(np.uint8)[..., None], 3, axis=-1)


def class_picture(classes: NDArray[np.uint8] | NDArray[np.int8], scheme: ClassScheme) -> NDArray[np.uint8]:
    """Return classes (S, S) in their colours; grey for values without one (-1, 255)."""
    index = classes.astype(np.int64)
    index[(index < 0) | (index >= len(scheme))] = len(scheme)
    palette = np.array([*(c.rgb for c in scheme.classes), NOTHING], np.uint8)
    return palette[index]


def label_picture(
    image: NDArray[np.uint8], labels: NDArray[np.int8], scheme: ClassScheme
) -> tuple[NDArray[np.uint8], bool]:
    """Draw sparse labels over a pale image, each pixel as large as their density allows.

    Parameters
    ----------
    image : ndarray (S, S, 3), uint8
        The whole patch, not yet shrunk: otherwise single pixels would be lost.
    labels : ndarray (S, S), int8
        -1 where there is none.

    Returns
    -------
    picture : ndarray, uint8
        At most 256 pixels a side.
    enlarged : bool
        Whether labels were drawn larger than they are.
    """
    picture = _grey(np.asarray(shrunk(image, mean=True), np.uint8), 0.4)
    side, scale = len(picture), len(picture) / len(labels)
    rows, columns = np.nonzero((labels >= 0) & (labels < len(scheme)))
    colours = class_picture(labels[rows, columns], scheme)
    rows, columns = (rows * scale).astype(np.int64), (columns * scale).astype(np.int64)
    share = max(len(rows), 1) / side**2
    # Discs that together cover a quarter of the picture, if they do not overlap.
    radius = min(_LARGEST, math.sqrt(_COVER / share / math.pi))
    if radius < 1:
        picture[rows, columns] = colours
        return picture, False
    for reach, fill in ((radius + 1, None), (radius, colours)):
        # A dark rim, where there is room for one, parts labels from an image of the same colour.
        if fill is None and radius < 2.5:
            continue
        around = math.ceil(reach)
        for down in range(-around, around + 1):
            for right in range(-around, around + 1):
                if down**2 + right**2 <= reach**2:
                    at = np.clip(rows + down, 0, side - 1), np.clip(columns + right, 0, side - 1)
                    picture[at] = 30 if fill is None else fill
    return picture, True


def error_picture(
    image: NDArray[np.uint8], truth: NDArray[np.int8], prediction: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return a pale image with wrong pixels in red, and unknown ones in flat grey."""
    picture = _grey(np.asarray(shrunk(image, mean=True), np.uint8), 0.35)
    known, guess = shrunk(truth), shrunk(prediction)
    picture[(known >= 0) & (known != guess)] = WRONG
    picture[known < 0] = NOTHING
    return picture


def confidence_picture(confidence: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return confidences 0 to 255 in colours."""
    from matplotlib import colormaps

    small = np.asarray(shrunk(confidence, mean=True), np.uint8) // 4 * 4 + 2  # fewer colours, a smaller file
    colours: NDArray[np.uint8] = colormaps[_MAP](small, bytes=True)[..., :3]
    return colours


def colour_stops() -> list[str]:
    """Return colours "#rrggbb" of the confidence's scale, from 0 to 1."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps[_MAP](v)) for v in np.linspace(0, 1, 9)]


def data_uri(picture: NDArray[np.uint8], *, photo: bool = False) -> str:
    """Return a picture (H, W, 3) within an address: as PNG, which keeps each pixel, or as JPEG, which suits photos."""
    from matplotlib.image import imsave

    file = io.BytesIO()
    kind, options = ("jpeg", {"quality": 88}) if photo else ("png", {"optimize": True})
    imsave(file, np.ascontiguousarray(picture), format=kind, pil_kwargs=options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
