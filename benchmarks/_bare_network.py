"""The network alone, without reading, normalising or writing: `python -m benchmarks._bare_network CHECKPOINT SIDE`.

Prints the seconds that a square of SIDE pixels takes with the margin that it is predicted with, the least of a few
tries, on all cores. Of a head on pretrained features this is the backbone without the head.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from trainer.checkpoint import load_checkpoint
from trainer.config import DeviceConfig
from trainer.models import Hypercolumn
from trainer.precision import choose_precision
from trainer.predict.blocks import BlockPredictor

__all__ = ["main"]

_TRIES = 5


def main(arguments: list[str]) -> int:
    """Measure and print; return the exit code."""
    checkpoint = load_checkpoint(Path(arguments[0]))
    side = int(arguments[1])
    precision = choose_precision(DeviceConfig())
    predictor = BlockPredictor(checkpoint.build(), checkpoint.normalisation, precision)
    network, bands = predictor.model, checkpoint.in_channels
    if isinstance(network, Hypercolumn):
        network, bands = network.backbone, 3
    side += 2 * predictor.halo
    image = precision.images(torch.randn(1, bands, side, side))
    seconds = []
    with torch.inference_mode(), precision.autocast():
        for _ in range(_TRIES):
            start = time.perf_counter()
            network(image)
            seconds.append(time.perf_counter() - start)
    print(min(seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
