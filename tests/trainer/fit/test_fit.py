from __future__ import annotations

import csv
import json
import math
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from fit_helpers import fitted, square_patches
from torch import multiprocessing

from annotations.classes import ClassScheme, LandClass
from trainer.augment import dihedral
from trainer.checkpoint import load_checkpoint
from trainer.config import AugmentConfig, ConfigError, DeviceConfig, FitConfig, ModelConfig, OptimConfig
from trainer.distributed import process_group
from trainer.fit.evaluate import evaluate
from trainer.fit.loop import fit
from trainer.fit.training import class_weights
from trainer.landcover_ai import DatasetError
from trainer.metrics import confusion, scores
from trainer.normalisation import IMAGENET
from trainer.optim import learning_rate
from trainer.precision import choose_precision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.queues import Queue

    from trainer.fit.patches import PatchSet

SCHEME = ClassScheme((LandClass("dark", "#000000"), LandClass("red", "#ff0000"), LandClass("blue", "#0000ff")))
TINY = FitConfig(
    model=ModelConfig(width=4, levels=2),
    optim=OptimConfig(lr=2e-2),
    augment=AugmentConfig(warp=0.3),
    device=DeviceConfig(device="cpu", precision="float32"),
    epochs=4,
    batch_size=4,
    input_size=16,
    seed=1,
)


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["unet", "unetplusplus"])
def test_it_learns_and_keeps_the_best(tmp_path: Path, name: str) -> None:
    model = replace(TINY.model, name=name, deep_supervision=name == "unetplusplus", levels=3)
    config = replace(TINY, model=model, epochs=16, class_balance=0.5)
    val = square_patches(6, 1, 1.0)
    result = fitted(fit(square_patches(20, 0), val, config, SCHEME, tmp_path))
    assert result.best is not None
    assert result.best.scores.miou > 0.9
    assert result.best.scores.miou == max(e.scores.miou for e in result.epochs)
    assert result.epochs[-1].loss < 0.5 * result.epochs[0].loss
    assert result.epochs[-1].step == 16 * 5
    saved = load_checkpoint(tmp_path / "best_model.pth")
    assert saved.metrics["epoch"] == result.best.epoch
    assert saved.scheme == SCHEME
    found = evaluate(saved.build(), val, saved.normalisation, choose_precision(config.device), 3, 4)
    assert found.scores == result.best.scores
    assert (found.batch_miou, found.loss) == (result.best.batch_miou, result.best.val_loss)
    last = load_checkpoint(tmp_path / "last_model.pth")
    found = evaluate(last.build(), val, last.normalisation, choose_precision(config.device), 3, 4)
    assert found.scores == result.epochs[-1].scores
    assert last.step == result.epochs[-1].step
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["miou"] for line in lines] == [e.scores.miou for e in result.epochs]
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["iou red"]) for row in rows] == [e.scores.iou[1] for e in result.epochs]


def test_the_same_seed_gives_the_same_run() -> None:
    train, val = square_patches(10, 0), square_patches(3, 1)
    first, again, other = (
        [e.loss for e in fitted(fit(train, val, config, SCHEME)).epochs]
        for config in (TINY, TINY, replace(TINY, seed=2))
    )
    assert first == again
    assert first != other


def test_the_batch_average_is_the_mean_of_the_batches() -> None:
    val = square_patches(7, 3, 1.0)
    model = torch.nn.Conv2d(3, 3, 1)
    precision = choose_precision(TINY.device)
    found = evaluate(model, val, IMAGENET, precision, 3, 3)
    with torch.inference_mode():
        guess = model(IMAGENET.apply(val.images)).argmax(1)
    alone = [scores(confusion(guess[i : i + 3], val.labels[i : i + 3], 3)) for i in (0, 3, 6)]
    assert found.batch_miou == pytest.approx(sum(s.miou for s in alone) / 3)
    assert found.batch_accuracy == pytest.approx(sum(s.accuracy for s in alone) / 3)
    assert torch.equal(found.matrix, confusion(guess, val.labels, 3))


def test_a_run_that_diverges_is_never_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No configuration holds such weights; every loss that comes of them is no number.
    monkeypatch.setattr("trainer.fit.training.class_weights", lambda config, counts: [math.inf, 1.0, 1.0])
    train = square_patches(8, 0)
    result = fitted(fit(train, square_patches(3, 1), replace(TINY, epochs=2), SCHEME, tmp_path))
    assert result.best is None
    assert [epoch.diverged(3) for epoch in result.epochs] == [True, True]
    assert not (tmp_path / "best_model.pth").exists()
    assert [json.loads(line)["loss"] for line in (tmp_path / "history.jsonl").read_text().splitlines()] == [None, None]


def test_nothing_to_learn_from_is_said() -> None:
    empty = square_patches(4, 0, 0.0)
    with pytest.raises(DatasetError, match="no pixel of the training patches is labelled"):
        fit(empty, square_patches(2, 1), TINY, SCHEME)
    with pytest.raises(DatasetError, match="no pixel of the validation patches is labelled"):
        fit(square_patches(4, 0), empty, TINY, SCHEME)


