"""What the benchmark's command line takes: its own options, what the grid varies, and every setting of training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from trainer.benchmark.grid import VARIED, Axes, Cell, Settings, grid
from trainer.benchmark.presets import DEFAULT_PRESET, PresetName
from trainer.config import ConfigError, DeviceConfig, FitConfig, to_plain
from trainer.flags import flags_of

__all__ = ["Benchmark", "Report"]

_SETTINGS = flags_of(
    FitConfig,
    without=("device", *VARIED),
    default="the preset's",
    called={
        "min_steps": {"name": "steps-per-epoch"},
        "optim.lr": {
            "aliases": ["--lr"],
            "help": "Learning rate; Muon's, and unless it is given too, that of the rest in proportion.",
        },
    },
)


@dataclass(frozen=True)
class Benchmark:
    """Train networks on sparse labels of a data set and compare them with each other and with full supervision."""

    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: a generated sample)")] = (
        None
    )
    """Folder with images/*.tif, masks/*.tif, train.txt, val.txt and, if there is one, test.txt."""
    preset: PresetName = DEFAULT_PRESET
    """"cpu": our recipe, for two cores; "large": the same in the published report's size; "paper": its settings."""
    axes: Annotated[Axes, tyro.conf.arg(name="")] = field(default_factory=Axes)
    """What the grid varies."""
    only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...", help_behavior_hint="(default: all)")] = ()
    """Run these cells of the grid alone; `--list` names them."""
    list: bool = False
    """Print the names of the cells, and end."""
    output: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")
    """Where the results go."""
    tensorboard: bool = False
    """Write event files for TensorBoard into the cells' folders."""
    checkpoint_minutes: float = 10.0
    """Within an epoch, what is learnt is kept this often (in a single process); at its end in any case."""
    device: Annotated[DeviceConfig, tyro.conf.arg(name="")] = field(default_factory=DeviceConfig)
    """What computes."""
    settings: Annotated[Settings, tyro.conf.arg(name="", constructor=_SETTINGS)] = field(default_factory=dict)
    """Settings instead of the preset's."""

    def cells(self) -> tuple[Cell, ...]:
        """Return the cells of the grid, in the order of running.

        Raises
        ------
        ConfigError
            There is none, or one of them twice; a setting cannot be used.
        """
        if not 0 <= self.checkpoint_minutes < math.inf:
            raise ConfigError(f"checkpoint_minutes must be 0 or more, not {self.checkpoint_minutes}")
        return tuple(grid(self.preset, self.axes, {**self.settings, "device": to_plain(self.device)}))


@dataclass(frozen=True)
class Report:
    """Write report.html, report.md and report.json from the finished cells in a folder."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="[FOLDER]")] = Path("runs")
    """The output of one or more runs of the grid."""
