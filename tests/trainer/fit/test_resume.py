"""A run that is cut off goes on, and ends as if it had not been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from fit_helpers import fitted, to_the_end

from trainer.checkpoint import CheckpointError, load_checkpoint
from trainer.config import AugmentConfig, DeviceConfig, FitConfig, ModelConfig, OptimConfig
from trainer.fit.events import EpochEnded, Started, Stepped
from trainer.fit.loop import fit
from trainer.fit.results import EpochResult
from trainer.fit.resume import BEST, LAST

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.classes import ClassScheme
    from trainer.fit.patches import PatchSet

CONFIG = FitConfig(
    model=ModelConfig(width=4, levels=2),
    optim=OptimConfig(name="muon", lr=0.05, ema=0.9),
    augment=AugmentConfig(warp=0.3, noise=0.1),
    device=DeviceConfig(device="cpu", precision="bfloat16", threads=1),
    epochs=3,
    batch_size=4,
    input_size=16,
)


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def sets(make_patches: Callable[..., PatchSet]) -> tuple[PatchSet, PatchSet]:
    return make_patches(14, 0), make_patches(4, 1, 1.0)


def same_weights(one: Path, other: Path) -> bool:
    first, second = (torch.load(path, weights_only=True) for path in (one, other))
    for key in ("state_dict",):
        assert first[key].keys() == second[key].keys()
        for name, tensor in first[key].items():
            if not torch.equal(tensor, second[key][name]):
                return False
    return first["step"] == second["step"] and first["metrics"] == second["metrics"]


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("after", [1, 3, 4, 7, 8])
def test_it_ends_with_the_same_weights_wherever_it_was_stopped(
    tmp_path: Path, sets: tuple[PatchSet, PatchSet], scheme3: ClassScheme, after: int, optimizer: str
) -> None:
    config = replace(CONFIG, optim=replace(CONFIG.optim, name=optimizer))
    whole = fitted(fit(*sets, config, scheme3, tmp_path / "whole"))
    with closing(fit(*sets, config, scheme3, tmp_path / "cut", save_seconds=0.0)) as events:
        assert next(event for event in events if event == Stepped(after))
    again, events = to_the_end(fit(*sets, config, scheme3, tmp_path / "cut", save_seconds=0.0))
    assert events[0] == Started(after)
    assert next(e for e in events if isinstance(e, Stepped)) == Stepped(after + 1)  # none is made twice
    for name in (BEST, LAST):
        assert same_weights(tmp_path / "whole" / name, tmp_path / "cut" / name)
    assert [e.loss for e in again.epochs] == [e.loss for e in whole.epochs]
    assert [e.scores for e in again.epochs] == [e.scores for e in whole.epochs]
    assert again.best is not None
    assert whole.best is not None
    assert again.best.epoch == whole.best.epoch
    rows = [(tmp_path / run / "history.csv").read_text().splitlines() for run in ("whole", "cut")]
    assert len(rows[0]) == len(rows[1]) == 4


def test_it_says_what_happens_in_order(sets: tuple[PatchSet, PatchSet], scheme3: ClassScheme) -> None:
    result, events = to_the_end(fit(*sets, replace(CONFIG, epochs=2), scheme3))
    first, second = result.epochs
    best = max(result.epochs, key=lambda epoch: epoch.scores.miou)
    assert events[:5] == [Started(0), Stepped(1), Stepped(2), Stepped(3), EpochEnded(first, first)]
    assert events[5:] == [Stepped(4), Stepped(5), Stepped(6), EpochEnded(second, best)]
    assert result.best is best


@pytest.mark.parametrize("after", [0, 1, 3, 4])
def test_left_early_it_ends_its_threads_and_keeps_what_was_told(
    tmp_path: Path, sets: tuple[PatchSet, PatchSet], scheme3: ClassScheme, after: int
) -> None:
    threads = set(threading.enumerate())
    training = fit(*sets, CONFIG, scheme3, tmp_path, save_seconds=0.0)
    told = [next(training) for _ in range(after + 1)]
    inside = isinstance(told[-1], Stepped)
    assert bool(set(threading.enumerate()) - threads) == inside
    training.close()
    assert set(threading.enumerate()) == threads
    assert list(training) == []
    kept = [event.step for event in told if isinstance(event, Started | Stepped)][-1]
    again = fit(*sets, CONFIG, scheme3, tmp_path)
    assert next(again) == Started(kept)
    again.close()


def test_a_finished_run_is_not_trained_further(
    tmp_path: Path, sets: tuple[PatchSet, PatchSet], scheme3: ClassScheme
) -> None:
    first = fitted(fit(*sets, CONFIG, scheme3, tmp_path))
    second, events = to_the_end(fit(*sets, CONFIG, scheme3, tmp_path))
    assert events == [Started(9)]
    assert [e.loss for e in first.epochs] == [e.loss for e in second.epochs]
    assert second.seconds == first.seconds


def test_another_configuration_or_other_data_begin_anew(
    tmp_path: Path, sets: tuple[PatchSet, PatchSet], scheme3: ClassScheme
) -> None:
    fitted(fit(*sets, CONFIG, scheme3, tmp_path, key="a"))
    for config, key, kept in (
        (replace(CONFIG, device=replace(CONFIG.device, precision="auto")), "a", 9),
        (CONFIG, "b", 0),
        (replace(CONFIG, seed=7), "b", 0),
    ):
        _, events = to_the_end(fit(*sets, config, scheme3, tmp_path, key=key))
        assert events[0] == Started(kept)


def test_what_another_run_left_is_kept_as_the_former(
    tmp_path: Path, sets: tuple[PatchSet, PatchSet], scheme3: ClassScheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted(fit(*sets, CONFIG, scheme3, tmp_path))
    before = {name: (tmp_path / name).read_bytes() for name in (BEST, LAST)}
    monkeypatch.setattr(EpochResult, "usable", property(lambda result: False))
    assert fitted(fit(*sets, replace(CONFIG, seed=7), scheme3, tmp_path)).best is None
    assert not (tmp_path / BEST).exists()  # nobody takes the former run's for this one's
    assert (tmp_path / "best_model.before.pth").read_bytes() == before[BEST]
    assert (tmp_path / "last_model.before.pth").read_bytes() == before[LAST]


def test_a_damaged_checkpoint_is_named_and_left(
    tmp_path: Path, sets: tuple[PatchSet, PatchSet], scheme3: ClassScheme
) -> None:
    (tmp_path / LAST).write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"last_model\.pth.*Delete the file"):
        fitted(fit(*sets, CONFIG, scheme3, tmp_path))
    assert (tmp_path / LAST).read_bytes() == b"not a checkpoint"


# One process that has torch imported and forks who runs the grid, into the folder that a line names.
MOTHER = """
import os, sys
from trainer.benchmark.command import main
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        sys.exit(main([*sys.argv[1:], "--output", line.strip()]))
    print("runs", pid)
    print("\\nended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))  # what was being said may be torn
"""


def run_grid(mother: subprocess.Popen[str], output: Path, kill_at: str | None) -> str:
    """Let a child run the grid, to its end or until it says something; return what it said."""
    assert mother.stdin is not None
    assert mother.stdout is not None
    mother.stdin.write(f"{output}\n")
    mother.stdin.flush()
    said, pid = "", 0
    for line in mother.stdout:
        said += line
        word, *number = line.split() or [""]
        if word == "runs":
            pid = int(number[0])
        elif word == "ended":
            assert int(number[0]) == (-9 if kill_at else 0), said
            return said
        elif kill_at and kill_at in line:
            os.kill(pid, signal.SIGKILL)
    raise AssertionError(f"the process that forks has ended: {said}")


def test_a_grid_that_is_killed_goes_on(tmp_path: Path, tiny_data: Path) -> None:
    """Killed by signal 9 in the middle of a cell, twice, and started again by the same command."""
    arguments = [
        *("--data", str(tiny_data), "--models", "unet", "--fractions", "0.1", "--device", "cpu", "--threads", "1"),
        *("--width", "4", "--input-size", "32", "--epochs", "3", "--batch-size", "2", "--checkpoint-minutes", "0"),
        *("--steps-per-epoch", "1"),
    ]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", MOTHER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as mother:
        run_grid(mother, tmp_path / "whole", None)
        run_grid(mother, tmp_path / "cut", "unet_frac10_w4  epoch 2/3")
        assert not (tmp_path / "cut" / "unet_frac10_w4" / "result.json").exists()
        run_grid(mother, tmp_path / "cut", "unet_frac100_w4  epoch 1/3")
        said = run_grid(mother, tmp_path / "cut", None)
        assert mother.stdin is not None
        mother.stdin.close()
    assert "unet_frac10_w4: finished already" in said
    assert "unet_frac100_w4  epoch 1/3" not in said
    for cell in ("unet_frac10_w4", "unet_frac100_w4"):
        for name in (BEST, LAST):
            assert same_weights(tmp_path / "whole" / cell / name, tmp_path / "cut" / cell / name)
        assert load_checkpoint(tmp_path / "cut" / cell / LAST).step == 6
