"""`partialseg train`."""

from __future__ import annotations

import errno
import itertools
import signal

import pytest
from command_helpers import contents, make_project, run

from annotations.export.provenance import file_digest
from annotations.prediction.kept_map import made_by
from annotations.project.project import Project
from trainer import protocol
from trainer.checkpoint import load_checkpoint
from trainer.commands.train import Train, train
from trainer.commands.train_progress import TrainProgress
from trainer.config import WorkConfig, from_plain
from trainer.live.learner import LiveLearner
from trainer.opened.message import open_message
from trainer.opened.open_image import open_image
from trainer.worker import saving
from trainer.worker.session import LiveSession


def test_training_goes_on_where_it_was_and_the_viewer_after_it(tmp_path, threads, capsys):
    project = make_project(tmp_path)
    assert run("train", project, "--steps", "12") == 0
    assert "step 0 to 12" in capsys.readouterr().out
    assert run("train", tmp_path / "field.tif", "--steps", "3") == 0
    assert "step 12 to 15" in capsys.readouterr().out
    made = made_by(project / "images" / "1")
    weights = project / "weights" / "best_model.pth"
    assert (made.step, made.checkpoint) == (15, file_digest(weights))
    assert load_checkpoint(weights).step == 15
    assert not (project / "lock.json").exists()
    opened = open_image(project)
    try:
        assert opened.has_prediction
        assert (opened.prediction != 255).all()
        sent = []
        session = LiveSession(sent.append)
        session.handle(open_message(opened, from_plain(WorkConfig, opened.project.config)))
        assert [m.step for m in sent if isinstance(m, protocol.Opened)] == [15]
        session.handle(protocol.Train())
        session.work()
        session.handle(protocol.Shutdown())
        assert not [m.text for m in sent if isinstance(m, protocol.Problem)]
    finally:
        opened.close()


def test_a_project_that_is_open_elsewhere_is_not_trained(tmp_path, capsys):
    folder = make_project(tmp_path)
    with Project.open(folder):
        before = contents(folder)
        assert run("train", folder, "--steps", "1") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {folder}: open in another viewer")
        assert contents(folder) == before


def test_a_project_without_labels_of_two_classes_is_not_trained(tmp_path, threads, capsys):
    assert run("train", make_project(tmp_path, classes=(1,)), "--steps", "1") == 2
    assert "only wood has labels" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--steps", "0"), ("--minutes", "0"), ("--minutes", "nan")])
def test_numbers_that_say_nothing_are_refused(tmp_path, capsys, wrong):
    assert run("train", tmp_path, *wrong) == 2
    assert wrong[0] in capsys.readouterr().err


def test_what_is_no_project_is_refused_and_nothing_made(truth, tmp_path, capsys):
    for path in (truth, tmp_path / "nowhere"):
        assert run("train", path) == 2
    said = capsys.readouterr().err
    assert "is not a project" in said
    assert "there is no such" in said
    assert list(tmp_path.iterdir()) == [truth]


def stop_at_step(monkeypatch, number):
    real = LiveLearner.step

    def step(self, cancelled):
        made = real(self, cancelled)
        if self.step_count == number:
            signal.raise_signal(signal.SIGINT)
        return made

    monkeypatch.setattr(LiveLearner, "step", step)


def test_ctrl_c_saves_what_is_learnt(tmp_path, threads, monkeypatch, capsys):
    project = make_project(tmp_path)
    stop_at_step(monkeypatch, 4)
    assert run("train", project) == 130
    assert "step 0 to 4" in capsys.readouterr().err
    assert load_checkpoint(project / "weights" / "best_model.pth").step == 4
    assert made_by(project / "images" / "1") is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_cannot_be_saved_ends_with_the_reason(tmp_path, threads, monkeypatch, capsys):
    project = make_project(tmp_path)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saving, "save_work", full)
    assert run("train", project, "--steps", "2") == 2
    assert "the disk is full" in capsys.readouterr().err.splitlines()[-1]


def test_ctrl_c_does_not_claim_to_have_saved_what_it_could_not(tmp_path, threads, monkeypatch, capsys):
    project = make_project(tmp_path)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saving, "save_work", full)
    stop_at_step(monkeypatch, 4)
    assert run("train", project) == 2
    assert "the disk is full" in capsys.readouterr().err.splitlines()[-1]


def test_training_ends_when_its_time_is_up(tmp_path, threads):
    ticks = itertools.count()
    result = train(Train(make_project(tmp_path), minutes=0.05), clock=lambda: next(ticks))
    assert 1 <= result.after <= 4


def report(step, done=0, total=0):
    return protocol.Progress(step, 0.5, 8.0, (), 0, done, total)


def test_progress_is_told_in_lines_where_there_is_no_terminal(capsys):
    now = [0.0]
    progress = TrainProgress(100, 7, terminal=False, clock=lambda: now[0])
    for step in (8, 9):
        progress.show(report(step), predicting=False)
    now[0] = 60.0
    progress.show(report(57), predicting=False)
    progress.show(report(107, 1, 4), predicting=True)
    assert capsys.readouterr().err.splitlines() == [
        "training: 1 of 100, loss 0.500, 8.0 steps/s",
        "training: 50 of 100, loss 0.500, 8.0 steps/s",
        "predicting: 1 of 4, loss 0.500",
    ]


def test_progress_is_a_bar_on_a_terminal(capsys):
    progress = TrainProgress(100, 0, terminal=True)
    progress.show(report(50), predicting=False)
    progress.show(report(100, 4, 4), predicting=True)
    progress.close()
    said = capsys.readouterr().err
    assert "training:" in said
    assert "4/4" in said
