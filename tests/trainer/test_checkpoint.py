from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from annotations.classes import LANDCOVER_AI
from trainer.checkpoint import (
    FORMAT,
    Checkpoint,
    CheckpointError,
    load_checkpoint,
    raw_state_dict,
    save_checkpoint,
    versions,
)
from trainer.config import FitConfig, ModelConfig, to_plain
from trainer.models import build_model
from trainer.normalisation import Normalisation


@pytest.fixture
def checkpoint() -> Checkpoint:
    config = ModelConfig(name="unetplusplus", width=4, levels=3, deep_supervision=True)
    model = build_model(config, 4, 5)
    model.train()(torch.rand(2, 4, 8, 8))  # so that the running statistics are not those of a fresh network
    return Checkpoint(
        model=config,
        in_channels=4,
        scheme=LANDCOVER_AI,
        normalisation=Normalisation((1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 4.0)),
        state_dict=raw_state_dict(model),
        metrics={"miou": np.float64(0.5), "iou": (0.1, float("nan")), "support": np.arange(2), "at": Path("x")},
        config=to_plain(FitConfig(model=config)),
        step=7,
    )


def test_what_was_saved_predicts_the_same(tmp_path: Path, checkpoint: Checkpoint) -> None:
    path = tmp_path / "runs" / "best_model.pth"
    save_checkpoint(path, checkpoint)
    plain = torch.load(path)  # the defaults: nothing is executed
    assert plain["format"] == 1
    assert plain["metrics"]["support"] == [0, 1]
    again = load_checkpoint(path)
    assert (again.model, again.scheme, again.normalisation, again.step) == (
        checkpoint.model,
        LANDCOVER_AI,
        checkpoint.normalisation,
        7,
    )
    assert again.versions == versions()
    images = torch.rand(1, 4, 8, 8)
    model = again.build()
    assert not model.training
    with torch.inference_mode():
        assert torch.equal(model(images), checkpoint.build()(images))
    assert os.listdir(path.parent) == ["best_model.pth"]


def test_wrappers_leave_no_trace(checkpoint: Checkpoint) -> None:
    model = checkpoint.build()
    wrapped = {f"module._orig_mod.{name}": tensor for name, tensor in model.state_dict().items()}
    assert raw_state_dict(wrapped).keys() == model.state_dict().keys()
    copies = raw_state_dict(model)
    next(model.parameters()).data.add_(1)
    name = next(iter(copies))
    assert not torch.equal(copies[name], model.state_dict()[name])


@pytest.mark.parametrize("as_torch_does", [False, True])
def test_a_full_disk_leaves_the_old_one(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, as_torch_does: bool
) -> None:
    path = tmp_path / "best_model.pth"
    save_checkpoint(path, checkpoint)
    before = path.read_bytes()

    def full(_content: object, file: object) -> None:
        file.write(b"half a file")
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            if as_torch_does:
                raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")  # noqa: B904
            raise

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match=r"best_model.pth: the checkpoint cannot be written .* disk is full"):
        save_checkpoint(path, checkpoint)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["best_model.pth"]


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("executed",)


def test_what_is_no_checkpoint_is_named(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "best_model.pth"
    with pytest.raises(CheckpointError, match="there is no such checkpoint"):
        load_checkpoint(path)
    save_checkpoint(path, checkpoint)
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[: len(whole) // 2], pickle.dumps(_Evil())):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"best_model.pth: not a checkpoint that can be read"):
            load_checkpoint(path)
    torch.save(_Evil(), path)
    with pytest.raises(CheckpointError, match="not a checkpoint that can be read"):
        load_checkpoint(path)
    assert not (tmp_path / "executed").exists()
    torch.save({"weights": 1}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of this tool"):
        load_checkpoint(path)
    path.write_bytes(whole)
    content = torch.load(path)
    torch.save({**content, "format": FORMAT + 1}, path)
    with pytest.raises(CheckpointError, match=rf"newer version \(format {FORMAT + 1}; this one reads up to {FORMAT}\)"):
        load_checkpoint(path)
    torch.save({key: value for key, value in content.items() if key != "classes"}, path)
    with pytest.raises(CheckpointError, match=r"incomplete or damaged \('classes'\)"):
        load_checkpoint(path)
    torch.save({**content, "in_channels": 3}, path)
    with pytest.raises(CheckpointError, match="do not fit a unetplusplus of width 4 with 3 bands"):
        load_checkpoint(path).build()
