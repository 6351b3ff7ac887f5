"""Checkpoints: all that prediction needs in one file, which torch.load opens with its safe defaults."""

from __future__ import annotations

import os
import platform
import warnings
import zipfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from annotations.classes import ClassScheme
from annotations.disk.files import replacing
from annotations.disk.full import disk_is_full
from annotations.errors import PartialSegError
from trainer.config import ModelConfig, from_plain, to_plain
from trainer.imagery import Imagery
from trainer.models import HypercolumnConfig, build_model
from trainer.normalisation import Normalisation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from trainer.models import NetworkConfig

__all__ = [
    "FORMAT",
    "Checkpoint",
    "CheckpointError",
    "NewerCheckpointError",
    "describe",
    "load_checkpoint",
    "load_content",
    "load_safely",
    "misfit",
    "raw_state_dict",
    "save_checkpoint",
    "versions",
]

FORMAT: Final = 2
"""The newest that is read and written; a UNet or UNet++ is written as format 1, which earlier versions read too."""
_WRAPPERS: Final = ("module.", "_orig_mod.")
_MAX_BANDS: Final = 65_535
_FEW_BANDS: Final = 256


class CheckpointError(PartialSegError):
    """A checkpoint is missing, damaged, of a newer format, or does not fit what it is used with."""


class NewerCheckpointError(CheckpointError):
    """A checkpoint is of a newer format than this version reads: nothing is wrong with it."""


def versions() -> dict[str, str]:
    """Return the versions of what trains: this tool, torch and Python."""
    try:
        own = metadata.version("napari-partialseg")
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        own = "unknown"
    return {"napari-partialseg": own, "torch": str(torch.__version__), "python": platform.python_version()}


