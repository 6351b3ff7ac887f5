"""The runner-up and the margin are those of the two largest probabilities."""

from __future__ import annotations

import numpy as np
import torch

from trainer.predict.hesitation import Hesitation

WHOLE = (slice(None), slice(None))


def test_it_is_that_of_the_two_largest():
    probabilities = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(5), (6, 7)).astype(np.float32))
    probabilities = probabilities.permute(2, 0, 1).contiguous()
    expected, order = probabilities.sort(dim=0, descending=True)
    best, classes = probabilities.max(dim=0)
    found = Hesitation((6, 7))
    found.take(WHOLE, probabilities, best, classes)
    assert (found.runner_up == order[1].numpy()).all()
    assert np.abs(found.margin - 255 * (1 - (expected[0] - expected[1]).numpy())).max() <= 0.51


def test_one_class_has_no_runner_up():
    found = Hesitation((2, 3))
    found.take(WHOLE, torch.ones(1, 2, 3), torch.ones(2, 3), torch.zeros(2, 3, dtype=torch.int64))
    assert (found.runner_up == 255).all()
    assert (found.margin == 0).all()
