"""What computes and in which numbers: chosen by what the device does well, with the reason in words."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from trainer.config import ConfigError, DeviceConfig, ModelConfig
from trainer.losses import partial_cross_entropy
from trainer.models import build_model

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Precision", "choose_precision", "set_threads", "usable_cores"]


@dataclass(frozen=True, slots=True)
class Precision:
    """The device, the type of its convolutions and the layout of its tensors.

    Parameters
    ----------
    device : torch.device
        Where the network is.
    dtype : torch.dtype
        The type that autocast computes in; float32 for no autocast. Weights are float32 in any case.
    channels_last : bool
        Whether weights and images are laid out with the channels last.
    scaler : bool
        Whether gradients need scaling (float16).
    reason : str
        Why, for people to read.
    """

    device: torch.device
    dtype: torch.dtype
    channels_last: bool
    scaler: bool
    reason: str

    @property
    def label(self) -> str:
        """Device and type in short, for example "cpu, bfloat16"."""
        return f"{self.device}, {str(self.dtype).removeprefix('torch.')}"

    def autocast(self) -> torch.autocast:
        """Return the context in which the network's forward pass runs."""
        half = self.dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self.dtype if half else None, enabled=half)

    def grad_scaler(self) -> torch.amp.GradScaler:
        """Return a scaler for the loss, which does nothing where none is needed."""
        return torch.amp.GradScaler(self.device.type, enabled=self.scaler)

    def place(self, model: nn.Module) -> nn.Module:
        """Move a network to the device and into the layout."""
        model = model.to(self.device)
        if self.channels_last:
            model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in its stubs
        return model

    def images(self, images: Tensor) -> Tensor:
        """Move a batch of images (B, C, H, W) to the device and into the layout."""
        if self.device.type == "cuda" and images.device.type == "cpu":
            images = images.pin_memory()
        images = images.to(self.device, non_blocking=True)
        return images.contiguous(memory_format=torch.channels_last) if self.channels_last else images


def usable_cores() -> int:
    """Return on how many cores this process may run: fewer than there are under taskset, or in a job of a cluster."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(threads: int) -> int:
    """Let torch use this many CPU threads; 0 for all cores. Return how many it uses."""
    if threads < 0:
        raise ConfigError(f"threads must be 0 (all cores) or more, not {threads}")
    # Processes that torchrun starts on one machine share its cores.
    cores = max(usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 1)
    torch.set_num_threads(threads or cores)
    return torch.get_num_threads()


def choose_precision(config: DeviceConfig, *, threads_default: int | None = None) -> Precision:
    """Choose device and precision, and set the number of CPU threads.

    Parameters
    ----------
    config : DeviceConfig
        What was asked for; "auto" is replaced by what the machine does well.
    threads_default : int, optional
        CPU threads where the configuration leaves them open (0); all cores by default.

    Raises
    ------
    ConfigError
        A CUDA device was asked for and there is none, or float16 on the CPU.
    """
    set_threads(config.threads or threads_default or 0)
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise ConfigError(
            "device cuda was asked for, but torch finds no CUDA device. Choose auto or cpu, or install torch for CUDA."
        )
    if cuda and config.device != "cpu":
        return _on_cuda(config)
    return _on_cpu(config)


def _on_cuda(config: DeviceConfig) -> Precision:
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    torch.backends.cudnn.benchmark = True  # crops have one size, so the search pays
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    name = torch.cuda.get_device_name(device)
    major, minor = torch.cuda.get_device_capability(device)
    if config.precision != "auto":
        dtype = getattr(torch, config.precision)
        reason = f"{name}: {config.precision} as asked for"
    elif major >= 8:
        dtype, reason = torch.bfloat16, f"{name} (sm{major}{minor}): bfloat16, which needs no loss scaling"
    elif major >= 7:
        dtype, reason = torch.float16, f"{name} (sm{major}{minor}): float16 with loss scaling, as it lacks bfloat16"
    else:
        dtype, reason = torch.float32, f"{name} (sm{major}{minor}): float32, as it lacks fast half precision"
    return Precision(device, dtype, channels_last=True, scaler=dtype == torch.float16, reason=reason)


def _on_cpu(config: DeviceConfig) -> Precision:
    device = torch.device("cpu")
    if config.precision == "float16":
        raise ConfigError("float16 is slow on the CPU and not supported there: choose auto, float32 or bfloat16")
    if config.precision != "auto":
        dtype, reason = getattr(torch, config.precision), f"CPU: {config.precision} as asked for"
    else:
        dtype, reason = _cpu_dtype(device)
    return Precision(device, dtype, channels_last=True, scaler=False, reason=reason)


def _cpu_dtype(device: torch.device) -> tuple[torch.dtype, str]:
    known = False
    for feature, name in (("_is_amx_tile_supported", "AMX"), ("_is_avx512_bf16_supported", "AVX512_BF16")):
        check: Any = getattr(torch.cpu, feature, None)  # private: may be gone in another version
        if check is None:
            continue
        known = True
        if check():
            return torch.bfloat16, f"CPU with {name}: bfloat16"
    if known:
        return torch.float32, "CPU without bfloat16 instructions: float32 (emulated bfloat16 is slower)"
    single, half = (_step_seconds(device, dtype) for dtype in (torch.float32, torch.bfloat16))
    dtype = torch.bfloat16 if half < 0.9 * single else torch.float32
    return dtype, (
        f"CPU of unknown abilities: {str(dtype).removeprefix('torch.')}, as a training step took "
        f"{1000 * single:.0f} ms in float32 and {1000 * half:.0f} ms in bfloat16"
    )


def _step_seconds(device: torch.device, dtype: torch.dtype) -> float:
    """Return how long a training step of a small network takes, the first (which sets up) not counted."""
    precision = Precision(device, dtype, channels_last=True, scaler=False, reason="")
    with torch.random.fork_rng(devices=[]):
        model = precision.place(build_model(ModelConfig(levels=3), 3, 5))
        images = precision.images(torch.rand(2, 3, 128, 128))
    target = torch.zeros(2, 128, 128, dtype=torch.int8)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        with precision.autocast():
            logits = model(images)
        partial_cross_entropy(logits, target)[0].backward()  # type: ignore[no-untyped-call]  # torch's stub
        best = min(best, time.perf_counter() - start)
    return best
