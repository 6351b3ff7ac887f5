"""The grid: UNet and UNet++ on 10 and 15 % of the pixels, trained and scored one cell after the other.

    python -m trainer.benchmark                                     the generated sample, on any machine
    python -m trainer.benchmark --data DIR                          data in the layout of LandCover.ai
    python -m trainer.benchmark --data DIR --preset paper           the published report's settings
    torchrun --nproc_per_node 4 -m trainer.benchmark --data DIR     several GPUs

Each cell leaves best_model.pth, history.jsonl, history.csv and config.json in its folder, the grid report.md and
report.json.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
import tyro
from tqdm import tqdm

from annotations.classes import LANDCOVER_AI
from annotations.errors import PartialSegError
from annotations.files import write_atomically
from trainer.checkpoint import versions
from trainer.config import ConfigError, FitConfig, ModelName, to_plain
from trainer.distributed import is_main, process_group, world_size
from trainer.fit import EpochResult, FitResult, fit, steps_per_epoch
from trainer.landcover_ai import DatasetError, read_split
from trainer.patches import PatchSet, load_patches
from trainer.precision import choose_precision
from trainer.presets import PRESETS, PresetName
from trainer.report import CellResult, table, write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Benchmark", "Cell", "main", "run"]

_COST = {"unet": 1.0, "unetplusplus": 2.5}  # relative time of a step, for the estimate of what is left


@dataclass(frozen=True)
class Benchmark:
    """Train UNet and UNet++ on random pixels of a data set and compare them."""

    data: Path | None = None
    """Folder with images/*.tif, masks/*.tif, train.txt and val.txt; without it, a generated sample."""
    preset: PresetName = "cpu"
    """"cpu" takes some minutes on two cores; "paper" has the published report's settings."""
    models: tuple[ModelName, ...] = ("unet", "unetplusplus")
    """The networks."""
    fractions: tuple[float, ...] = (0.10, 0.15)
    """The shares of labelled pixels."""
    output: Path = Path("runs")
    """Where the results go."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """CUDA when there is one, else the CPU."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The faster of what the device does well."""
    threads: int = 0
    """CPU threads; 0 for all cores."""
    epochs: int | None = None
    """Instead of the preset's."""
    width: int | None = None
    """Channels at full resolution, instead of the preset's."""
    input_size: int | None = None
    """Side to which patches are resized, instead of the preset's."""
    batch_size: int | None = None
    """Instead of the preset's."""
    lr: float | None = None
    """Learning rate, instead of the preset's."""
    seed: int | None = None
    """Instead of the preset's."""

    def fit_config(self) -> FitConfig:
        """Return the preset with what was given instead."""
        base = PRESETS[self.preset]
        return replace(
            base,
            model=replace(base.model, width=base.model.width if self.width is None else self.width),
            optim=replace(base.optim, lr=base.optim.lr if self.lr is None else self.lr),
            device=replace(base.device, device=self.device, precision=self.precision, threads=self.threads),
            **{
                name: value
                for name in ("epochs", "input_size", "batch_size", "seed")
                if (value := getattr(self, name)) is not None
            },
        )

    def cells(self) -> list[Cell]:
        """Return the cells of the grid, in the order of running.

        Raises
        ------
        ConfigError
            There is none, or one of them twice.
        """
        base = self.fit_config()
        cells = [
            Cell(replace(base, model=replace(base.model, name=model), labels=replace(base.labels, fraction=fraction)))
            for model in self.models
            for fraction in self.fractions
        ]
        names = [cell.name for cell in cells]
        if not cells or len(set(names)) < len(names):
            raise ConfigError(f"the grid needs different cells, at least one, but has: {', '.join(names) or 'none'}")
        return cells


@dataclass(frozen=True)
class Cell:
    """One configuration of the grid."""

    config: FitConfig

    @property
    def name(self) -> str:
        """The name of its folder, for example unet_frac10."""
        return f"{self.config.model.name}_frac{round(100 * self.config.labels.fraction, 6):g}"


class _Progress:
    """A bar for the whole grid where there is a terminal, and a line an epoch everywhere."""

    def __init__(self, cells: Sequence[Cell], steps: int) -> None:
        self._left = {cell.name: _COST[cell.config.model.name] * steps for cell in cells}
        self._bar = tqdm(
            total=round(sum(self._left.values())),
            disable=None if is_main() else True,
            bar_format="{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}",
            smoothing=0.05,
        )
        self._start = time.monotonic()
        self._done = 0.0

    def say(self, text: str) -> None:
        if is_main():
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()

    def step(self, cell: Cell) -> None:
        cost = _COST[cell.config.model.name]
        self._done += cost
        self._left[cell.name] -= cost
        self._bar.update(cost)

    def epoch(self, cell: Cell, result: EpochResult, best: EpochResult | None) -> None:
        left = (time.monotonic() - self._start) * sum(self._left.values()) / max(self._done, 1.0)
        self._bar.set_description_str(f"{cell.name} epoch {result.epoch}/{cell.config.epochs} loss {result.loss:.3f}")
        self.say(
            f"{cell.name}  epoch {result.epoch}/{cell.config.epochs}  loss {result.loss:.4f}  mIoU "
            f"{result.scores.miou:.4f} (best {best.scores.miou if best else math.nan:.4f})  accuracy "
            f"{result.scores.accuracy:.4f}  {result.seconds:.1f} s  ETA {_duration(left)}"
        )

    def close(self) -> None:
        self._bar.close()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _data_folder(given: Path | None) -> Path:
    if given is not None:
        if not given.is_dir():
            raise DatasetError(
                f"{given}: there is no such folder. Give the folder that holds images, masks, train.txt."
            )
        return given
    from annotations.sample import write_landcover_layout

    return write_landcover_layout(Path(platformdirs.user_cache_dir("partialseg")) / "landcover_sample", seed=0)


def _load(folder: Path, cells: Sequence[Cell], say: Callable[[str], None]) -> tuple[dict[float, PatchSet], PatchSet]:
    config = cells[0].config
    # In the order of the cells and without repeats: a fraction is labelled once for all networks.
    choices = {cell.config.labels.fraction: cell.config.labels for cell in cells}
    train_list, val_list = read_split(folder, "train"), read_split(folder, "val")
    train = load_patches(train_list, config, len(LANDCOVER_AI), list(choices.values()))
    (val,) = load_patches(val_list, config, len(LANDCOVER_AI), [None])
    if val.images.shape[1] != train[0].images.shape[1]:
        raise DatasetError(f"{folder}: the images of train.txt and val.txt have different numbers of bands")
    say(f"{folder}: {len(train_list)} training and {len(val_list)} validation patches at {config.input_size} px")
    return dict(zip(choices, train, strict=True)), val


def _result(cell: Cell, fitted: FitResult) -> CellResult:
    final, best = fitted.epochs[-1], fitted.best
    return CellResult(
        name=cell.name,
        model=cell.config.model.name,
        fraction=cell.config.labels.fraction,
        seed=cell.config.seed,
        width=cell.config.model.width,
        epochs=len(fitted.epochs),
        best_epoch=best.epoch if best else 0,
        best_miou=best.scores.miou if best else math.nan,
        final_miou=final.scores.miou if final.usable else math.nan,
        final_accuracy=final.scores.accuracy if final.usable else math.nan,
        best_batch_miou=best.batch_miou if best else math.nan,
        final_batch_miou=final.batch_miou if final.usable else math.nan,
        best_iou=best.scores.iou if best else (math.nan,) * len(LANDCOVER_AI),
        seconds=fitted.seconds,
    )


def run(benchmark: Benchmark) -> list[CellResult]:
    """Train and score every cell; return the results and write them to `benchmark.output`.

    After an interruption (KeyboardInterrupt) the report holds the cells that were finished.

    Raises
    ------
    PartialSegError
        The configuration or the data cannot be used.
    """
    cells = benchmark.cells()
    precision = choose_precision(cells[0].config.device)
    folder = _data_folder(benchmark.data)
    with process_group(precision.device):
        say = print if is_main() else lambda _text: None
        say(f"Computing on {precision.label}: {precision.reason}")
        train, val = _load(folder, cells, say)
        steps = steps_per_epoch(cells[0].config, len(next(iter(train.values()))))
        progress = _Progress(cells, steps * cells[0].config.epochs)
        setting = {
            "data": str(folder),
            "preset": benchmark.preset,
            "training patches": len(next(iter(train.values()))),
            "validation patches": len(val),
            "precision": f"{precision.label} ({precision.reason})",
            "processes": world_size(),
            "configuration": json.dumps(to_plain(benchmark.fit_config())),
            **{f"version of {name}": version for name, version in versions().items()},
        }
        results: list[CellResult] = []
        try:
            for cell in cells:
                place = benchmark.output / cell.name
                if is_main():
                    place.mkdir(parents=True, exist_ok=True)
                    text = json.dumps(to_plain(cell.config), indent=2) + "\n"
                    write_atomically(place / "config.json", text.encode())
                fitted = fit(
                    train[cell.config.labels.fraction],
                    val,
                    cell.config,
                    LANDCOVER_AI,
                    place,
                    on_step=lambda cell=cell: progress.step(cell),  # type: ignore[misc]  # mypy wants no default here
                    on_epoch=lambda result, best, cell=cell: progress.epoch(cell, result, best),  # type: ignore[misc]
                )
                results.append(_result(cell, fitted))
                if is_main():
                    write_report(benchmark.output, results, LANDCOVER_AI.names, setting)
        finally:
            progress.close()
        say("\n" + table(results) + f"\n\nWritten to {benchmark.output / 'report.md'} and report.json.")
        return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    benchmark = tyro.cli(Benchmark, args=arguments, prog="python -m trainer.benchmark", description=__doc__)
    try:
        run(benchmark)
    except PartialSegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nStopped. Cells that were finished are reported in {benchmark.output}.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
