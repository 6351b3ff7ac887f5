"""Make the weights that the live learner starts from: ``python -m trainer.starter DATA --leave-out NAME ...``.

A network trained for a while on labelled orthophotos, and on scenes of the generator behind the sample, knows edges,
textures and a few kinds of ground. The live learner starts from it whatever the classes and bands of a project are;
where a class has the same name, it starts from what is known of that class too.

DATA is a folder in the layout of LandCover.ai (images/*.tif, masks/*.tif). What is left out is scored at the end: these
orthophotos the network has never seen. The same command and seed on the same machine give the same weights.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import tyro

from annotations.classes import LANDCOVER_AI
from trainer.checkpoint import Checkpoint, save_checkpoint
from trainer.command_line import exit_status, program_name
from trainer.config import ConfigError, DeviceConfig, ModelConfig, OptimConfig, to_plain
from trainer.imagery import Imagery
from trainer.metrics import ConfusionMatrix
from trainer.models import build_model
from trainer.normalisation import Normalisation
from trainer.optim import Average, make_optimizers, set_rates
from trainer.parsing import parsed
from trainer.precision import Precision, choose_precision
from trainer.predict.blocks import BlockPredictor, predict_blocks
from trainer.starter.scenes import Scenery, draw_batch, generated, label_counts, labelled_orthophotos
from trainer.step import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from annotations.region import Region

__all__ = ["Starter", "main", "make_starter"]

_REPORT_STEPS = 50
_RECIPE = OptimConfig(name="muon", lr=0.1, adam_lr=3e-3, warmup=0.2, ema=0.98)


@dataclass(frozen=True)
class Starter:
    """Train the weights that the live learner starts from."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """A folder with images/*.tif and masks/*.tif, coded like LandCover.ai."""
    output: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUTPUT")]
    """The checkpoint to write."""
    leave_out: tuple[str, ...] = ()
    """Orthophotos, by name without ending, that are not trained on but scored at the end."""
    scenes: int = 4
    """Generated scenes to train on besides; that of seed 0, which is the sample, is not among them."""
    scene_size: int = 1024
    """Their side in pixels."""
    scene_share: float = 0.2
    """Share of the crops that come from them."""
    steps: int = 2000
    """Training steps."""
    batch_size: int = 8
    """Crops in a step."""
    crop: int = 256
    """Their side in pixels."""
    coarsest: float = 2.3
    """Crops are windows of up to this many times their side, shrunk: orthophotos differ in resolution."""
    seed: int = 0
    """Seed of weights and crops."""
    model: Annotated[ModelConfig, tyro.conf.arg(name="")] = field(default_factory=ModelConfig)
    device: Annotated[DeviceConfig, tyro.conf.arg(name="")] = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("steps", "batch_size", "crop"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.crop % self.model.multiple:
            raise ConfigError(f"crop must be a multiple of {self.model.multiple}, not {self.crop}")
        if not 1 <= self.coarsest < math.inf:
            raise ConfigError(f"coarsest must be 1 or more, not {self.coarsest}")
        if self.scenes < 0 or not 0 <= self.scene_share < 1:
            raise ConfigError(
                f"scenes must be 0 or more, not {self.scenes}, and scene_share 0 or more and below 1, not "
                f"{self.scene_share}"
            )
        # A scene is a village with its fields: in less there is no room for one. In more, no memory.
        if not 64 <= self.scene_size <= 16384:
            raise ConfigError(f"scene_size must be 64 to 16384, not {self.scene_size}")
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed must be 0 or more and below 2**63, not {self.seed}")


def make_starter(command: Starter, say: Callable[[str], None] = print) -> Checkpoint:
    """Train and return the weights, kept in half precision: they are a beginning, not a result.

    Raises
    ------
    PartialSegError
        The data cannot be read, or a number makes no sense.
    """
    scheme = LANDCOVER_AI
    real = labelled_orthophotos(command.data, len(scheme), command.leave_out)
    scenes = generated(range(1, command.scenes + 1), command.scene_size) if command.scene_share else []
    say(f"{len(real)} orthophotos ({', '.join(s.name for s in real)}) and {len(scenes)} generated scenes")
    precision = choose_precision(command.device)
    torch.manual_seed(command.seed)
    bands = real[0].pixels.shape[-1]
    network = precision.place(build_model(command.model, bands, len(scheme)))
    average = _train(network, real, scenes, command, precision, say)
    colours = np.mean([s.mean for s in real], axis=0), np.mean([s.std for s in real], axis=0)
    unseen = [s for s in labelled_orthophotos(command.data, len(scheme)) if s.name in command.leave_out]
    scores = {s.name: _score(average, s, precision, len(scheme)) for s in unseen}
    for name, score in scores.items():
        say(f"{name}, never seen: mIoU {score:.3f}")
    weights = {k: v.half() if v.is_floating_point() else v for k, v in average.state_dict().items()}
    return Checkpoint(
        model=command.model,
        in_channels=bands,
        scheme=scheme,
        normalisation=Normalisation(tuple(colours[0].tolist()), tuple(colours[1].tolist())),
        state_dict=weights,
        metrics={"miou_of_left_out": scores},
        config={**to_plain(command), "data": command.data.name, "output": command.output.name},
        step=command.steps,
        imagery=Imagery(str(real[0].pixels.dtype)),  # crops of many resolutions, so none is its own
    )


def _shares(real: list[Scenery], scenes: list[Scenery], scene_share: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    # By side and not by area: else the largest orthophoto is nearly all that is seen.
    sides = np.array([s.truth.size for s in real], float) ** 0.5
    share = scene_share if scenes else 0.0
    return np.concatenate([(1 - share) * sides / sides.sum(), np.full(len(scenes), share / max(len(scenes), 1))])


def _train(
    network: nn.Module,
    real: list[Scenery],
    scenes: list[Scenery],
    command: Starter,
    precision: Precision,
    say: Callable[[str], None],
) -> nn.Module:
    counts = label_counts(real, len(LANDCOVER_AI)).astype(float).clip(min=1)
    rarity = counts**-0.5
    weight = torch.from_numpy(rarity * counts.sum() / (rarity * counts).sum()).float().to(precision.device)
    optimizers = make_optimizers(network, _RECIPE)
    average = Average(network, _RECIPE.ema)
    make_step = TrainingStep(network, optimizers, precision, weight)
    rng = np.random.default_rng(command.seed)
    shares = _shares(real, scenes, command.scene_share)
    started, losses = time.monotonic(), []
    network.train()
    for step in range(command.steps):
        images, labels = draw_batch([*real, *scenes], shares, command.batch_size, command.crop, command.coarsest, rng)
        set_rates(optimizers, _RECIPE, step, command.steps)
        loss = make_step(precision.images(images), labels.to(precision.device))
        average.update(network, step + 1)
        losses.append(loss.mean)
        if (step + 1) % _REPORT_STEPS == 0 or step + 1 == command.steps:
            mean = float(torch.stack(losses).mean())
            say(f"step {step + 1} of {command.steps}: loss {mean:.3f}, {time.monotonic() - started:.0f} s")
            losses.clear()
    return average.model


def _score(network: nn.Module, scenery: Scenery, precision: Precision, n_classes: int) -> float:
    predictor = BlockPredictor(copy.deepcopy(network), Normalisation(scenery.mean, scenery.std), precision)
    matrix = ConfusionMatrix(n_classes)

    def read(region: Region) -> Any:
        return scenery.pixels[region.slices]

    for region, classes, _ in predict_blocks(predictor, read, scenery.truth.shape):
        matrix.update(torch.from_numpy(classes), torch.from_numpy(scenery.truth[region.slices]))
    return matrix.scores().miou


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""

    def run() -> None:
        command = parsed(Starter, arguments, program_name("python -m trainer.starter"), description=__doc__, pairs=True)
        if command.output.is_dir():
            raise ConfigError(f"{command.output}: is a folder; give the name of a file in it")
        save_checkpoint(command.output, make_starter(command))
        print(f"Written: {command.output} ({command.output.stat().st_size / 1e6:.1f} MB)")

    return exit_status(run, "Stopped; nothing was written.")
