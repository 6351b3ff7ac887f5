"""The file that holds a backbone's weights, and the one that ships with the tool."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from annotations.disk.files import replacing
from trainer.checkpoint import CheckpointError, NewerCheckpointError, load_safely, misfit
from trainer.models.backbone import Backbone, BackboneConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["BACKBONE_PATH", "BackboneWeights", "load_backbone", "load_backbone_weights", "save_backbone_weights"]

BACKBONE_PATH: Final = Path(__file__).parent / "weights" / "backbone.pth"
"""Ships with the tool; where it comes from is told in NOTICE.md beside it and in docs/pretraining.md."""

_FORMAT: Final = 1
_WAY_OUT: Final = "Install napari-partialseg again."


@dataclass(frozen=True, eq=False)
class BackboneWeights:
    """What a backbone learnt, and from what.

    Parameters
    ----------
    config : BackboneConfig
        Of the network.
    state_dict : mapping of str to Tensor
        Its weights; in half precision in a file.
    sources : tuple of str
        What was learnt from, with licences, a sentence each.
    steps : int
        Training steps made after ImageNet.
    seed : int
        Of these.
    """

    config: BackboneConfig
    state_dict: Mapping[str, Tensor]
    sources: tuple[str, ...] = ()
    steps: int = 0
    seed: int = 0

    def build(self) -> Backbone:
        """Return the network with these weights in float32, in evaluation mode, on the CPU."""
        backbone = Backbone(self.config)
        backbone.load_state_dict(dict(self.state_dict))  # which brings them to the type of the network's own
        return backbone.eval()


def load_backbone(path: Path = BACKBONE_PATH) -> Backbone:
    """Return a backbone in float32, in evaluation mode, on the CPU, that asks for no gradients.

    Parameters
    ----------
    path : Path
        By default the weights that ship with the tool.

    Raises
    ------
    CheckpointError
        The file is missing, damaged or newer than this version.
    """
    return load_backbone_weights(path).build().requires_grad_(False)


def load_backbone_weights(path: Path = BACKBONE_PATH) -> BackboneWeights:
    """Read a file of weights; nothing in it is executed.

    Raises
    ------
    CheckpointError
        The file is missing, damaged or newer than this version.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there are no such backbone weights. {_WAY_OUT}")
    content = load_safely(path)
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise CheckpointError(f"{path}: holds no backbone weights. {_WAY_OUT}")
    if content["format"] > _FORMAT:
        raise NewerCheckpointError(
            f"{path}: written by a newer version (format {content['format']}; this one reads up to {_FORMAT}). "
            "Update napari-partialseg."
        )
    try:
        weights = BackboneWeights(
            BackboneConfig(**content["config"]),
            content["state_dict"],
            tuple(str(source) for source in content["sources"]),
            int(content["steps"]),
            int(content["seed"]),
        )
        own = Backbone(weights.config).state_dict()  # small; the device "meta" would import half of torch for it
    except Exception as error:  # whatever stands in the place of what should be there
        raise CheckpointError(f"{path}: the backbone weights are incomplete ({error!s}). {_WAY_OUT}") from error
    if reason := misfit(weights.state_dict, own):
        raise CheckpointError(f"{path}: the backbone weights are damaged ({reason}). {_WAY_OUT}")
    return weights


def save_backbone_weights(path: Path, weights: BackboneWeights) -> None:
    """Write weights in half precision, whole or not at all.

    Raises
    ------
    CheckpointError
        The file cannot be written; the one that was there before is untouched.
    """
    halved = {k: v.detach().cpu().half() if v.is_floating_point() else v for k, v in weights.state_dict.items()}
    content = {
        "format": _FORMAT,
        "config": asdict(weights.config),
        "sources": list(weights.sources),
        "steps": weights.steps,
        "seed": weights.seed,
        "state_dict": {name: tensor.contiguous() for name, tensor in halved.items()},
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch reports some failures to write as RuntimeError
        raise CheckpointError(
            f"{path}: the backbone weights cannot be written ({error}). Free some space, or choose a folder that can "
            "be written. The earlier file is kept."
        ) from error
