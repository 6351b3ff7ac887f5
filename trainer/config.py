"""The configuration: one tree of frozen dataclasses behind the command line, the widget and the checkpoint.

Nothing here imports torch, so the viewer may use it.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from annotations.errors import PartialSegError

__all__ = [
    "AugmentConfig",
    "ConfigError",
    "DeviceConfig",
    "FitConfig",
    "LabelConfig",
    "LiveConfig",
    "ModelConfig",
    "ModelName",
    "OptimConfig",
    "PredictConfig",
    "WorkConfig",
    "from_plain",
    "to_plain",
]

ModelName = Literal["unet", "unetplusplus"]
T = TypeVar("T")


class ConfigError(PartialSegError, ValueError):
    """A configuration holds a value that cannot be used."""


def _positive(owner: object, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        if value <= 0:
            raise ConfigError(f"{type(owner).__name__}.{name} must be above 0, not {value}")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The network."""

    name: ModelName = "unet"
    """UNet, or UNet++ with its nested decoder (about 2.5 times the work)."""
    width: int = 16
    """Channels at full resolution; doubled at each of the levels below. The published report used 64."""
    levels: int = 5
    """Resolutions, the full one included; the input is halved levels - 1 times."""
    deep_supervision: bool = False
    """UNet++ only: train all of its full-resolution outputs and average them."""
    norm: Literal["batch", "group"] = "batch"
    """Normalisation in each block."""
    upsampling: Literal["transposed", "bilinear"] = "transposed"
    """How the decoder doubles the resolution."""

    def __post_init__(self) -> None:
        """Check the sizes."""
        _positive(self, "width")
        if self.width % 4:
            raise ConfigError(f"ModelConfig.width must be a multiple of 4, not {self.width}")
        if not 2 <= self.levels <= 6:
            raise ConfigError(f"ModelConfig.levels must be 2 to 6, not {self.levels}")
        if self.deep_supervision and self.name != "unetplusplus":
            raise ConfigError("deep supervision needs UNet++: choose model.name unetplusplus or switch it off")

    @property
    def multiple(self) -> int:
        """Height and width of the network's input must be multiples of this many pixels."""
        return int(2 ** (self.levels - 1))


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """The optimiser: Adam with decoupled weight decay, or plain Adam as in the published report."""

    name: Literal["adam", "adamw"] = "adamw"
    """Plain Adam adds the decay to the gradient; AdamW applies it to the weights."""
    lr: float = 3e-3
    """Learning rate (the peak, for the one-cycle schedule)."""
    weight_decay: float = 1e-4
    """Weight decay."""
    schedule: Literal["constant", "onecycle"] = "onecycle"
    """Constant, or a rise over the first part of training and a cosine fall to almost 0."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        _positive(self, "lr")
        if self.weight_decay < 0:
            raise ConfigError(f"OptimConfig.weight_decay must not be negative, not {self.weight_decay}")


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """Random changes of each training crop; labels move along, and what comes in from outside is unlabelled."""

    dihedral: bool = True
    """Flips and quarter turns: exact on labels."""
    warp: float = 0.0
    """Probability of a shift, scale and rotation."""
    max_shift: float = 0.0625
    """Largest shift, as a fraction of the crop."""
    max_scale: float = 0.1
    """Largest change of scale, as a fraction."""
    max_rotation: float = 45.0
    """Largest rotation, in degrees."""
    brightness: float = 0.1
    """Largest shift of brightness, in standard deviations of the imagery; 0 for none."""
    contrast: float = 0.1
    """Largest relative change of contrast; 0 for none."""
    noise: float = 0.0
    """Standard deviation of added noise, in standard deviations of the imagery."""


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """What computes, and in which numbers."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """CUDA when there is one, else the CPU."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The faster of what the device does well; the choice and its reason are shown."""
    threads: int = 0
    """CPU threads; 0 for all cores (the worker beside a viewer: as many as the viewer leaves free at the moment)."""


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """Which pixels of the ground truth are training labels: the same ones in every epoch."""

    fraction: float = 0.1
    """Share of the pixels, drawn at random in each patch before it is resized; 1 for all."""
    per: Literal["known", "all"] = "known"
    """The share is of the pixels with a ground truth, or (as in the published report) of all pixels of the patch."""
    per_class: bool = False
    """Draw the share of each class by itself, at least one pixel of each."""

    def __post_init__(self) -> None:
        """Check the share."""
        if not 0 < self.fraction <= 1:
            raise ConfigError(f"LabelConfig.fraction must be above 0 and at most 1, not {self.fraction}")


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Training over a fixed set of patches: the benchmark and headless training."""

    model: ModelConfig = field(default_factory=ModelConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)
    epochs: int = 12
    """Passes over the training patches."""
    min_steps: int = 1
    """Steps in an epoch at the least: a small set is gone through as often as that takes."""
    batch_size: int = 8
    """Patches in a step."""
    input_size: int = 256
    """Side in pixels to which patches are resized before training and validation."""
    seed: int = 42
    """Seed of weights, order, augmentation and label masks."""
    class_weights: tuple[float, ...] = ()
    """A weight per class in the loss; empty for what `class_balance` makes of the labels."""
    class_balance: float = 0.0
    """How far rare classes are favoured in the loss: 0 not at all, 1 so that each class counts alike."""
    labels: LabelConfig = field(default_factory=LabelConfig)
    """The pixels that are learnt from."""
    normalise: Literal["dataset", "imagenet"] = "dataset"
    """Mean and deviation of each band: of the training patches, or those of ImageNet."""
    antialias: bool = True
    """Average over the pixels that shrinking merges, instead of picking between neighbours."""

    def __post_init__(self) -> None:
        """Check the sizes."""
        _positive(self, "epochs", "min_steps", "batch_size", "input_size")
        if self.class_weights and min(self.class_weights) < 0:
            raise ConfigError(f"FitConfig.class_weights must not be negative, not {self.class_weights}")
        if not 0 <= self.class_balance <= 1:
            raise ConfigError(f"FitConfig.class_balance must be 0 to 1, not {self.class_balance}")
        if self.input_size % self.model.multiple:
            raise ConfigError(
                f"FitConfig.input_size {self.input_size} is not a multiple of {self.model.multiple}, "
                f"which a network of {self.model.levels} levels needs"
            )


@dataclass(frozen=True, slots=True)
class PredictConfig:
    """Tiled prediction."""

    block: int = 512
    """Side in pixels of the blocks that are predicted at once."""
    batch_size: int = 1
    """Blocks in a batch."""

    def __post_init__(self) -> None:
        """Check the sizes."""
        _positive(self, "block", "batch_size")
        if self.block % 64:
            raise ConfigError(f"PredictConfig.block must be a multiple of 64, not {self.block}")


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """The live learner: training that goes on while labels arrive."""

    lr: float = 3e-3
    """Learning rate after new labels; it sinks slowly while none arrive."""
    weight_decay: float = 1e-4
    """Weight decay."""
    crop: int = 64
    """Side in pixels of the training crops, centred near labelled pixels. Many small ones teach faster than few large:
    a step sees more strokes."""
    batch_size: int = 24
    """Crops in a step."""
    ema: float = 0.98
    """Decay of the averaged weights that predict; 0 predicts with the weights of the moment."""
    balance: float = 0.5
    """How far rare classes are favoured when crops are drawn: 0 by labelled pixels, 1 each class alike."""
    seed: int = 0
    """Seed of weights, crops and augmentation."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        _positive(self, "lr", "crop", "batch_size")
        if self.crop % 32:
            raise ConfigError(f"LiveConfig.crop must be a multiple of 32, not {self.crop}")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"LiveConfig.ema must be 0 or more and below 1, not {self.ema}")
        if not 0 <= self.balance <= 1:
            raise ConfigError(f"LiveConfig.balance must be 0 to 1, not {self.balance}")


