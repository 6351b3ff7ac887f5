"""The networks: UNet and UNet++, and a linear head on a pretrained backbone."""

from __future__ import annotations

from torch import nn

from trainer.config import ModelConfig
from trainer.models.hypercolumn import Hypercolumn, HypercolumnConfig
from trainer.models.unet import UNet
from trainer.models.unetplusplus import UNetPlusPlus

__all__ = ["Hypercolumn", "HypercolumnConfig", "Network", "NetworkConfig", "UNet", "UNetPlusPlus", "build_model"]

Network = UNet | UNetPlusPlus | Hypercolumn
NetworkConfig = ModelConfig | HypercolumnConfig


def build_model(config: NetworkConfig, in_channels: int, classes: int) -> Network:
    """Return the network that `config` names, with random weights from torch's global generator.

    Parameters
    ----------
    config : ModelConfig or HypercolumnConfig
        Name, width and the rest.
    in_channels : int
        Bands of the image.
    classes : int
        Channels of the logits.
    """
    if isinstance(config, HypercolumnConfig):
        return Hypercolumn(config, in_channels, classes)
    kind = UNetPlusPlus if config.name == "unetplusplus" else UNet
    model = kind(config, in_channels, classes)
    if config.init == "torch":
        return model
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            # He's rule. torch's own default is several times smaller, and Adam's first steps then overturn the weights.
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model