def test_class_weights() -> None:
    assert class_weights(TINY, [1, 2, 3]) is None
    assert class_weights(replace(TINY, class_weights=(1.0, 2.0, 3.0)), [1, 1, 1]) == [1, 2, 3]
    with pytest.raises(ConfigError, match="2 class weights for 3 classes"):
        class_weights(replace(TINY, class_weights=(1.0, 2.0)), [1, 1, 1])
    counts = [900, 100, 0]
    for balance in (0.5, 1.0):
        weights = class_weights(replace(TINY, class_balance=balance), counts)
        assert weights is not None
        assert weights[2] == 0
        assert weights[1] / weights[0] == pytest.approx(9**balance)
        assert sum(w * c for w, c in zip(weights, counts, strict=True)) == pytest.approx(sum(counts))


def test_the_one_cycle_schedule() -> None:
    config = OptimConfig(lr=1.0)
    rates = [learning_rate(config, step, 101) for step in range(101)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == rates[30] == pytest.approx(1)
    assert rates[:31] == sorted(rates[:31])
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert rates[-1] == pytest.approx(1e-4)
    assert learning_rate(config, 0, 1) == 1
    assert learning_rate(OptimConfig(lr=0.1, schedule="constant"), 50, 101) == 0.1


def _train_as_rank(rank: int, jobs: Queue, results: Queue) -> None:
    """Train what comes, until killed."""
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1")
    while True:
        port, config, folder = jobs.get()
        os.environ["MASTER_PORT"] = str(port)
        with process_group():
            result = fitted(fit(lopsided(), square_patches(4, 1, 1.0), config, SCHEME, folder))
        results.put((rank, [e.loss for e in result.epochs], result.epochs[-1].scores.miou))


TwoProcesses = Callable[[FitConfig, Path], list[tuple[int, list[float], float]]]


@pytest.fixture(scope="module")
def on_two_processes() -> Iterator[TwoProcesses]:
    """A function that trains on two processes: the same ones each time, as they take longest to import torch."""
    context = multiprocessing.get_context("spawn")
    jobs, results = [context.Queue() for _ in range(2)], context.Queue()
    ranks = [context.Process(target=_train_as_rank, args=(r, jobs[r], results), daemon=True) for r in range(2)]
    for process in ranks:
        process.start()

    def train(config: FitConfig, folder: Path) -> list[tuple[int, list[float], float]]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for queue in jobs:
            queue.put((port, config, folder))
        return [results.get(timeout=100) for _ in ranks]

    yield train
    for process in ranks:
        process.kill()
        process.join()


def lopsided() -> PatchSet:
    """Every other patch has hardly a label, so the ranks' counts differ widely."""
    patches = square_patches(8, 0, 0.5)
    patches.labels[::2, 1:] = -1
    return patches


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("norm", "optimizer"), [("group", "adamw"), ("batch", "adamw"), ("batch", "muon")], ids="-".join
)
def test_two_processes_train_as_one(tmp_path: Path, on_two_processes: TwoProcesses, norm: str, optimizer: str) -> None:
    # Batch statistics of half a batch are others than of the whole, unless they are taken together.
    config = replace(
        TINY,
        model=replace(TINY.model, norm=norm),
        optim=OptimConfig(name=optimizer, lr=1e-3, adam_lr=1e-3, schedule="constant", ema=0.5),
        sync_batchnorm=norm == "batch",
        class_balance=0.5,
        device=DeviceConfig(device="cpu", precision="float32", threads=1),
        epochs=2,
    )
    alone = fitted(fit(lopsided(), square_patches(4, 1, 1.0), config, SCHEME))
    answers = on_two_processes(config, tmp_path)
    for _, losses, miou in answers:
        assert losses == pytest.approx([e.loss for e in alone.epochs], rel=1e-5)
        assert miou == pytest.approx(alone.epochs[-1].scores.miou, abs=1e-6)


@pytest.mark.timeout(120)
def test_two_processes_score_the_network_that_is_kept(tmp_path: Path, on_two_processes: TwoProcesses) -> None:
    """Each has BatchNorm statistics of its own batches; scored and kept are the first one's."""
    config = replace(TINY, device=DeviceConfig(device="cpu", precision="float32", threads=1), epochs=1)
    answers = on_two_processes(config, tmp_path)
    saved = load_checkpoint(tmp_path / "last_model.pth")
    val = square_patches(4, 1, 1.0)
    found = evaluate(saved.build(), val, saved.normalisation, choose_precision(config.device), 3, 4)
    assert [miou for _, _, miou in answers] == pytest.approx([found.scores.miou] * 2)


def test_dihedral_is_used_the_same_for_both() -> None:
    patches = square_patches(4, 0, 1.0)
    turned = dihedral(patches.images, [1, 2, 5, 7]), dihedral(patches.labels, [1, 2, 5, 7])
    means = [turned[0].movedim(1, -1)[turned[1] == k].float().mean(0) for k in range(3)]
    assert means[1][0] > 150 > means[1][2]
    assert means[2][2] > 150 > means[2][0]