@dataclass(frozen=True, slots=True)
class WorkConfig:
    """What a project in the viewer is learnt with."""

    model: ModelConfig = field(default_factory=ModelConfig)
    live: LiveConfig = field(default_factory=LiveConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)
    predict: PredictConfig = field(default_factory=PredictConfig)


def to_plain(config: Any) -> dict[str, Any]:
    """Return a configuration as plain values (dict, list, str, int, float, bool) for JSON and checkpoints."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        if isinstance(value, tuple | list):
            return [plain(v) for v in value]
        if isinstance(value, dict):
            return {str(k): plain(v) for k, v in value.items()}
        return value

    result: dict[str, Any] = plain(config)
    return result


def _rebuild(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: expected a table of settings, found {value!r}")
        return from_plain(kind, value, where=where)
    if origin is tuple:
        arguments = typing.get_args(kind)
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: expected a list, found {value!r}")
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_rebuild(arguments[0], v, where) for v in value)
        if len(arguments) != len(value):
            raise ConfigError(f"{where}: expected {len(arguments)} values, found {len(value)}")
        return tuple(_rebuild(a, v, where) for a, v in zip(arguments, value, strict=True))
    if origin in (list, dict) and not isinstance(value, origin):
        raise ConfigError(f"{where}: expected a {'list' if origin is list else 'table'}, found {value!r}")
    if origin is Literal:
        if value not in typing.get_args(kind):
            choices = ", ".join(str(c) for c in typing.get_args(kind))
            raise ConfigError(f"{where}: {value!r} is not one of {choices}")
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in typing.get_args(kind):
            return None
        kinds = [k for k in typing.get_args(kind) if k is not type(None)]
        return _rebuild(kinds[0], value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str, bool) and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise ConfigError(f"{where}: expected {kind.__name__}, found {value!r}")
    return value


def from_plain(kind: type[T], value: dict[str, Any], *, where: str = "") -> T:
    """Rebuild a dataclass of type `kind` from `to_plain`.

    Fields that are missing take their defaults; fields that are unknown are ignored, so that an older tool opens
    what a newer one wrote as far as it can.

    Raises
    ------
    ConfigError
        A value has the wrong type or is out of range; the message names the field.
    """
    where = where or kind.__name__
    kinds = typing.get_type_hints(kind)
    known = {
        f.name: _rebuild(kinds[f.name], value[f.name], f"{where}.{f.name}")
        for f in dataclasses.fields(kind)  # type: ignore[arg-type]  # T is a dataclass by contract
        if f.name in value
    }
    try:
        return kind(**known)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from error
