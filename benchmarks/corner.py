"""Does a stroke in a corner ruin the map elsewhere? `python -m benchmarks.corner --image FILE --truth FILE`.

Six strokes per class are learnt for a minute; then strokes are added in the corners of the image, one after the other,
and each time it is counted how many of the pixels far from the stroke that were right are wrong some seconds later.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotations.classes import LANDCOVER_AI
from annotations.images.orthophoto import open_orthophoto
from annotations.label_files.read import read_mask
from annotations.scores import mean_iou
from annotations.simulation.sampling import simulate_strokes, stroke_from
from benchmarks._drivers import open_driver
from trainer.config import LiveConfig, WorkConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.simulation.sampling import SimulatedStroke

__all__ = ["main"]

_CORNER = 256  # px: side of a corner, and how far from a stroke "elsewhere" begins


def stroke_in_corner(truth: NDArray[np.int8], number: int, rng: np.random.Generator) -> SimulatedStroke:
    """Return a stroke that begins in one of the four corners, of a class that there is."""
    height, width = truth.shape
    top, left = (number // 2 % 2) * (height - _CORNER), (number % 2) * (width - _CORNER)
    corner = np.full(truth.shape, -1, np.int8)
    part = slice(top, top + _CORNER), slice(left, left + _CORNER)
    corner[part] = truth[part]
    label = int(rng.choice(np.unique(corner[corner >= 0])))
    depth = ndimage.distance_transform_edt(corner == label)
    places = np.flatnonzero(depth >= min(3.5, float(np.percentile(depth[depth > 0], 90))))
    row, column = np.unravel_index(int(rng.choice(places)), truth.shape)
    return stroke_from(depth, (int(row), int(column)), label, rng)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corner", description=__doc__)
    parser.add_argument("--image", required=True, type=Path)
    parser.add_argument("--truth", required=True, type=Path)
    parser.add_argument("--strokes", type=int, default=20, help="in corners")
    parser.add_argument("--first", type=float, default=60.0, help="seconds of learning before the first of them")
    parser.add_argument("--wait", type=float, default=6.0, help="seconds between stroke and count")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--viewer", action="store_true", help="with the real viewer open")
    options = parser.parse_args(arguments)
    ortho = open_orthophoto(options.image)
    shape, place = ortho.shape, ortho.georeference
    ortho.close()
    n = len(LANDCOVER_AI)
    truth = read_mask(options.truth, n_classes=n, shape=shape, georeference=place)
    rng = np.random.default_rng(options.seed)
    shares, changes = [], []
    with tempfile.TemporaryDirectory(prefix="partialseg-") as folder:
        config = WorkConfig(live=LiveConfig(seed=options.seed))
        hand = open_driver(options.image, Path(folder), LANDCOVER_AI, config, viewer=options.viewer)
        try:
            for stroke in simulate_strokes(truth, 6, seed=options.seed, n_classes=n):
                hand.paint(stroke, truth)
            hand.wait(0.5)
            hand.train()
            hand.wait(options.first)
            for number in range(options.strokes):
                before = np.array(hand.prediction)
                region = hand.paint(stroke_in_corner(truth, number, rng), truth).grown(_CORNER).clipped(shape)
                hand.wait(options.wait)
                after = np.array(hand.prediction)
                right = (before == truth) & (truth >= 0)
                right[region.slices] = False
                shares.append(float((right & (after != truth)).sum() / max(right.sum(), 1)))
                changes.append(mean_iou(after, truth, n) - mean_iou(before, truth, n))
                print(f"stroke {number + 1}: {shares[-1]:.2%} of the right pixels elsewhere became wrong", flush=True)
        finally:
            hand.close()
    print(
        json.dumps(
            {
                "mean_share": float(np.mean(shares)),
                "largest_share": max(shares),
                "mean_change_of_miou": float(np.mean(changes)),
            },
            indent=1,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
