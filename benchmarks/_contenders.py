"""What is timed: our networks as they run, the same in plain float32, and MONAI's, each behind one function to call."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from trainer.config import ModelConfig, ModelName, OptimConfig
from trainer.models import build_model
from trainer.normalisation import Normalisation
from trainer.optim import make_optimizers
from trainer.precision import Precision
from trainer.predict.blocks import BlockPredictor
from trainer.step import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = [
    "BANDS",
    "CLASSES",
    "KINDS",
    "TASKS",
    "Contender",
    "Kind",
    "Task",
    "build",
    "float32_plain",
    "has_monai",
    "operations",
    "prepare",
]

Kind = Literal["ours", "float32", "monai", "monai-default"]
Task = Literal["train", "predict"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TASKS: tuple[Task, ...] = get_args(Task)
BANDS, CLASSES, LABELLED = 3, 5, 0.1


@dataclass(frozen=True, slots=True)
class Contender:
    """A network at work on batches of one size.

    Parameters
    ----------
    model : str
        "unet" or "unetplusplus".
    kind : str
        "ours": as `trainer` runs it. "float32": the same network without autocast, channels first. "monai": MONAI's
        network of that name with our normalisation and activation, in our precision and layout. "monai-default": with
        MONAI's own, instance normalisation and leaky ReLU.
    task : str
        "train": a training step. "predict": logits in evaluation mode.
    width, size, batch : int
        Channels at full resolution, side of the images in pixels, images at a time.
    """

    model: ModelName
    kind: Kind
    task: Task
    width: int
    size: int
    batch: int

    @property
    def name(self) -> str:
        """Network and kind in words."""
        return f"{self.model} {self.kind}"


def has_monai() -> bool:
    """Whether MONAI can be imported, without importing it (which takes seconds)."""
    return importlib.util.find_spec("monai") is not None


def float32_plain(precision: Precision) -> Precision:
    """Return float32 with the channels first on the same device; on CUDA with TF32, as `trainer` sets it."""
    return Precision(precision.device, torch.float32, channels_last=False, scaler=False, reason="for comparison")


def build(contender: Contender) -> nn.Module:
    """Return its network with random weights, in float32 on torch's default device."""
    if contender.kind in ("ours", "float32"):
        return build_model(ModelConfig(name=contender.model, width=contender.width), BANDS, CLASSES)
    from monai.networks import nets

    kind = nets.BasicUNetPlusPlus if contender.model == "unetplusplus" else nets.BasicUNet
    # Channels of five levels, and of the features at full resolution after upsampling.
    features = tuple(contender.width * factor for factor in (1, 2, 4, 8, 16, 1))
    same = {"norm": "batch", "act": ("relu", {"inplace": True})} if contender.kind == "monai" else {}
    return kind(spatial_dims=2, in_channels=BANDS, out_channels=CLASSES, features=features, **same)


def _logits(output: Tensor | list[Tensor]) -> Tensor:
    # MONAI's UNet++ returns a list, of one element without deep supervision.
    return output[-1] if isinstance(output, list) else output


def operations(contender: Contender) -> int:
    """Return the floating-point operations that one image takes.

    Counted by torch's FlopCounterMode on the network itself, forward or forward and backward: convolutions and matrix
    products, a multiplication and an addition each one operation; normalisation, activations, loss and optimiser are
    left out. On torch's meta device, where shapes are followed and nothing is computed.
    """
    with torch.device("meta"):
        model = build(contender).train(contender.task == "train")
        images = torch.empty(1, BANDS, contender.size, contender.size)
        with FlopCounterMode(display=False) as counter:
            if contender.task == "train":
                _logits(model(images)).sum().backward()
            else:
                with torch.no_grad():
                    model(images)
    return int(counter.get_total_flops())


def prepare(contender: Contender, precision: Precision) -> Callable[[], object]:
    """Return a function that trains a step on, or predicts, one batch that is always the same.

    Parameters
    ----------
    contender : Contender
        What works.
    precision : Precision
        What our networks run in; "float32" runs without it.
    """
    if contender.kind == "float32":
        precision = float32_plain(precision)
    numbers = torch.Generator().manual_seed(0)
    shape = contender.batch, contender.size, contender.size
    images = precision.images(torch.randn(shape[0], BANDS, *shape[1:], generator=numbers))
    model = build(contender)
    if contender.task == "predict":
        return _prediction(contender, model, images, precision)
    labels = torch.randint(CLASSES, shape, generator=numbers, dtype=torch.int8)
    labels[torch.rand(shape, generator=numbers) >= LABELLED] = -1
    return _training(precision.place(model).train(), images, labels.to(precision.device), precision)


def _training(model: nn.Module, images: Tensor, labels: Tensor, precision: Precision) -> Callable[[], object]:
    """Return the step of `trainer`, without reading and augmenting."""
    network = _FullResolution(model)
    make_step = TrainingStep(network, make_optimizers(model, OptimConfig(name="adamw")), precision)
    return lambda: make_step(images, labels)


class _FullResolution(nn.Module):
    """The finest output of a network: MONAI's UNet++ gives a list, of which the last counts here."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        return _logits(self.network(images))


def _prediction(contender: Contender, model: nn.Module, images: Tensor, precision: Precision) -> Callable[[], None]:
    if contender.kind == "ours":
        # Whatever the predictor makes of a network before it uses it is part of "as it runs".
        one = Normalisation((0.0,) * BANDS, (1.0,) * BANDS)
        model = BlockPredictor(model, one, precision).model
    else:
        model = precision.place(model).eval()

    def step() -> None:
        with torch.inference_mode(), precision.autocast():
            model(images)

    return step
