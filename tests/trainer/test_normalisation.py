"""Images are normalised band by band."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from trainer.config import ConfigError
from trainer.normalisation import IMAGENET, Normalisation


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
