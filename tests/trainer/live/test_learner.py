"""The live learner by itself, without a worker around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from live_helpers import CONFIG, SCHEME, SHAPE

from annotations.classes import ClassScheme, LandClass
from annotations.region import Region
from trainer.config import AugmentConfig, DeviceConfig, LiveConfig
from trainer.live.label_index import LabelIndex
from trainer.live.learner import LiveLearner
from trainer.live.pixels import BlockCache
from trainer.normalisation import Normalisation
from trainer.precision import choose_precision

PLAIN = replace(CONFIG, augment=AugmentConfig(), live=LiveConfig(method="network", crop=32, batch_size=4, ema=0.8))


class Image:
    """Three stripes of three colours, and noise."""

    shape, bands = SHAPE, 3

    def __init__(self):
        rng = np.random.default_rng(0)
        self._pixels = rng.integers(0, 60, (*SHAPE, 3)).astype(np.uint8)
        for band in range(3):
            self._pixels[:, 100 * band : 100 * band + 100, band] += 150

    def read(self, region):
        return self._pixels[region.slices]

    def read_valid(self, region):
        return np.ones(region.shape, bool)


def strokes(scheme=SCHEME):
    labels = LabelIndex(SHAPE, len(scheme))
    for label in range(3):
        labels.update(Region(80, 100 * label + 40, 20, 20), np.full((20, 20), label, np.int8))
    return labels


def a_learner(config=PLAIN, labels=None, start=None):
    precision = choose_precision(DeviceConfig(device="cpu", precision="float32", threads=1))
    normalisation = Normalisation((80.0, 80.0, 80.0), (75.0, 75.0, 75.0))
    return LiveLearner(BlockCache(Image()), labels or strokes(), SCHEME, config, normalisation, precision, start)


def trained(learner, steps):
    learner.labels_arrived()
    while learner.step_count < steps:
        assert learner.step(lambda: False)
    return learner


def weights(model):
    return torch.cat([tensor.flatten().float() for tensor in model.state_dict().values()])


def test_it_is_ready_with_two_classes_and_the_loss_falls():
    one = LabelIndex(SHAPE, 3)
    one.update(Region(0, 0, 9, 9), np.zeros((9, 9), np.int8))
    assert not a_learner(labels=one).ready
    learner = a_learner()
    assert learner.ready
    assert learner.take_loss() is None
    first = trained(learner, 3).take_loss()
    trained(learner, 15).take_loss()
    assert trained(learner, 18).take_loss() < 0.9 * first
    assert learner.take_loss() is None  # each step is told of once
    assert learner.steps_since_labels == 3


def test_two_learners_of_one_seed_go_the_same_way():
    first, second = (trained(a_learner(), 4) for _ in range(2))
    assert torch.equal(weights(first.model), weights(second.model))
    other = trained(a_learner(replace(PLAIN, live=replace(PLAIN.live, seed=1))), 4)
    assert not torch.equal(weights(first.model), weights(other.model))


def test_smaller_micro_batches_move_the_weights_alike():
    start = trained(a_learner(), 3).checkpoint()
    whole, halved = a_learner(start=start), a_learner(start=start)
    assert halved.halve_micro_batch() == 2
    assert halved.halve_micro_batch() == 1
    assert halved.halve_micro_batch() == 0
    assert torch.allclose(weights(trained(whole, 2).model), weights(trained(halved, 2).model), atol=1e-5)


def test_a_step_that_is_cancelled_leaves_the_weights_as_they_were():
    learner = a_learner()
    before = {name: weight.detach().clone() for name, weight in learner.model.named_parameters()}
    assert not learner.step(lambda: True)
    assert learner.step_count == 0
    assert all(torch.equal(before[name], weight) for name, weight in learner.model.named_parameters())


def test_what_predicts_is_of_its_moment_and_the_same_until_the_next_step():
    learner = trained(a_learner(), 2)
    kept = learner.checkpoint().state_dict
    again = learner.checkpoint().state_dict
    assert all(torch.equal(again[name], tensor) for name, tensor in kept.items())
    trained(learner, 3)
    later = learner.checkpoint().state_dict
    assert not all(torch.equal(later[name], tensor) for name, tensor in kept.items())
    assert all(torch.equal(again[name], tensor) for name, tensor in kept.items())  # a copy


def test_going_on_from_the_disk_is_as_if_it_had_not_stopped():
    learner = trained(a_learner(), 4)
    again = a_learner()
    assert again.resume(learner.checkpoint(), learner.state()) == []
    assert again.resumed_whole
    assert (again.step_count, again.steps_since_labels) == (4, 4)
    assert torch.equal(weights(again.model), weights(learner.model))
    assert torch.equal(weights(again.average), weights(learner.average))
    without = a_learner()
    assert without.resume(learner.checkpoint(), None) == []
    assert not without.resumed_whole
    assert without.step_count == 4


@pytest.mark.parametrize("change", [{"step": -1}, {"step": "4"}, {"model": {}}, {"average": None}, {"heat": 7}])
def test_a_state_that_does_not_fit_is_left_and_training_goes_on_from_the_average(change):
    learner = trained(a_learner(), 2)
    again = a_learner()
    again.resume(learner.checkpoint(), {**learner.state(), **change})
    assert not again.resumed_whole
    assert torch.equal(weights(again.model), weights(again.average))


def test_classes_that_stay_keep_what_was_learnt():
    learner = trained(a_learner(), 2)
    head = learner.model.state_dict()["head.weight"].clone()
    more = ClassScheme((*SCHEME.classes, LandClass("road", "#777777")))
    learner.set_scheme(more, strokes(more))
    now = learner.model.state_dict()["head.weight"]
    assert torch.equal(now[:3], head)
    assert len(now) == 4
    assert learner.step_count == 2
