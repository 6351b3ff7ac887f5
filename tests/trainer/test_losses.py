from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from annotations.errors import LabelError
from trainer.losses import check_target, mean_over_labelled, partial_cross_entropy


def make(seed: int, labelled: float, classes: int = 5, batch: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, classes, 9, 7, generator=generator)
    target = torch.randint(0, classes, (batch, 9, 7), generator=generator).to(torch.int8)
    target[torch.rand(target.shape, generator=generator) >= labelled] = -1
    return logits, target


def gradient(loss: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss, logits, retain_graph=True)[0]


@given(seed=st.integers(0, 10_000), labelled=st.floats(0.05, 1))
def test_without_weights_it_is_torchs_mean(seed: int, labelled: float) -> None:
    logits, target = make(seed, labelled)
    target[0, 0, 0] = 1
    logits.requires_grad_()
    ours = mean_over_labelled(*partial_cross_entropy(logits, target))
    torchs = functional.cross_entropy(logits, target.long(), ignore_index=-1)
    torch.testing.assert_close(ours, torchs)
    torch.testing.assert_close(gradient(ours, logits), gradient(torchs, logits))


@given(seed=st.integers(0, 10_000))
def test_with_weights_it_divides_by_the_number_of_labelled_pixels(seed: int) -> None:
    logits, target = make(seed, 0.3)
    logits.requires_grad_()
    weight = torch.tensor([0.66, 1.27, 1.12, 1.03, 1.91])
    total, count = partial_cross_entropy(logits, target, weight)
    known = target >= 0
    labels = target[known].long()
    by_hand = -(weight[labels] * logits.log_softmax(1).movedim(1, -1)[known].gather(1, labels[:, None])[:, 0])
    assert int(count) == int(known.sum())
    torch.testing.assert_close(mean_over_labelled(total, count), by_hand.sum() / known.sum().clamp(min=1))
    torch.testing.assert_close(gradient(total, logits), gradient(by_hand.sum(), logits))
    if int(count):
        weighted_mean = functional.cross_entropy(logits, target.long(), weight, ignore_index=-1)
        torch.testing.assert_close(total / weight[labels].sum(), weighted_mean)


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0])])
def test_no_labels_give_zero_and_zero_gradients(weight: torch.Tensor | None) -> None:
    logits, target = make(0, 0.5)
    target.fill_(-1)
    logits.requires_grad_()
    loss = mean_over_labelled(*partial_cross_entropy(logits, target, weight))
    assert float(loss.detach()) == 0
    assert torch.equal(gradient(loss, logits), torch.zeros_like(logits))


def test_unlabelled_pixels_have_no_say() -> None:
    logits, target = make(1, 0.3)
    noisy = torch.where((target >= 0)[:, None], logits, 100 * torch.randn_like(logits)).requires_grad_()
    loss = mean_over_labelled(*partial_cross_entropy(noisy, target))
    assert torch.equal(loss, mean_over_labelled(*partial_cross_entropy(logits, target)))
    assert not gradient(loss, noisy).movedim(1, -1)[target < 0].any()


@given(seed=st.integers(0, 10_000), cut=st.integers(1, 5))
def test_unequal_micro_batches_add_up_to_the_batch(seed: int, cut: int) -> None:
    logits, target = make(seed, 0.2, batch=6)
    target[:cut][torch.rand(target[:cut].shape) < 0.8] = -1  # lopsided: the first part has far fewer labels
    logits.requires_grad_()
    whole = mean_over_labelled(*partial_cross_entropy(logits, target))
    count = (target >= 0).sum()
    parts = [
        mean_over_labelled(partial_cross_entropy(logits[part], target[part])[0], count)
        for part in (slice(0, cut), slice(cut, 6))
    ]
    torch.testing.assert_close(parts[0] + parts[1], whole)
    torch.testing.assert_close(gradient(parts[0] + parts[1], logits), gradient(whole, logits))


def test_it_computes_in_float32() -> None:
    logits, target = make(2, 0.5)
    total, _ = partial_cross_entropy(logits.bfloat16(), target)
    assert total.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        again, _ = partial_cross_entropy(logits.bfloat16(), target)
    assert torch.equal(total, again)


def test_a_label_outside_the_classes_is_named() -> None:
    target = torch.full((2, 4, 4), -1, dtype=torch.int8)
    check_target(target, 5)
    target[1, 2, 3] = 7
    with pytest.raises(LabelError, match=r"mask.tif: value 7 at \(1, 2, 3\) is not one of the 5 classes"):
        check_target(target, 5, "mask.tif")
    target[1, 2, 3] = -2
    with pytest.raises(LabelError, match="value -2"):
        check_target(target, 5)
