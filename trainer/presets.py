"""Whole configurations by name."""

from __future__ import annotations

from typing import Final, Literal

from trainer.config import AugmentConfig, FitConfig, LabelConfig, ModelConfig, OptimConfig

__all__ = ["PRESETS", "PresetName"]

PresetName = Literal["cpu", "paper"]

PRESETS: Final[dict[PresetName, FitConfig]] = {
    # Small enough for two cores and some minutes: patches at half size, a narrow network, a fast schedule.
    "cpu": FitConfig(epochs=18),
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
