"""The configuration promises nothing that is not done."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import trainer.config
from trainer.config import (
    AugmentConfig,
    DeviceConfig,
    LabelConfig,
    LiveConfig,
    ModelConfig,
    OptimConfig,
    PredictConfig,
)

SOURCES = Path(trainer.config.__file__).parent
# What a configuration is called where it is read: `live.crop` is a setting's use, `checkpoint.name` is none.
CALLED = {
    AugmentConfig: {"augment", "config"},
    DeviceConfig: {"device", "config"},
    LabelConfig: {"labels", "config", "choice", "label"},
    LiveConfig: {"live", "_live"},
    ModelConfig: {"model", "config"},
    OptimConfig: {"optim", "config"},
    PredictConfig: {"predict"},
}


def name_of(node):
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@pytest.mark.parametrize("config", CALLED, ids=lambda config: config.__name__)
def test_every_setting_is_read_where_something_is_done(config):
    read = set()
    for path in SOURCES.rglob("*.py"):
        if path.name not in ("config.py", "presets.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            uses = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
            read |= {node.attr for node in uses if name_of(node.value) in CALLED[config]}
    assert {field.name for field in fields(config)} <= read


def test_another_kind_of_network_keeps_what_it_can():
    bilinear = ModelConfig(width=8, upsampling="bilinear", align_corners=True, bottleneck="half", init="torch")
    other = bilinear.of_kind("unetplusplus")
    assert (other.name, other.width, other.align_corners, other.init) == ("unetplusplus", 8, True, "torch")
    assert other.bottleneck == "full"
    assert bilinear.of_kind("unet") == bilinear
    deep = ModelConfig(name="unetplusplus", deep_supervision=True)
    assert deep.of_kind("unet").deep_supervision is False
    assert deep.of_kind("unetplusplus") == deep
