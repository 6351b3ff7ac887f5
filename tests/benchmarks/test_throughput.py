from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from benchmarks import _timing, throughput
from benchmarks._contenders import Contender, has_monai, operations, prepare
from benchmarks._throughput_table import nested_cost, rows, table
from benchmarks._timing import best_matrix_product, interleaved, make_clock, peak_memory
from trainer.config import DeviceConfig
from trainer.precision import Precision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CPU = torch.device("cpu")
HALF = Precision(CPU, torch.bfloat16, channels_last=True, scaler=False, reason="a test")


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def contender(model: str = "unet", kind: str = "ours", task: str = "predict") -> Contender:
    return Contender(model, kind, task, 4, 32, 2)


def test_turns_are_taken_one_after_the_other() -> None:
    calls: list[str] = []
    ticks = iter(range(100))
    seconds = interleaved(
        {name: lambda name=name: calls.append(name) for name in "abc"}, 2, lambda: next(ticks), repeats=2
    )
    assert "".join(calls) == "abc" + "aabbcc" * 2
    assert seconds == {name: [0.5, 0.5] for name in "abc"}


def unet_operations(size: int, width: int, bands: int, classes: int) -> int:
    """The multiplications and additions of a UNet's convolutions, from the sizes of its layers."""
    total, before = 0, bands
    for level in range(5):
        pixels, after = (size >> level) ** 2, width << level
        total += pixels * 9 * (before * after + after * after)
        if level < 4:  # the decoder: upsampling from twice the channels, a block of twice the channels
            total += pixels * 2 * after * after + pixels * 9 * (2 * after * after + after * after)
        before = after
    return 2 * (total + size * size * width * classes)


def test_operations_of_a_unet_are_those_of_its_layers() -> None:
    forward = unet_operations(32, 4, 3, 5)
    assert operations(contender()) == operations(contender(kind="float32")) == forward
    # Backward costs as much twice, but the image needs no gradient.
    assert operations(contender(task="train")) == 3 * forward - 2 * 32 * 32 * 9 * 3 * 4


def test_operations_of_the_nested_network_are_the_2_5_times_that_the_configuration_speaks_of() -> None:
    nested = operations(Contender("unetplusplus", "ours", "predict", 64, 256, 1))
    assert nested / operations(Contender("unet", "ours", "predict", 64, 256, 1)) == pytest.approx(2.5, abs=0.05)


def test_figures() -> None:
    seconds = {
        contender(): [2.0, 1.0, 4.0],
        contender(kind="float32"): [6.0, 4.0, 4.0],
        contender(kind="monai"): [3.0, 1.5, 2.0],
        contender("unetplusplus"): [5.0, 3.0, 9.0],
    }
    counted = {one: 10 * 10**9 if one.model == "unet" else 20 * 10**9 for one in seconds}
    rates = {torch.bfloat16: 80e9, torch.float32: 40e9}
    found = rows(seconds, counted, rates, HALF, {contender(): 7_000_000})
    ours, single, monai, nested = found
    assert (ours.images_per_second, ours.ms_per_image, ours.ms_per_image_median) == (2.0, 500.0, 1000.0)
    assert (ours.gflop_per_second, ours.matrix_product_share) == (20.0, 0.25)
    assert (ours.times_float32, ours.times_float32_median) == (4.0, 3.0)
    assert (ours.times_monai, ours.times_monai_median) == (1.5, 1.5)
    assert (ours.dtype, ours.channels_last, ours.memory_mb) == ("bfloat16", True, 7.0)
    assert (single.dtype, single.channels_last, single.memory_mb) == ("float32", False, None)
    assert (single.times_float32, single.matrix_product_share) == (1.0, 0.125)
    assert monai.times_monai == 1.0
    assert nested.times_float32 is None and nested.times_monai is None
    assert nested_cost(found) == {"time": 3.0, "time_median": 2.5, "operations": 2.0}
    assert nested_cost(found[:3]) is None


def test_the_best_product_is_one_of_those_tried() -> None:
    product = best_matrix_product(CPU, torch.float32, make_clock(CPU, "wall"), [(8, 16, 4)])
    assert product.operations == 2 * 8 * 16 * 4
    assert product.label.startswith("8 x 16 x 4")
    torch.testing.assert_close(product(), product.left @ product.right)


def test_it_runs_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(_timing, "SHAPES", ((16, 16, 16),))
    path = tmp_path / "figures.json"
    arguments = "--widths 4 --sizes 32 --batch-size 1 --rounds 1 --threads 1 --clock cpu --device cpu --no-memory"
    kinds = "--precision bfloat16 --contenders ours float32"
    assert throughput.main([*arguments.split(), *kinds.split(), "--json", str(path)]) == 0
    figures = json.loads(path.read_text("utf-8"))
    assert [(group["task"], len(group["rows"])) for group in figures["groups"]] == [("train", 4), ("predict", 4)]
    for group in figures["groups"]:
        assert set(group["matrix_product_gflop_per_second"]) == {"bfloat16", "float32"}
        assert group["unetplusplus_over_unet"]["operations"] > 2
        for row in group["rows"]:
            assert row["images_per_second"] * row["ms_per_image"] == pytest.approx(1000)
            assert row["gflop_per_second"] == pytest.approx(row["gflop_per_image"] * row["images_per_second"])
            assert len(row["seconds"]) == 1
    printed = capsys.readouterr().out
    assert "bfloat16 as asked for; 1 CPU threads" in printed
    assert "unetplusplus float32" in printed and "for 2.4" in printed


def test_the_table_has_a_line_for_each_contender() -> None:
    found = rows({contender(): [1.0]}, {contender(): 10**9}, {torch.bfloat16: 1e12}, HALF, {})
    rates = {"bfloat16": 1000.0}
    group = {"task": "predict", "width": 4, "size": 32, "batch_size": 2, "rows": found}
    text = table(group | {"matrix_product_gflop_per_second": rates, "unetplusplus_over_unet": None})
    assert text.splitlines()[-1].split() == ["unet", "ours", "2.00", "500.0", "500.0", "1.00", "2.0", "0%"]


@pytest.mark.parametrize(
    ("wrong", "says"), [(["--rounds", "0"], "rounds and batch-size"), (["--clock", "cpu"], "time of all threads")]
)
def test_what_cannot_be_measured_is_refused(wrong: list[str], says: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        throughput.main(wrong)
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


def test_memory_is_at_least_that_of_the_weights_and_what_training_keeps_with_them() -> None:
    one = Contender("unet", "ours", "train", 16, 64, 1)
    weights = 1.9e6  # parameters; 31 million at width 64, and a sixteenth at a quarter of the width
    taken = peak_memory(one, DeviceConfig(device="cpu", threads=1), HALF)
    assert 16 * weights < taken < 500e6  # each with its gradient and two moments, of 4 bytes


@pytest.mark.skipif(not has_monai(), reason="MONAI is not installed: pip install --group bench")
@pytest.mark.parametrize("model", ["unet", "unetplusplus"])
def test_monai_networks_work(model: str) -> None:
    for kind in ("monai", "monai-default"):
        for task in ("train", "predict"):
            one = contender(model, kind, task)
            prepare(one, HALF)()
            assert 0.9 < operations(one) / operations(contender(model, "ours", task)) < 1.5
