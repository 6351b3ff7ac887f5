"""The cells of the benchmark's grid: which there are, and what their folders are called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from trainer.benchmark.presets import DEFAULT_PRESET, PresetName, preset_config
from trainer.config import ConfigError, DeviceConfig, FitConfig, LabelConfig, ModelName

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Axes", "Cell", "Overrides", "chosen_cells", "grid"]

_FULL: Final = LabelConfig(fraction=1.0)


@dataclass(frozen=True)
class Axes:
    """What the grid varies; empty seeds and widths stand for the preset's own."""

    models: tuple[ModelName, ...]
    fractions: tuple[float, ...]
    clicks: tuple[int, ...] = ()
    scribbles: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Overrides:
    """Settings given instead of the preset's; None for the preset's."""

    epochs: int | None = None
    min_steps: int | None = None
    batch_size: int | None = None
    input_size: int | None = None
    lr: float | None = None
    sync_batchnorm: bool | None = None
    device: DeviceConfig | None = None

    def applied(self, config: FitConfig) -> FitConfig:
        """Return the configuration with these settings."""
        names = ("epochs", "min_steps", "batch_size", "input_size", "sync_batchnorm", "device")
        changes = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.lr is not None:
            optim = config.optim
            config = replace(config, optim=replace(optim, lr=self.lr, adam_lr=optim.adam_lr * self.lr / optim.lr))
        return replace(config, **changes)


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


def grid(preset: PresetName, axes: Axes, overrides: Overrides) -> list[Cell]:
    """Return the cells in the order of running: for each network, its labels from few to many, and full supervision.

    Raises
    ------
    ConfigError
        There is none, or one of them twice.
    """
    choices = [
        *(LabelConfig(kind="clicks", clicks=n) for n in axes.clicks),
        *(LabelConfig(kind="scribbles", scribbles=n) for n in axes.scribbles),
        *(LabelConfig(fraction=fraction) for fraction in axes.fractions),
    ]
    if _FULL not in choices:
        choices.append(_FULL)
    cells = []
    for model in axes.models:
        own = overrides.applied(preset_config(preset, model))
        for seed in axes.seeds or (own.seed,):
            for width in axes.widths or (own.model.width,):
                sized = replace(own, seed=seed, model=replace(own.model, width=width))
                cells += [
                    Cell(preset, replace(sized, labels=replace(labels, per=own.labels.per))) for labels in choices
                ]
    names = [cell.name for cell in cells]
    if not cells or len(set(names)) < len(names):
        raise ConfigError(f"the grid needs different cells, at least one, but has: {', '.join(names) or 'none'}")
    return cells


def chosen_cells(cells: Sequence[Cell], only: Sequence[str]) -> list[Cell]:
    """Return the cells with these names; all of them where no name is given.

    Raises
    ------
    ConfigError
        A name is none of the grid's.
    """
    names = {cell.name: cell for cell in cells}
    unknown = [name for name in only if name not in names]
    if unknown:
        raise ConfigError(f"there is no cell {unknown[0]}; the grid's cells are: {', '.join(names)}")
    return [names[name] for name in only] if only else list(cells)
