"""The file of a backbone's weights: what ships loads, what is damaged says so."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from trainer.backbone_weights import (
    BACKBONE_PATH,
    BackboneWeights,
    load_backbone,
    load_backbone_weights,
    save_backbone_weights,
)
from trainer.checkpoint import CheckpointError
from trainer.models.backbone import Backbone, BackboneConfig


@pytest.fixture
def weights():
    torch.manual_seed(0)
    config = BackboneConfig(decoder=False)
    return BackboneWeights(config, Backbone(config).state_dict(), ("noise",), 7, 3)


def changed(path, **entries):
    torch.save(torch.load(path, weights_only=True) | entries, path)


def test_what_ships_sees_an_image():
    assert BACKBONE_PATH.stat().st_size < 8e6
    assert load_backbone_weights().sources
    backbone = load_backbone()
    assert not backbone.training
    x = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    maps = backbone(x)
    assert [tuple(m.shape) for m in maps] == [
        (2, c, 64 // s, 96 // s) for c, s in zip(backbone.channels, backbone.strides, strict=True)
    ]
    for m in maps:
        assert m.dtype == torch.float32
        assert not m.requires_grad
        assert torch.isfinite(m).all()
        assert m.std() > 0.01


def test_what_is_written_is_read_again(weights, tmp_path):
    path = tmp_path / "new" / "backbone.pth"
    save_backbone_weights(path, weights)
    again = load_backbone_weights(path)
    assert (again.config, again.sources, again.steps, again.seed) == (weights.config, ("noise",), 7, 3)
    kept = again.state_dict["encoder.stem.0.weight"]
    assert kept.dtype == torch.float16
    assert torch.equal(kept, weights.state_dict["encoder.stem.0.weight"].half())


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"format": 2}, "newer version"),
        ({"format": "one"}, "holds no backbone weights"),
        ({"config": {"decoder": True}}, "is missing"),
        ({"config": {"wings": 2}}, "wings"),
        ({"steps": None}, "incomplete"),
        ({"state_dict": {}}, "is missing"),
        ({"state_dict": None}, "NoneType"),
    ],
)
def test_a_file_that_is_not_whole_is_named(weights, tmp_path, entries, words):
    path = tmp_path / "backbone.pth"
    save_backbone_weights(path, weights)
    changed(path, **entries)
    with pytest.raises(CheckpointError, match=words) as caught:
        load_backbone(path)
    assert str(path) in str(caught.value)


def test_weights_that_are_not_finite_are_refused(weights, tmp_path):
    path = tmp_path / "backbone.pth"
    state = dict(weights.state_dict)
    state["encoder.stem.0.weight"] = torch.full_like(state["encoder.stem.0.weight"], torch.nan)
    save_backbone_weights(path, replace(weights, state_dict=state))
    with pytest.raises(CheckpointError, match="not finite"):
        load_backbone(path)


def test_a_file_cut_short_and_one_that_is_not_there(weights, tmp_path):
    path = tmp_path / "backbone.pth"
    with pytest.raises(CheckpointError, match="there are no such"):
        load_backbone(path)
    save_backbone_weights(path, weights)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="not a checkpoint that can be read"):
        load_backbone(path)


def test_a_folder_that_cannot_be_written_is_named(weights, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_backbone_weights(tmp_path / "file" / "backbone.pth", weights)
