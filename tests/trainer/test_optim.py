from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trainer.config import ModelConfig, OptimConfig
from trainer.models import build_model
from trainer.optim import Average, Muon, learning_rate, make_optimizers, orthogonalised, set_rates


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 1000))
def test_singular_values_come_near_to_one_and_vectors_stay(rows: int, columns: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(rows, columns, generator=generator)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    result = orthogonalised(matrix)
    assert result.dtype == matrix.dtype
    large = values > 0.05 * values.max()  # five rounds do not lift the smallest all the way
    turned = left.T @ result @ right.T
    found = turned.diagonal()
    assert ((found[large] > 0.5) & (found[large] < 1.35)).all()
    off = turned - torch.diag(found)
    assert off.abs().max() < 0.02


@pytest.mark.parametrize("shape", [(8, 24), (24, 8)])
def test_muon_steps_as_torch_s_own_does(shape: tuple[int, int]) -> None:
    theirs_kind = getattr(torch.optim, "Muon", None)
    if theirs_kind is None:
        pytest.skip("this torch has no Muon")
    torch.manual_seed(0)
    ours, theirs = nn.Parameter(torch.randn(shape)), nn.Parameter(torch.empty(shape))
    theirs.data.copy_(ours.data)
    mine = Muon([ours], lr=0.02, weight_decay=0.1)
    other = theirs_kind([theirs], lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="original")
    for _ in range(5):
        gradient = torch.randn(shape)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        other.step()
    # Theirs computes in bfloat16 throughout.
    torch.testing.assert_close(ours, theirs, rtol=0, atol=5e-3)


def test_a_convolution_counts_as_a_matrix_whatever_its_layout() -> None:
    torch.manual_seed(0)
    plain = nn.Parameter(torch.randn(6, 4, 3, 3))
    last = nn.Parameter(plain.detach().clone().to(memory_format=torch.channels_last))
    plain.grad = torch.randn(6, 4, 3, 3)
    last.grad = plain.grad.clone().to(memory_format=torch.channels_last)
    for weight in (plain, last):
        Muon([weight], lr=0.1).step()
    torch.testing.assert_close(plain, last)
    with pytest.raises(ValueError, match="no closure"):
        Muon([plain], lr=0.1).step(lambda: 0.0)


@pytest.mark.parametrize("name", ["unet", "unetplusplus"])
def test_every_weight_has_one_optimizer_and_all_follow_the_schedule(name: str) -> None:
    model = build_model(ModelConfig(name=name, width=4, levels=3), 3, 2)
    config = OptimConfig(name="muon", lr=0.05, adam_lr=0.002)
    optimizers = make_optimizers(model, config)
    owned = [id(p) for o in optimizers for g in o.param_groups for p in g["params"]]
    assert sorted(owned) == sorted(id(p) for p in model.parameters())
    inner = optimizers[0].param_groups[0]["params"]
    assert all(p.ndim == 4 and p.shape[-1] == 3 and p.shape[1] > 3 for p in inner)
    for step in (0, 30, 99):
        set_rates(optimizers, config, step, 100)
        share = learning_rate(config, step, 100) / 0.05
        rates = [o.param_groups[0]["lr"] for o in optimizers]
        assert rates == pytest.approx([0.05 * share, 0.002 * share])


def test_the_average_follows_weights_and_statistics() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    average = Average(model, 0.9)
    states = []
    expected = copy.deepcopy(model.state_dict())
    for step in range(1, 30):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p))
        model(torch.randn(2, 3, 8, 8))
        states.append(copy.deepcopy(model.state_dict()))
        average.update(model, step)
        keep = min(0.9, step / (step + 9))
        for key, value in states[-1].items():
            expected[key] = keep * expected[key] + (1 - keep) * value if value.is_floating_point() else value
    found = average.model.state_dict()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value)
    assert not any(p.requires_grad for p in average.model.parameters())
