"""Images a second: `python -m benchmarks.throughput [--widths 16 64] [--sizes 256 512] [--json FILE]`.

Trains and predicts with each network, width and image size as `trainer` does, and beside it, in turns within the same
rounds: the same network in plain float32 with the channels first, MONAI's networks of the same width (where MONAI is
installed: `pip install --group bench`), and a large matrix product, whose rate is what the machine can do at best. So
the ratios hold on a busy machine too, where the times do not. With `--threads 1 --clock cpu` the times count only what
this process was given.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import torch
import tyro

from annotations.errors import PartialSegError
from benchmarks._contenders import (
    KINDS,
    TASKS,
    Contender,
    Kind,
    Task,
    has_monai,
    operations,
    prepare,
)
from benchmarks._throughput_table import nested_cost, rows, table
from benchmarks._timing import ClockName, MatrixProduct, best_matrix_product, interleaved, make_clock, peak_memory
from trainer.benchmark.environment import environment
from trainer.config import ConfigError, DeviceConfig, ModelName
from trainer.precision import choose_precision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trainer.precision import Precision

__all__ = ["Throughput", "main", "measure", "run"]


@dataclass(frozen=True)
class Throughput:
    """Measure training and prediction."""

    models: tuple[ModelName, ...] = ("unet", "unetplusplus")
    """The networks."""
    widths: tuple[int, ...] = (16, 64)
    """Channels at full resolution."""
    sizes: tuple[int, ...] = (256, 512)
    """Sides of the images, in pixels."""
    batch_size: int = 4
    """Images at a time."""
    tasks: tuple[Task, ...] = TASKS
    """Training steps, prediction, or both."""
    contenders: tuple[Kind, ...] = KINDS
    """Ours, the same in plain float32, MONAI's in our precision, layout, normalisation and activation, and MONAI's with
    its own normalisation and activation."""
    rounds: int = 5
    """How often each has its turn; the minimum and the median are reported."""
    repeats: int = 0
    """Steps in a turn; 0 for 1 on the CPU and 10 on CUDA."""
    device: Annotated[DeviceConfig, tyro.conf.arg(name="")] = field(default_factory=DeviceConfig)
    """What computes; the precision is that of ours."""
    clock: ClockName = "wall"
    """Time that passed, or (with one thread on the CPU) that this process was given."""
    memory: bool = True
    """Measure peak memory too, each contender in a process of its own."""
    json: Path | None = None
    """Write everything here, each round's seconds included."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.rounds, self.batch_size) < 1 or self.repeats < 0:
            raise ConfigError("rounds and batch-size must be 1 or more, repeats 0 or more")
        if self.clock == "cpu" and self.device.threads != 1:
            raise ConfigError("--clock cpu adds up the time of all threads: use it with --threads 1")


def measure(
    config: Throughput,
    task: Task,
    width: int,
    size: int,
    precision: Precision,
    products: Mapping[torch.dtype, MatrixProduct],
) -> dict[str, Any]:
    """Time everything of one task, width and size; return the figures, with those of the matrix products."""
    contenders = [
        Contender(model, kind, task, width, size, config.batch_size)
        for model in config.models
        for kind in config.contenders
        if has_monai() or not kind.startswith("monai")
    ]
    memory = {one: peak_memory(one, config.device, precision) for one in contenders} if config.memory else {}
    actions: dict[Any, Callable[[], object]] = {one: prepare(one, precision) for one in contenders}
    clock = make_clock(precision.device, config.clock)
    repeats = config.repeats or (10 if precision.device.type == "cuda" else 1)
    seconds = interleaved(actions | dict(products), config.rounds, clock, repeats=repeats)
    rates = {dtype: product.operations / min(seconds.pop(dtype)) for dtype, product in products.items()}
    found = rows(seconds, {one: operations(one) for one in contenders}, rates, precision, memory)
    gc.collect()  # optimiser and network refer to each other
    return {
        "task": task,
        "width": width,
        "size": size,
        "batch_size": config.batch_size,
        "matrix_product_gflop_per_second": {str(d).removeprefix("torch."): r / 1e9 for d, r in rates.items()},
        "unetplusplus_over_unet": nested_cost(found),
        "rows": found,
    }


def run(config: Throughput) -> dict[str, Any]:
    """Measure and print group by group; return everything as plain values."""
    precision = choose_precision(config.device)
    if config.clock == "cpu" and precision.device.type == "cuda":
        raise ConfigError("--clock cpu does not see what the graphics card does: use --clock wall")
    around = environment()
    around["versions"]["monai"] = metadata.version("monai") if has_monai() else None
    versions = ", ".join(f"{name} {version}" for name, version in around["versions"].items())
    print(f"{precision.label}; {precision.reason}; {torch.get_num_threads()} CPU threads; {config.clock} clock")
    print(f"{around['processor']}; {versions}")
    if not has_monai():
        print("MONAI is not installed, so its rows and column stay empty: pip install --group bench")
    clock = make_clock(precision.device, config.clock)
    types = dict.fromkeys((precision.dtype, torch.float32))
    products = {dtype: best_matrix_product(precision.device, dtype, clock) for dtype in types}
    for dtype, product in products.items():
        print(f"Matrix product in {str(dtype).removeprefix('torch.')}: {product.label}")
    groups = []
    for width in config.widths:
        for size in config.sizes:
            for task in config.tasks:
                group = measure(config, task, width, size, precision, products)
                print(table(group), flush=True)
                groups.append(group | {"rows": [asdict(row) for row in group["rows"]]})
    return {
        "environment": around,
        "precision": {"label": precision.label, "reason": precision.reason},
        "clock": config.clock,
        "matrix_products": {str(dtype).removeprefix("torch."): p.label for dtype, p in products.items()},
        "groups": groups,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    try:
        config = tyro.cli(Throughput, args=arguments, prog="python -m benchmarks.throughput", description=__doc__)
        figures = run(config)
    except PartialSegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if config.json is not None:
        partial = config.json.with_name(config.json.name + ".part")
        partial.write_text(json.dumps(figures, indent=1), "utf-8")
        partial.replace(config.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