def raw_state_dict(model: nn.Module | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of the weights on the CPU, under the names of the raw network.

    DistributedDataParallel and torch.compile put prefixes before the names; they are taken off.
    """
    state = model.state_dict() if isinstance(model, torch.nn.Module) else model
    result: dict[str, Tensor] = {}
    for name, tensor in state.items():
        while name.startswith(_WRAPPERS):
            name = name.split(".", 1)[1]
        result[name] = tensor.detach().to("cpu", copy=True).contiguous()
    return result


def describe(model: NetworkConfig) -> str:
    """Return a network in words, for messages: "unet of width 16"."""
    if isinstance(model, HypercolumnConfig):
        return "linear head on pretrained features"
    return f"{model.name} of width {model.width}"


def _network(value: Any) -> NetworkConfig:
    if isinstance(value, dict) and value.get("name") == "hypercolumn":
        return from_plain(HypercolumnConfig, value)
    return from_plain(ModelConfig, value)


@dataclass(frozen=True)
class Checkpoint:
    """A trained network with its classes and its normalisation.

    Parameters
    ----------
    model : ModelConfig or HypercolumnConfig
        The network.
    in_channels : int
        Bands of the images it takes.
    scheme : ClassScheme
        Names and colours of the classes, in the order of its logits.
    normalisation : Normalisation
        How its images are normalised.
    state_dict : mapping of str to Tensor
        Its weights, under the names of the raw network.
    metrics : dict
        What it scored; plain values.
    config : dict
        What it was trained with (`trainer.config.to_plain`).
    versions : dict
        What trained it.
    step : int
        Training steps made.
    imagery : Imagery, optional
        What the images were like that it learnt on; None in checkpoints of before that was kept.
    """

    model: NetworkConfig
    in_channels: int
    scheme: ClassScheme
    normalisation: Normalisation
    state_dict: Mapping[str, Tensor]
    metrics: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=versions)
    step: int = 0
    imagery: Imagery | None = None

    def misfit(self) -> str:
        """Say why the weights do not fit the network that the checkpoint names; "" where they do.

        Next to nothing is allocated for it, however large that network is.
        """
        if not 1 <= self.in_channels <= _MAX_BANDS:
            return f"the checkpoint is for images of {self.in_channels} bands: it is damaged. Train anew."
        # On the device "meta" nothing is allocated, but torch imports half of itself first, for more than a second.
        small = isinstance(self.model, HypercolumnConfig) and self.in_channels <= _FEW_BANDS
        with torch.device("cpu" if small else "meta"):
            own = build_model(self.model, self.in_channels, len(self.scheme)).state_dict()
        reason = misfit(dict(self.state_dict), own)
        if reason:
            return (
                f"the checkpoint's weights do not fit a {describe(self.model)} with {self.in_channels} bands and "
                f"{len(self.scheme)} classes ({reason}): it is damaged or was changed by hand. Train anew."
            )
        if self.normalisation.bands != self.in_channels:
            return (
                f"the checkpoint normalises {self.normalisation.bands} bands, but its network takes "
                f"{self.in_channels}: it is damaged. Train anew."
            )
        return ""

    def build(self) -> nn.Module:
        """Return the network with these weights, in evaluation mode, on the CPU.

        Raises
        ------
        CheckpointError
            The weights do not fit the network that the checkpoint names.
        """
        model = build_model(self.model, self.in_channels, len(self.scheme))
        try:
            model.load_state_dict(dict(self.state_dict))
        except RuntimeError as error:
            raise CheckpointError(
                f"the checkpoint's weights do not fit a {describe(self.model)} with {self.in_channels} bands and "
                f"{len(self.scheme)} classes: it is damaged or was changed by hand"
            ) from error
        return model.eval()


def _plain(value: Any) -> Any:
    """Return str, int, float, bool, None, list and dict alone: torch.load's safe mode knows no others."""
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if hasattr(value, "tolist"):  # numpy and torch
        return _plain(value.tolist())
    return str(value)


def save_checkpoint(path: str | Path, checkpoint: Checkpoint, training: dict[str, Any] | None = None) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : path
        Replaced where it exists.
    checkpoint : Checkpoint
        All that prediction needs.
    training : dict, optional
        What training needs besides to go on (`trainer.fit.resume`): tensors and plain values.

    Raises
    ------
    CheckpointError
        The disk is full or the folder cannot be written; the file that was there before is untouched.
    """
    path = Path(path)
    content = {
        "format": FORMAT if isinstance(checkpoint.model, HypercolumnConfig) else 1,
        "model": to_plain(checkpoint.model),
        "in_channels": int(checkpoint.in_channels),
        "classes": checkpoint.scheme.to_json(),
        "normalisation": checkpoint.normalisation.to_json(),
        "imagery": None if checkpoint.imagery is None else checkpoint.imagery.to_json(),
        "metrics": _plain(checkpoint.metrics),
        "config": _plain(checkpoint.config),
        "versions": _plain(checkpoint.versions),
        "step": int(checkpoint.step),
        "state_dict": raw_state_dict(checkpoint.state_dict),
    }
    if training is not None:
        content["training"] = training
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch reports some failures to write as RuntimeError
        cause = error
        while cause.__context__ is not None and not isinstance(cause, OSError):
            cause = cause.__context__  # type: ignore[assignment]  # any exception may be a context
        way_out = (
            "The disk is full: free some space." if disk_is_full(cause) else "Choose a folder that can be written."
        )
        raise CheckpointError(
            f"{path}: the checkpoint cannot be written ({cause}). {way_out} The earlier one is kept."
        ) from error


def _check_archive(path: Path) -> None:
    """Refuse an archive that would take far more memory than its file: torch stores what it writes as it is."""
    if not zipfile.is_zipfile(path):
        return  # the format of old versions of torch
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(e.compress_type != zipfile.ZIP_STORED or e.file_size != e.compress_size for e in entries) or (
        sum(e.file_size for e in entries) > path.stat().st_size
    ):
        raise ValueError("it is a compressed archive, which no version of this tool writes")


def load_safely(path: Path) -> Any:
    """Return what torch.save wrote, on the CPU; nothing in the file is executed.

    Raises
    ------
    CheckpointError
        It cannot be read, whatever the reason.
    """
    try:
        _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch's guesses about foreign files; ours follows
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of foreign bytes, pickle and torch raise a dozen kinds
        first_line = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise CheckpointError(
            f"{path}: not a checkpoint that can be read ({first_line}). It is damaged or of another program; "
            "copy it again or train anew."
        ) from error


def misfit(state: Any, own: Mapping[str, Tensor]) -> str:
    """Say why a state dict cannot be loaded into a network; "" where it can.

    Names, shapes, types, layouts and that all values are finite; nothing is allocated for a tensor of another shape.

    Parameters
    ----------
    state : object
        What a file holds in the place of a state dict.
    own : mapping of str to Tensor
        The network's own, which may be on the device "meta".
    """
    if not isinstance(state, dict):
        return f"a {type(state).__name__} stands where the weights should be"
    if missing := [name for name in own if name not in state]:
        return f"{missing[0]} is missing"
    if strange := [name for name in state if name not in own]:
        return f"{str(strange[0])[:80]!r} is not a part of that network"
    for name, wanted in own.items():
        tensor = state[name]
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or tensor.device.type != "cpu":
            return f"{name} is not a plain tensor"
        if tensor.shape != wanted.shape:
            return f"{name} has the shape {tuple(tensor.shape)}, not {tuple(wanted.shape)}"
        if tensor.dtype.is_floating_point != wanted.dtype.is_floating_point or tensor.dtype.is_complex:
            return f"{name} holds {str(tensor.dtype).removeprefix('torch.')}"
        if tensor.dtype.is_floating_point and not torch.isfinite(tensor).all():
            return f"{name} holds values that are not finite"
    return ""


def load_content(path: str | Path) -> dict[str, Any]:
    """Read all that a checkpoint holds; nothing in the file is executed.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, no checkpoint of this tool, or of a newer format.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such checkpoint. Train first, or check the name.")
    content = load_safely(path)
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise CheckpointError(f"{path}: not a checkpoint of this tool. Choose a best_model.pth that it wrote.")
    if content["format"] > FORMAT:
        raise NewerCheckpointError(
            f"{path}: written by a newer version (format {content['format']}; this one reads up to {FORMAT}). "
            "Update napari-partialseg."
        )
    return content


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, no checkpoint of this tool, or of a newer format.
    """
    content = load_content(path)
    try:
        checkpoint = Checkpoint(
            model=_network(content["model"]),
            in_channels=int(content["in_channels"]),
            scheme=ClassScheme.from_json(content["classes"]),
            normalisation=Normalisation.from_json(content["normalisation"]),
            state_dict=dict(content["state_dict"]),
            metrics=dict(content["metrics"]),
            config=dict(content["config"]),
            versions=dict(content["versions"]),
            step=int(content["step"]),
            imagery=Imagery.from_json(content.get("imagery")),
        )
        reason = checkpoint.misfit()
    except Exception as error:  # whatever stands in the place of what should be there
        raise CheckpointError(f"{path}: the checkpoint is incomplete or damaged ({error!s}). Train anew.") from error
    if reason:
        raise CheckpointError(f"{path}: {reason}")
    return checkpoint
