"""The networks: UNet and UNet++."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from trainer.models.unet import UNet
from trainer.models.unetplusplus import UNetPlusPlus

if TYPE_CHECKING:
    from trainer.config import ModelConfig

__all__ = ["UNet", "UNetPlusPlus", "build_model"]


def build_model(config: ModelConfig, in_channels: int, classes: int) -> UNet | UNetPlusPlus:
    """Return the network that `config` names, with random weights from torch's global generator.

    Parameters
    ----------
    config : ModelConfig
        Name, width and the rest.
    in_channels : int
        Bands of the image.
    classes : int
        Channels of the logits.
    """
    kind = UNetPlusPlus if config.name == "unetplusplus" else UNet
    model = kind(config, in_channels, classes)
    if config.init == "torch":
        return model
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            # He's rule. torch's own default is several times smaller, and Adam's first steps then overturn the weights.
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model
