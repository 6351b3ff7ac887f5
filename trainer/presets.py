"""Whole configurations by name."""

from __future__ import annotations

from typing import Final, Literal

from trainer.config import AugmentConfig, FitConfig, LabelConfig, ModelConfig, OptimConfig

__all__ = ["PRESETS", "PresetName"]

PresetName = Literal["cpu", "paper"]

PRESETS: Final[dict[PresetName, FitConfig]] = {
    # Some 20 minutes for the grid on two cores: patches at half size, a narrow network, a fast schedule. On a hundred
    # patches the number of steps is what counts, so batches are small: at 8 patches and 12 epochs mIoU was 0.52 on
    # aerial images, at 4 and 18 epochs 0.565; without balancing and with torch's own initial weights rare classes
    # (roads) were hardly learnt: 0.47. A small set is gone through several times an epoch.
    "cpu": FitConfig(epochs=18, batch_size=4, class_balance=0.5, min_steps=25),
    # The published report's settings. It leaves the strength of its shift-scale-rotate open.
    "paper": FitConfig(
        model=ModelConfig(width=64),
        optim=OptimConfig(name="adam", lr=1e-5, weight_decay=1e-4, schedule="constant"),
        augment=AugmentConfig(warp=0.5, brightness=0.0, contrast=0.0),
        epochs=12,
        batch_size=32,
        input_size=384,
        seed=42,
        class_weights=(0.66, 1.27, 1.12, 1.03, 1.91),
        labels=LabelConfig(per="all"),
        normalise="imagenet",
        antialias=False,
    ),
}
"""What `python -m trainer.benchmark --preset` chooses from."""
