"""With what numbers and how many threads a machine computes."""

from __future__ import annotations

import pytest
import torch

from trainer.config import ConfigError, DeviceConfig
from trainer.precision import choose_precision, set_threads


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
