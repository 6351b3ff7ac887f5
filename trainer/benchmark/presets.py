"""Whole configurations by name."""

from __future__ import annotations

from typing import Final, Literal

from trainer.config import AugmentConfig, FitConfig, LabelConfig, ModelConfig, ModelName, OptimConfig

__all__ = ["DEFAULT_PRESET", "PresetName", "preset_config"]

PresetName = Literal["cpu", "large", "paper"]
DEFAULT_PRESET: Final[PresetName] = "cpu"


def _own(model: ModelName, **sizes: int) -> FitConfig:
    """Return the recipe that was found by measuring (docs/recipes.md)."""
    return FitConfig(
        model=ModelConfig(name=model, width=sizes.pop("width", 16)),
        optim=OptimConfig(name="muon", lr=0.15, adam_lr=3e-3, warmup=0.2, ema=0.9),
        class_balance=0.5,
        min_steps=12,  # a set of few patches is gone through several times an epoch
        **sizes,  # type: ignore[arg-type]  # sizes are whole numbers
    )


def _paper(model: ModelName) -> FitConfig:
    """Return the published report's settings, and what it leaves open as in the code that its networks come from.

    UNet upsamples bilinearly with aligned corners and has a bottleneck of half the channels; UNet++ has transposed
    convolutions and no deep supervision; weights start as torch makes them. The strength of shift, scale and rotation
    is the usual libraries' default.
    """
    network = (
        ModelConfig(width=64, upsampling="bilinear", align_corners=True, bottleneck="half", init="torch")
        if model == "unet"
        else ModelConfig(name="unetplusplus", width=64, init="torch")
    )
    return FitConfig(
        model=network,
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
        keep_labels=False,
        select="batch_miou",
    )


def preset_config(name: PresetName, model: ModelName) -> FitConfig:
    """Return a preset's configuration for a network.

    Parameters
    ----------
    name : {"cpu", "large", "paper"}
        "cpu": the tool's own recipe in a size for two cores and some minutes; "large": the same with the width, the
        patches and the batches of the published report, for a graphics card; "paper": the published report.
    model : {"unet", "unetplusplus"}
        The network.
    """
    if name == "paper":
        return _paper(model)
    if name == "large":
        return _own(model, width=64, input_size=384, batch_size=32)
    return _own(model)
