"""Normalisation, precision and metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index

from trainer.config import ConfigError, DeviceConfig
from trainer.metrics import ConfusionMatrix, confusion, scores
from trainer.normalisation import IMAGENET, Normalisation
from trainer.precision import choose_precision, set_threads


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_normalised_bands_have_mean_0_and_deviation_1(dtype: type) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (2, 4, 16, 16)).astype(dtype)
    values = pixels.astype(np.float64)
    normalisation = Normalisation(tuple(values.mean((0, 2, 3))), tuple(values.std((0, 2, 3))))
    result = normalisation.apply(torch.from_numpy(pixels))
    assert result.dtype == torch.float32
    np.testing.assert_allclose(result.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(result.std((0, 2, 3), correction=0), 1, atol=1e-5)
    assert Normalisation.from_json(normalisation.to_json()) == normalisation


def test_no_data_becomes_the_mean() -> None:
    pixels = torch.full((1, 3, 2, 2), 100.0)
    pixels[0, 0, 0, 0] = math.nan
    result = IMAGENET.apply(pixels)
    assert torch.isfinite(result).all()
    assert result[0, 0, 0, 0] == 0


def test_normalisation_that_cannot_be_used_is_refused() -> None:
    for mean, std in (((1.0,), (1.0, 2.0)), ((), ()), ((1.0,), (0.0,)), ((math.nan,), (1.0,))):
        with pytest.raises(ConfigError, match="normalisation needs"):
            Normalisation(mean, std)
    with pytest.raises(ValueError, match="4 bands do not fit a normalisation of 3"):
        IMAGENET.apply(torch.zeros(1, 4, 2, 2))


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(
    ("amx", "avx512", "expected"),
    [(True, True, "AMX"), (False, True, "AVX512_BF16"), (False, False, "without bfloat16")],
)
def test_the_cpu_s_abilities_decide(monkeypatch: pytest.MonkeyPatch, amx: bool, avx512: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    precision = choose_precision(DeviceConfig(threads=1))
    assert expected in precision.reason
    assert precision.dtype == (torch.bfloat16 if amx or avx512 else torch.float32)
    assert not precision.scaler
    with precision.autocast():
        product = torch.rand(2, 2) @ torch.rand(2, 2)
    assert product.dtype == precision.dtype


@pytest.mark.usefixtures("threads")
def test_where_in_doubt_a_step_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    state = torch.get_rng_state()
    precision = choose_precision(DeviceConfig())
    assert "ms in float32" in precision.reason
    assert precision.dtype in (torch.float32, torch.bfloat16)
    assert torch.equal(state, torch.get_rng_state())  # the trial must not change what is trained afterwards


@pytest.mark.usefixtures("threads")
def test_what_was_asked_for_is_done_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_precision(DeviceConfig(precision="float32")).dtype == torch.float32
    with pytest.raises(ConfigError, match="finds no CUDA device"):
        choose_precision(DeviceConfig(device="cuda"))
    with pytest.raises(ConfigError, match="float16 is slow on the CPU"):
        choose_precision(DeviceConfig(precision="float16"))
    with pytest.raises(ConfigError, match="threads must be 0"):
        set_threads(-1)
    choose_precision(DeviceConfig(), threads_default=1)
    assert torch.get_num_threads() == 1
    assert set_threads(2) == 2


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 6), present=st.integers(1, 6))
def test_scores_agree_with_torchmetrics(seed: int, classes: int, present: int) -> None:
    rng = np.random.default_rng(seed)
    truth = torch.from_numpy(rng.integers(-1, min(present, classes), (3, 8, 8))).to(torch.int8)
    truth[0, 0, 0] = 0
    guess = torch.from_numpy(rng.integers(0, min(present, classes), (3, 8, 8))).to(torch.uint8)
    matrix = ConfusionMatrix(classes)
    for one_guess, one_truth in zip(guess, truth, strict=True):
        matrix.update(one_guess, one_truth)
    ours = matrix.scores()
    theirs = multiclass_jaccard_index(guess.long(), truth.long(), classes, average="none", ignore_index=-1)
    known = [not math.isnan(v) for v in ours.iou]
    np.testing.assert_allclose(np.array(ours.iou)[known], theirs.numpy()[known], rtol=1e-5)
    assert ours.miou == pytest.approx(np.nanmean(ours.iou))
    accuracy = multiclass_accuracy(guess.long(), truth.long(), classes, average="micro", ignore_index=-1)
    assert ours.accuracy == pytest.approx(float(accuracy))
    assert int(matrix.matrix.sum()) == int((truth >= 0).sum())


def test_a_class_in_neither_truth_nor_prediction_has_no_iou() -> None:
    result = scores(torch.tensor([[3, 1, 0], [0, 2, 0], [0, 0, 0]]))
    assert result.iou[:2] == (0.75, pytest.approx(2 / 3))
    assert math.isnan(result.iou[2])
    assert result.miou == pytest.approx((0.75 + 2 / 3) / 2)
    assert result.to_json()["iou"][2] is None
    empty = scores(torch.zeros(3, 3, dtype=torch.int64))
    assert math.isnan(empty.miou)
    assert math.isnan(empty.accuracy)


def test_pixels_without_prediction_or_label_are_not_counted() -> None:
    guess = torch.tensor([0, 255, 1, 1], dtype=torch.uint8)
    truth = torch.tensor([0, 0, -1, 0], dtype=torch.int8)
    assert confusion(guess, truth, 2).tolist() == [[1, 1], [0, 0]]
