"""How the weights of the live learner move: what is trained, how fast, and how firmly it is held to the start."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.config import LiveConfig, ModelConfig
from trainer.live.optim_state import number_between, optimizer_fits
from trainer.live.optimizer import LiveOptimizer, is_last
from trainer.models import build_model

LIVE = LiveConfig()


def a_model():
    torch.manual_seed(0)
    return build_model(ModelConfig(width=4, levels=3), in_channels=3, classes=3)


def trained(model):
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


def pushed(model, size=1.0):
    for weight in model.parameters():
        if weight.requires_grad:
            weight.grad = torch.full_like(weight, size)


def rates(optimizer):
    return [group["lr"] for one in optimizer.optimizers for group in one.param_groups]


def test_from_weights_normalisation_and_last_layer_are_trained_and_from_nothing_everything():
    model = a_model()
    LiveOptimizer(model, LIVE, started=True, knows_classes=True)
    names = trained(model)
    assert all(is_last(name) or model.get_parameter(name).ndim == 1 for name in names)
    assert any(is_last(name) for name in names)
    other = a_model()
    LiveOptimizer(other, LIVE, started=False, knows_classes=False)
    assert trained(other) == {name for name, _ in other.named_parameters()}


def test_a_last_layer_without_the_classes_learns_faster():
    def of_head(*, knows_classes):
        model = a_model()
        optimizer = LiveOptimizer(model, LIVE, started=True, knows_classes=knows_classes)
        head = {id(weight) for name, weight in model.named_parameters() if is_last(name)}
        groups = [g for one in optimizer.optimizers for g in one.param_groups]
        return {g["peak"] for g in groups if head & {id(weight) for weight in g["params"]}}

    assert of_head(knows_classes=True) == {LIVE.lr}
    assert of_head(knows_classes=False) == {4 * LIVE.lr}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 5000)), max_size=6), st.integers(0, 400))
def test_the_rate_settles_and_new_labels_revive_it(arrivals, steps):
    optimizer = LiveOptimizer(a_model(), LIVE, started=False, knows_classes=False)
    for changed in arrivals:
        before = optimizer.heat
        optimizer.labels_arrived(changed, 5000, training=True)
        assert before <= optimizer.heat <= 1
        assert optimizer.heat >= 0.3 or changed == 0
        if changed is None:
            assert optimizer.heat == 1
        for step in range(steps // 6):
            optimizer.prepare(step)
    assert 0.1 <= optimizer.heat <= 1
    assert optimizer.corrected == sum(changed or 0 for changed in arrivals)


def test_from_weights_the_rate_rises_at_the_beginning_and_halves_in_200_steps():
    optimizer = LiveOptimizer(a_model(), LIVE, started=True, knows_classes=True)
    optimizer.prepare(0)
    first = rates(optimizer)
    optimizer.heat = 1.0
    optimizer.prepare(29)
    assert rates(optimizer) == pytest.approx([30 * rate for rate in first])
    optimizer.heat = 1.0
    for _ in range(200):
        optimizer.prepare(1000)
    assert optimizer.heat == pytest.approx(0.5)


def test_weights_are_drawn_back_to_the_start_the_less_the_more_is_known():
    def far(labelled):
        model = a_model()
        start = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        optimizer = LiveOptimizer(model, LiveConfig(anchor=0.05), started=True, knows_classes=True)
        for _ in range(20):
            optimizer.prepare(100)
            pushed(model)
            optimizer.step(labelled)
        moved = [
            (weight.detach() - start[name]).abs().mean()
            for name, weight in model.named_parameters()
            if weight.requires_grad
        ]
        return float(torch.stack(moved).mean())

    assert 0 < far(0) < far(30_000) < far(300_000)


def test_convolutions_are_trained_once_enough_is_known():
    model = a_model()
    optimizer = LiveOptimizer(model, LIVE, started=True, knows_classes=True)
    before = trained(model)
    optimizer.labels_arrived(100, 100, training=True)
    assert trained(model) == before
    optimizer.labels_arrived(8000, 8100, training=True)  # 2,000 corrected pixels count as one
    assert trained(model) > before


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_gradients_that_are_not_finite_are_told(value):
    model = a_model()
    optimizer = LiveOptimizer(model, LIVE, started=False, knows_classes=False)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    assert optimizer.unscale(scaler)  # none at all
    pushed(model, 1e30)  # their squares overflow, and they are finite
    assert optimizer.unscale(scaler)
    next(model.parameters()).grad.view(-1)[0] = value
    assert not optimizer.unscale(scaler)


def test_going_on_from_a_state_is_as_if_it_had_not_stopped():
    model, other = a_model(), a_model()
    one = LiveOptimizer(model, LIVE, started=False, knows_classes=False)
    two = LiveOptimizer(other, LIVE, started=False, knows_classes=False)

    def steps(optimizer, network, count):
        for step in range(count):
            optimizer.prepare(step)
            pushed(network, 0.1 + step)
            optimizer.step(100)

    steps(one, model, 3)
    one.labels_arrived(50, 100, training=True)
    other.load_state_dict(model.state_dict())
    state = one.state()
    assert two.fits(state)
    two.resume(state, 100)
    steps(one, model, 3)
    steps(two, other, 3)
    assert (two.heat, two.corrected) == (one.heat, one.corrected)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    two.forget()
    assert not any(optimizer.state for optimizer in two.optimizers)


@pytest.mark.parametrize(
    "change",
    [
        {"optimizers": []},
        {"optimizers": None},
        {"heat": 1.5},
        {"heat": float("nan")},
        {"corrected": -1},
        {"corrected": 0.5},
        {"corrected": True},
    ],
)
def test_a_state_of_something_else_does_not_fit(change):
    optimizer = LiveOptimizer(a_model(), LIVE, started=False, knows_classes=False)
    assert optimizer.fits(optimizer.state())
    assert not optimizer.fits({**optimizer.state(), **change})


def test_moments_are_checked_one_by_one():
    weight = torch.nn.Parameter(torch.zeros(2, 3))
    adam = torch.optim.AdamW([weight])
    weight.grad = torch.ones_like(weight)
    adam.step()
    good = adam.state_dict()
    assert optimizer_fits(good, adam)
    moments = good["state"][0]
    for name, value in (
        ("exp_avg", torch.zeros(3, 2)),
        ("exp_avg", torch.full((2, 3), torch.nan)),
        ("exp_avg_sq", torch.full((2, 3), -1.0)),
        ("exp_avg_sq", torch.zeros(2, 3, dtype=torch.float64)),
        ("step", torch.tensor(-1.0)),
        ("other", torch.zeros(2, 3)),
    ):
        assert not optimizer_fits({**good, "state": {0: {**moments, name: value}}}, adam), name
    assert not optimizer_fits({**good, "state": {1: moments}}, adam)
    assert not optimizer_fits({**good, "param_groups": []}, adam)
    assert not optimizer_fits([], adam)


@given(st.one_of(st.none(), st.text(), st.booleans(), st.floats(), st.integers()), st.booleans())
def test_numbers_are_told_from_what_looks_like_them(value, whole):
    ordinary = type(value) is int or (type(value) is float and not whole and value == value)
    assert number_between(value, -10, 10, whole=whole) == (ordinary and -10 <= value <= 10)
