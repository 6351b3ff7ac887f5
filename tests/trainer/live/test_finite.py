"""Steps whose numbers are not finite, and the scaler of the loss: what the weights do, and what people are told."""

from __future__ import annotations

import pytest
import torch
from live_helpers import make_work

from trainer.precision import Precision
from trainer.worker import open_work
from trainer.worker.session import LiveSession


@pytest.fixture
def learner(tmp_path, monkeypatch):
    """Return a function that makes a learner with three strokes, in float32, with or without a scaler."""

    def make(name="plain", *, scaler=False):
        precision = Precision(torch.device("cpu"), torch.float32, False, scaler, "for a test")
        monkeypatch.setattr(open_work, "choose_precision", lambda *_, **__: precision)
        (tmp_path / name).mkdir()
        work = make_work(tmp_path / name)
        for label, left in enumerate((20, 120, 220)):
            work.draw((20, 60), (left, left + 40), label)
        session = LiveSession(lambda message: None)
        session.handle(work.message)
        return session.learner

    return make


def go(learner):
    return learner.step(lambda: False)


def weights(network):
    return torch.cat([value.detach().flatten().clone() for value in network.parameters()])


def poison(learner, monkeypatch, times):
    """Make the loss of the next steps infinite, as an overflow in half precision does."""
    honest, left = learner._backward, [times]

    def backward(*arguments):
        loss = honest(*arguments)
        if left[0]:
            left[0] -= 1
            next(p for p in learner.model.parameters() if p.grad is not None).grad.view(-1)[0] = float("inf")
        return loss

    monkeypatch.setattr(learner, "_backward", backward)


def test_a_scaler_changes_no_weight(learner):
    plain, scaled = learner("plain"), learner("scaled", scaler=True)
    for _ in range(5):
        assert go(plain)
        assert go(scaled)
    assert scaled._training.scaler.get_scale() == 65536
    # A power of two: gradients come back as they were, but for those too small for float32.
    torch.testing.assert_close(weights(scaled.model), weights(plain.model), rtol=1e-5, atol=1e-7)
    assert not torch.equal(weights(plain.model), weights(learner("untrained").model))


def test_a_step_that_overflows_is_skipped_and_the_scale_halved(learner, monkeypatch):
    scaled = learner(scaler=True)
    go(scaled)
    before, count = weights(scaled.model), scaled.step_count
    poison(scaled, monkeypatch, 1)
    assert not go(scaled)
    assert torch.equal(weights(scaled.model), before)
    assert scaled.step_count == count
    assert scaled._training.scaler.get_scale() == 32768
    assert scaled.take_notes() == []  # it looks for its size: nothing that people need to know
    assert go(scaled)
    assert torch.isfinite(weights(scaled.model)).all()
    assert not torch.equal(weights(scaled.model), before)


def test_without_a_scaler_a_skipped_step_is_said_once(learner, monkeypatch):
    plain = learner()
    go(plain)
    before = weights(plain.model)
    poison(plain, monkeypatch, 2)
    assert not go(plain)
    assert not go(plain)
    assert torch.equal(weights(plain.model), before)
    (note,) = plain.take_notes()
    assert "skipped" in note
    assert go(plain)
    assert plain.take_notes() == []


def test_a_network_that_ran_away_goes_back_to_its_last_sound_state(learner):
    plain = learner()
    for _ in range(3):
        go(plain)
    plain.checkpoint()  # what is shown and saved is looked at, and remembered where it is sound
    sound = weights(plain.average)
    with torch.no_grad():
        for network in (plain.model, plain.average):
            next(network.parameters()).view(-1)[0] = float("nan")
    assert not go(plain)
    assert torch.equal(weights(plain.average), sound)
    assert torch.equal(weights(plain.model), sound)
    skipped, returned = plain.take_notes()
    assert "skipped" in skipped
    assert "went back to the last state that was sound" in returned
    assert go(plain)
    assert torch.isfinite(weights(plain.model)).all()
