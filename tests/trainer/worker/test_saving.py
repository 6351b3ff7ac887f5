"""What the worker tells and saves, and what it does with less memory: each by itself."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from annotations.errors import PartialSegError
from trainer import protocol
from trainer.worker import saving
from trainer.worker.mapping import Mapping
from trainer.worker.memory import do_with_less, ran_out
from trainer.worker.pace import Pace
from trainer.worker.saving import Saver
from trainer.worker.telling import Teller


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Kept:
    """A kept map that counts, or a disk that is full."""

    folder = "images/1"

    def __init__(self):
        self.saved, self.noted, self.full = 0, [], False

    def save(self, classes, confidence):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.saved += 1

    def completed(self, checkpoint, step):
        self.noted.append((str(checkpoint), step))


class Learner:
    step_count = 5
    can_save = True

    def __init__(self, crops=0):
        self.crops = crops

    def take_loss(self):
        return 0.25

    def halve_micro_batch(self):
        self.crops //= 2
        return self.crops


@pytest.fixture
def work():
    array = SimpleNamespace(array=np.zeros((2, 2), np.uint8))
    return SimpleNamespace(
        learner=Learner(),
        weights="weights",
        kept=Kept(),
        kept_doubt=SimpleNamespace(save=lambda doubt: None),
        doubt=None,
        prediction=array,
        confidence=array,
        labels=SimpleNamespace(counts=np.array([3, 4])),
        precision=SimpleNamespace(device=torch.device("cpu")),
    )


@pytest.fixture
def sent():
    return []


@pytest.fixture
def full(monkeypatch):
    """Whether the disk is full where the weights lie."""
    state = {"weights": False}

    def save_work(folder, learner):
        if state["weights"]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return f"{folder}/best_model.pth"

    monkeypatch.setattr(saving, "save_work", save_work)
    return state


def test_nothing_new_is_saved_once_and_what_was_asked_for_always(work, sent, full):
    saver = Saver(Teller(sent.append), step=4)
    saver.save(work, complete=False)
    saver.save(work, complete=False)
    assert sent == [protocol.Saved("weights/best_model.pth", 5, complete=False)]
    saver.save(work, complete=False, always=True)
    saver.save(work, complete=True)
    assert [m.complete for m in sent] == [False, False, True]
    assert work.kept.noted == [("weights/best_model.pth", 5)]  # the map is whole, of these weights


def test_it_saves_at_times(work, sent, full):
    clock = Clock()
    saver = Saver(Teller(sent.append), 0, clock)
    for clock.now in (0.0, 19.9, 20.0, 21.0, 40.0):
        saver.save_at_times(work)
        work.learner.step_count += 1
    assert [m.step for m in sent] == [7, 9]


def test_without_a_step_there_is_no_checkpoint_to_name(work, sent, full):
    work.learner.step_count = 0
    Saver(Teller(sent.append), 3).save(work, complete=True)
    assert sent == [protocol.Saved("", 0, complete=True)]
    assert not work.kept.noted


@pytest.mark.parametrize("where", ["weights", "map"])
def test_a_full_disk_is_told_and_saving_tried_again(work, sent, full, where):
    saver = Saver(Teller(sent.append), 0)
    full["weights"], work.kept.full = where == "weights", where == "map"
    saver.save(work, complete=False, about="Save")
    problem = sent.pop()
    assert not sent  # nothing was saved that somebody waits for
    assert "the disk is full" in problem.text
    assert "could not be " + ("saved" if where == "weights" else "kept") in problem.text
    assert (problem.about, problem.fatal) == ("Save", False)
    assert "No space left" in problem.detail
    saver.save(work, complete=True)
    assert sent[-1].failed  # but who waits for the whole map has it
    full["weights"] = work.kept.full = False
    sent.clear()
    saver.save(work, complete=False)  # it is not taken for saved
    assert sent == [protocol.Saved("weights/best_model.pth", 5, complete=False)]


def test_what_goes_on_is_said_once(sent):
    tell = Teller(sent.append)
    for text in ("a", "a", "b", "b"):
        tell.say("training", text)
    tell.say_anew()
    tell.say("training", "b")
    assert [m.text for m in sent] == ["a", "b", "b"]


def test_progress_is_told_at_times_and_the_last_word_once(work, sent):
    clock = Clock()
    tell, made, pace = Teller(sent.append), Mapping((100, 100), 50), Pace(clock)
    for clock.now in (1.0, 1.01, 5.0):
        tell.progress(work, made, pace, (1, 4))
    assert len(sent) == 2
    assert (sent[0].step, sent[0].loss, sent[0].labelled, sent[0].done, sent[0].total) == (5, 0.25, (3, 4), 1, 4)
    for _ in range(3):
        tell.progress(work, made, pace, (4, 4), last=True)
    assert [m.done for m in sent] == [1, 1, 4]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes differ"), False),
        (ValueError("memory"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error, expected):
    assert ran_out(error) is expected


def test_first_crops_then_blocks_then_words(work):
    work.learner = Learner(crops=8)
    made = Mapping((600, 600), 512)
    texts = [do_with_less(work, made, MemoryError()) for _ in range(5)]
    assert [text.partition("goes on ")[2].partition(",")[0].rstrip(".") for text in texts] == [
        "with 4 crops at once",
        "with 2 crops at once",
        "with 1 crops at once",
        "in blocks of 256 pixels",
        "in blocks of 128 pixels",
    ]
    assert made.schedule.block == 128
    with pytest.raises(PartialSegError, match="even with the smallest crops and blocks"):
        do_with_less(work, made, MemoryError())
