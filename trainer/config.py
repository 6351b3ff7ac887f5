"""The configuration: one tree of frozen dataclasses behind the command line, the widget and the checkpoint.

Nothing here imports torch, so the viewer may use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from trainer.plain import ConfigError, check_numbers, from_plain, to_plain

__all__ = [
    "AugmentConfig",
    "ConfigError",
    "DeviceConfig",
    "FitConfig",
    "HeadConfig",
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


_TINY = 1e-12  # a rate, a share: above 0
_BELOW_ONE = 1 - 1e-12
_SEEDS = (0, 2**63 - 1)  # what every generator takes
_MOST_PIXELS = 2**26  # in the crops of a step: 64 crops of 1,024 x 1,024


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
    align_corners: bool = False
    """Bilinear upsampling maps corner pixels to corner pixels. What a pixel becomes then depends a little on the size
    of the block that it is in; the network behind the published report does so."""
    bottleneck: Literal["full", "half"] = "full"
    """Channels at the coarsest resolution: twice those above, or as many, with a decoder that is narrower in proportion
    and needs no convolution to upsample (UNet with bilinear upsampling only)."""
    init: Literal["he", "torch"] = "he"
    """First weights of the 3x3 convolutions: by He's rule, or torch's own, which are several times smaller."""

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_numbers(self, width=(4, 1024), levels=(2, 6))
        if self.width % 4:
            raise ConfigError(f"ModelConfig.width must be a multiple of 4, not {self.width}")
        if self.deep_supervision and self.name != "unetplusplus":
            raise ConfigError("deep supervision needs UNet++: choose model.name unetplusplus or switch it off")
        if self.bottleneck == "half" and (self.name != "unet" or self.upsampling != "bilinear"):
            raise ConfigError("a bottleneck of half the channels needs model.name unet and model.upsampling bilinear")
        if self.align_corners and self.upsampling != "bilinear":
            raise ConfigError("align_corners is for model.upsampling bilinear: transposed convolutions have no corners")

    def of_kind(self, name: ModelName) -> ModelConfig:
        """Return the same settings for a network of this name, without those that are for the other alone."""
        deep = self.deep_supervision and name == "unetplusplus"
        bottleneck = self.bottleneck if name == "unet" else "full"
        return replace(self, name=name, deep_supervision=deep, bottleneck=bottleneck)

    @property
    def multiple(self) -> int:
        """Height and width of the network's input must be multiples of this many pixels."""
        return int(2 ** (self.levels - 1))


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """The optimiser of the benchmark and of headless training."""

    name: Literal["adam", "adamw", "muon"] = "adamw"
    """Plain Adam, as in the published report, adds the decay to the gradient; AdamW applies it to the weights; Muon
    makes the steps of the 3x3 convolutions orthogonal and leaves the rest to AdamW."""
    lr: float = 3e-3
    """Learning rate (the peak, for the one-cycle schedule); for Muon that of the 3x3 convolutions."""
    adam_lr: float = 3e-3
    """Muon only: the learning rate of what is left to AdamW, on the same schedule."""
    weight_decay: float = 1e-4
    """Weight decay."""
    schedule: Literal["constant", "onecycle"] = "onecycle"
    """Constant, or a rise over the first part of training and a cosine fall to almost 0."""
    warmup: float = 0.3
    """The share of training over which the one-cycle schedule rises."""
    ema: float = 0.0
    """Decay a step of the moving average of the weights that is scored and kept; 0 for the weights of the moment."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_numbers(
            self,
            lr=(_TINY, 1e10),
            adam_lr=(_TINY, 1e10),
            weight_decay=(0, 100),
            warmup=(0, _BELOW_ONE),
            ema=(0, _BELOW_ONE),
        )


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

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_numbers(
            self,
            warp=(0, 1),
            max_shift=(0, 1),
            max_scale=(0, 0.9),
            max_rotation=(0, 180),
            brightness=(0, 10),
            contrast=(0, 1),
            noise=(0, 10),
        )


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """What computes, and in which numbers."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """CUDA when there is one, else the CPU."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The faster of what the device does well; the choice and its reason are shown."""
    threads: int = 0
    """CPU threads; 0 for all cores (the worker beside a viewer: as many as the viewer leaves free at the moment)."""

    def __post_init__(self) -> None:
        """Check the number of threads."""
        check_numbers(self, threads=(0, 1024))


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """Which pixels of the ground truth are training labels: the same ones in every epoch."""

    kind: Literal["random", "clicks", "scribbles"] = "random"
    """Random pixels, or what a person might make: clicks (discs) or strokes."""
    fraction: float = 0.1
    """Share of the pixels, drawn at random in each patch before it is resized; 1 for all."""
    per: Literal["known", "all"] = "known"
    """The share is of the pixels with a ground truth, or (as in the published report) of all pixels of the patch."""
    per_class: bool = False
    """Draw the share of each class by itself, at least one pixel of each."""
    clicks: int = 5
    """Clicks in each patch, going round the classes that occur in it."""
    radius: float = 3.0
    """Radius of a click's disc, in pixels of the patch before it is resized."""
    scribbles: int = 1
    """Strokes for each class that occurs in a patch."""

    def __post_init__(self) -> None:
        """Check the share."""
        check_numbers(self, fraction=(_TINY, 1), clicks=(1, 100_000), radius=(0, 10_000), scribbles=(1, 10_000))

    @property
    def amount(self) -> float:
        """How much of its kind: the share, the clicks in a patch, or the strokes for a class in a patch."""
        return {"random": self.fraction, "clicks": self.clicks, "scribbles": self.scribbles}[self.kind]


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
    keep_labels: bool = True
    """Lose no training label when patches are shrunk: of the labels that become one pixel the most frequent class
    counts. Otherwise the nearest pixel's label, or none."""
    select: Literal["miou", "batch_miou"] = "miou"
    """What the best epoch is best in, on the validation patches: mIoU over the whole set, or the mean of the batches'
    own, as in the published report."""
    sync_batchnorm: bool = False
    """Over several processes: take BatchNorm's statistics over the batches of all of them."""

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_numbers(
            self,
            epochs=(1, 1_000_000),
            min_steps=(1, 10_000_000),
            batch_size=(1, 65_536),
            input_size=(1, 16_384),
            seed=_SEEDS,
            class_balance=(0, 1),
        )
        for weight in self.class_weights:
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1e6:
                raise ConfigError(f"FitConfig.class_weights must be numbers from 0 to 1,000,000, not {weight}")
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
        check_numbers(self, block=(64, 8192), batch_size=(1, 1024))
        if self.block % 64:
            raise ConfigError(f"PredictConfig.block must be a multiple of 64, not {self.block}")


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """The head on pretrained features: a linear classifier, fitted anew at each stroke."""

    penalty: float = 0.3
    """How far the weights are held small: more for few labels, less for many."""
    prior: float = 0.6
    """How far the map is corrected for classes being more or less common in the image than alike: 0 not at all, 1 as
    far as the head's own answers say."""
    megabytes: int = 400
    """Memory for features that are kept, in megabytes; what is in view needs about 12 for each 512 x 512 pixels."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_numbers(self, penalty=(1e-6, 1e6), prior=(0, 1), megabytes=(16, 1_000_000))


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """The live learner: training that goes on while labels arrive."""

    method: Literal["head", "network"] = "head"
    """What makes the map: a linear head on pretrained features, there at once, or the network, trained for minutes."""
    start: str = "starter"
    """What it starts from: "starter" for the weights that ship with the tool, "none" for random ones, or the path of a
    checkpoint, whose network is then used."""
    learn: Literal["auto", "norms", "all"] = "auto"
    """What is trained when it starts from weights: the normalisation and the last layer, which few strokes cannot
    spoil; everything; or first the one, and the convolutions too once there are enough labels and corrections. From
    random weights everything is trained in any case."""
    lr: float = 0.002
    """Learning rate after new labels, of AdamW, where it starts from weights; it sinks slowly while none arrive."""
    scratch_lr: float = 0.003
    """The same from random weights, which have farther to go."""
    anchor: float = 0.1
    """How far each step draws the trained weights back to those that it started from, while little is labelled: few
    strokes say little, and what was known before is not to be forgotten for them. The pull gives way to labels, and
    sooner to those drawn in answer to a map. 0 for not at all."""
    muon_lr: float = 0.01
    """Learning rate of the 3x3 convolutions, where they are trained."""
    weight_decay: float = 1e-4
    """Weight decay."""
    crop: int = 128
    """Side in pixels of the training crops, centred near labelled pixels."""
    batch_size: int = 6
    """Crops in a step."""
    ema: float = 0.97
    """Decay of the averaged weights that predict; 0 predicts with the weights of the moment."""
    balance: float = 0.5
    """How far rare classes are favoured when crops are drawn: 0 by labelled pixels, 1 each class alike."""
    prior: float = 0.75
    """How far the map is corrected for classes being more or less common in the image than among the labels: 0 not at
    all, 1 as far as the network's own answers say."""
    seed: int = 0
    """Seed of weights, crops and augmentation."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_numbers(
            self,
            lr=(_TINY, 10),
            scratch_lr=(_TINY, 10),
            muon_lr=(_TINY, 10),
            anchor=(0, 1),
            weight_decay=(0, 100),
            crop=(32, 4096),
            batch_size=(1, 1024),
            ema=(0, _BELOW_ONE),
            balance=(0, 1),
            prior=(0, 1),
            seed=_SEEDS,
        )
        if not isinstance(self.start, str) or not self.start or "\0" in self.start:
            raise ConfigError('LiveConfig.start must be "starter", "none" or the path of a checkpoint')
        if self.crop % 32:
            raise ConfigError(f"LiveConfig.crop must be a multiple of 32, not {self.crop}")
        if self.crop * self.crop * self.batch_size > _MOST_PIXELS:
            raise ConfigError(
                f"LiveConfig.batch_size {self.batch_size} with crops of {self.crop} x {self.crop} is more than "
                f"{_MOST_PIXELS:,} pixels in a step: choose smaller crops or fewer"
            )


@dataclass(frozen=True, slots=True)
class WorkConfig:
    """What a project in the viewer is learnt with."""

    model: ModelConfig = field(default_factory=ModelConfig)
    live: LiveConfig = field(default_factory=LiveConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)
    predict: PredictConfig = field(default_factory=PredictConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
