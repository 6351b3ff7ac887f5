"""The cells of the benchmark's grid: which there are, and what their folders are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import tyro

from trainer.benchmark.presets import DEFAULT_PRESET, PresetName, preset_config
from trainer.config import ConfigError, FitConfig, LabelConfig, ModelName
from trainer.plain import changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.config import OptimConfig

__all__ = ["VARIED", "Axes", "Cell", "Settings", "chosen_cells", "grid"]

_FULL: Final = 1.0
VARIED: Final = (
    *("seed", "model.name", "model.width"),
    *("labels.kind", "labels.fraction", "labels.clicks", "labels.scribbles"),
)
"""The settings of a `FitConfig` that the axes say, and nothing else."""

Settings: TypeAlias = Mapping[str, Any]
"""Settings of a `FitConfig` given instead of the preset's, as nested tables."""


@dataclass(frozen=True)
class Axes:
    """What the grid varies; empty seeds and widths stand for the preset's own."""

    models: tuple[ModelName, ...] = ("unet", "unetplusplus")
    """The networks."""
    fractions: Annotated[
        tuple[float, ...] | None,
        tyro.conf.arg(
            metavar="FLOAT ...", help_behavior_hint="(default: 0.1 0.15, unless clicks or scribbles are given)"
        ),
    ] = None
    """Shares of labelled pixels. Full supervision, the reference, is always part of the grid."""
    clicks_per_patch: Annotated[tuple[int, ...], tyro.conf.arg(help_behavior_hint="(optional)")] = ()
    """Clicks (discs of 3 pixels' radius) in each patch, going round its classes."""
    scribbles: Annotated[tuple[int, ...], tyro.conf.arg(help_behavior_hint="(optional)")] = ()
    """Simulated strokes for each class in each patch."""
    seeds: Annotated[
        tuple[int, ...], tyro.conf.arg(aliases=["--seed"], help_behavior_hint="(default: the preset's)")
    ] = ()
    """Each cell once with each."""
    widths: Annotated[
        tuple[int, ...], tyro.conf.arg(aliases=["--width"], help_behavior_hint="(default: the preset's)")
    ] = ()
    """Channels at full resolution: each cell once with each."""

    def labels(self, own: LabelConfig) -> list[LabelConfig]:
        """Return the labels of the cells, from few to all; what is not varied is the preset's own."""
        fractions = self.fractions
        if fractions is None:
            fractions = () if self.clicks_per_patch or self.scribbles else (0.10, 0.15)
        choices = [
            *(replace(own, kind="clicks", clicks=n) for n in self.clicks_per_patch),
            *(replace(own, kind="scribbles", scribbles=n) for n in self.scribbles),
            *(replace(own, kind="random", fraction=fraction) for fraction in fractions),
        ]
        full = replace(own, kind="random", fraction=_FULL)
        return choices if full in choices else [*choices, full]


@dataclass(frozen=True)
class Cell:
    """One configuration of the grid."""

    preset: PresetName
    config: FitConfig

    @property
    def name(self) -> str:
        """Its folder within the output, for example unet_frac10.

        What differs from the preset's own seed and width is added; the cells of another preset than the default lie in
        a folder of that name.
        """
        config, own = self.config, preset_config(self.preset, self.config.model.name)
        labels = config.labels
        if labels.kind == "random":
            what = f"frac{round(100 * labels.fraction, 6):g}"
        else:
            what = f"{labels.kind}{labels.amount:g}"
        name = f"{config.model.name}_{what}"
        if config.model.width != own.model.width:
            name += f"_w{config.model.width}"
        if config.seed != own.seed:
            name += f"_seed{config.seed}"
        return name if self.preset == DEFAULT_PRESET else f"{self.preset}/{name}"

    @property
    def cost(self) -> float:
        """What a step costs, relative to other cells: for the estimate of the time left."""
        model = self.config.model
        nested = 2.5 if model.name == "unetplusplus" else 1.0
        size = self.config.batch_size / 8 * (self.config.input_size / 256) ** 2
        return float(nested * (model.width / 16) ** 1.8 * size)


def grid(preset: PresetName, axes: Axes, settings: Settings) -> list[Cell]:
    """Return the cells in the order of running: for each network, its labels from few to many, and full supervision.

    Parameters
    ----------
    preset : str
        Where the configuration of each cell comes from.
    axes : Axes
        What differs between the cells.
    settings : mapping
        What all cells have instead of the preset's.

    Raises
    ------
    ConfigError
        There is no cell, or one of them twice; a setting cannot be used.
    """
    cells = []
    for model in axes.models:
        own = preset_config(preset, model)
        own = changed(own, _with_rates_in_proportion(settings, own.optim))
        for seed in axes.seeds or (own.seed,):
            for width in axes.widths or (own.model.width,):
                sized = replace(own, seed=seed, model=replace(own.model, width=width))
                cells += [Cell(preset, replace(sized, labels=labels)) for labels in axes.labels(own.labels)]
    names = [cell.name for cell in cells]
    if not cells or len(set(names)) < len(names):
        raise ConfigError(f"the grid needs different cells, at least one, but has: {', '.join(names) or 'none'}")
    return cells


def _with_rates_in_proportion(settings: Settings, own: OptimConfig) -> Settings:
    """Return the settings with the second learning rate moved as the first one is, unless it is given too."""
    optim = settings.get("optim", {})
    if "lr" not in optim or "adam_lr" in optim:
        return settings
    return {**settings, "optim": {**optim, "adam_lr": own.adam_lr * optim["lr"] / own.lr}}


def chosen_cells(cells: Sequence[Cell], only: Sequence[str]) -> list[Cell]:
    """Return the cells with these names; all of them where no name is given.

    Raises
    ------
    ConfigError
        The grid has no cell of that name.
    """
    names = {cell.name: cell for cell in cells}
    unknown = [name for name in only if name not in names]
    if unknown:
        raise ConfigError(f"there is no cell {unknown[0]}; the grid's cells are: {', '.join(names)}")
    return [names[name] for name in only] if only else list(cells)
