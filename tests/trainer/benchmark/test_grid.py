from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.benchmark.grid import Axes, Cell, chosen_cells, grid
from trainer.benchmark.presets import preset_config
from trainer.benchmark.run_cell import recipe_of
from trainer.config import ConfigError, FitConfig, from_plain, to_plain
from trainer.models import build_model

REPORT = Axes(("unet", "unetplusplus"), (0.1, 0.15))


def names(axes: Axes, preset: str = "cpu", **changes: object) -> list[str]:
    return [cell.name for cell in grid(preset, axes, changes)]  # type: ignore[arg-type]  # a preset's name


def test_the_report_s_cells_keep_its_names_and_have_a_reference() -> None:
    four = [f"{model}_frac{percent}" for model in ("unet", "unetplusplus") for percent in (10, 15, 100)]
    assert names(REPORT) == four
    assert names(REPORT, "paper") == [f"paper/{name}" for name in four]
    assert names(replace(REPORT, fractions=(0.1, 1.0), models=("unet",))) == ["unet_frac10", "unet_frac100"]


def test_what_differs_besides_has_a_folder_of_its_own() -> None:
    axes = Axes(("unet",), (0.0001,), clicks_per_patch=(5,), scribbles=(2,), seeds=(42, 7), widths=(16, 32))
    found = names(axes)
    assert len(set(found)) == len(found) == 4 * 2 * 2
    for name in ("unet_clicks5", "unet_scribbles2_seed7", "unet_frac0.01_w32", "unet_frac100_w32_seed7"):
        assert name in found
    other = names(axes, "paper")
    assert "paper/unet_frac0.01_w16" in other
    assert not set(found) & set(other)


@given(
    st.lists(st.sampled_from([1e-5, 0.0001, 0.001, 0.0015, 0.01, 0.1, 0.15, 1.0]), min_size=1, unique=True),
    st.lists(st.integers(0, 99), max_size=3, unique=True),
)
def test_names_tell_cells_apart(fractions: list[float], seeds: list[int]) -> None:
    cells = grid("cpu", Axes(("unet", "unetplusplus"), tuple(fractions), seeds=tuple(seeds)), {})
    assert len({cell.name for cell in cells}) == len({str(cell.config) for cell in cells}) == len(cells)


def test_settings_given_instead_reach_every_cell() -> None:
    sizes = {"epochs": 3, "min_steps": 9, "batch_size": 4, "input_size": 64}
    others = {"optim": {"lr": 0.5}, "augment": {"warp": 0.2}, "labels": {"radius": 5.0}}
    for cell in grid("paper", replace(REPORT, clicks_per_patch=(3,)), {**sizes, **others}):
        config = cell.config
        assert (config.epochs, config.min_steps, config.batch_size, config.input_size) == (3, 9, 4, 64)
        assert (config.optim.lr, config.augment.warp, config.labels.radius) == (0.5, 0.2, 5)
        assert config.labels.per == "all"
        assert config.select == "batch_miou"


@pytest.mark.parametrize(
    ("optim", "expected"),
    [
        ({}, (0.15, 3e-3)),
        ({"lr": 0.3}, (0.3, 6e-3)),
        ({"lr": 0.3, "adam_lr": 1e-4}, (0.3, 1e-4)),
        ({"adam_lr": 1e-4}, (0.15, 1e-4)),
    ],
)
def test_one_learning_rate_moves_the_other_unless_both_are_given(
    optim: dict[str, float], expected: tuple[float, float]
) -> None:
    for cell in grid("cpu", REPORT, {"optim": optim}):
        assert (cell.config.optim.lr, cell.config.optim.adam_lr) == pytest.approx(expected)


def test_cells_are_compared_under_what_the_report_does_not_tell_apart() -> None:
    def recipes(preset: str, **settings: object) -> set[str]:
        axes = Axes(("unet", "unetplusplus"), (0.1,), (5,), seeds=(1, 2), widths=(4, 8))
        return {recipe_of(cell) for cell in grid(preset, axes, settings)}  # type: ignore[arg-type]  # a preset's name

    for preset in ("cpu", "paper"):
        (own,) = recipes(preset)
        assert recipes(preset, epochs=3, batch_size=4, input_size=64, min_steps=2) == {own}
        for other in ({"labels": {"radius": 5.0}}, {"model": {"norm": "group"}}, {"augment": {"noise": 0.1}}):
            (changed,) = recipes(preset, **other)
            assert changed != own


def test_cells_are_chosen_by_name() -> None:
    cells = grid("cpu", REPORT, {})
    assert [c.name for c in chosen_cells(cells, ["unet_frac15"])] == ["unet_frac15"]
    assert chosen_cells(cells, []) == cells
    with pytest.raises(ConfigError, match="no cell unet_frac11; the grid's cells are: unet_frac10, "):
        chosen_cells(cells, ["unet_frac11"])
    for axes in (Axes((), (0.1,)), Axes(("unet",), (0.1, 0.1))):
        with pytest.raises(ConfigError, match="different cells"):
            grid("cpu", axes, {})


def test_a_nested_network_is_expected_to_cost_more() -> None:
    small, nested = (Cell("cpu", preset_config("cpu", name)) for name in ("unet", "unetplusplus"))
    assert nested.cost == pytest.approx(2.5 * small.cost)


def test_the_paper_s_settings() -> None:
    for model in ("unet", "unetplusplus"):
        config = preset_config("paper", model)
        assert config.model.name == model
        assert (config.optim.name, config.optim.lr, config.optim.weight_decay) == ("adam", 1e-5, 1e-4)
        assert (config.optim.schedule, config.optim.ema) == ("constant", 0)
        assert (config.batch_size, config.epochs, config.input_size, config.model.width) == (32, 12, 384, 64)
        assert config.class_weights == (0.66, 1.27, 1.12, 1.03, 1.91)
        assert (config.seed, config.labels.per, config.normalise) == (42, "all", "imagenet")
        assert (config.select, config.antialias) == ("batch_miou", False)
        assert (config.augment.dihedral, config.augment.warp) == (True, 0.5)
        assert not (config.augment.brightness or config.augment.contrast or config.augment.noise)
        assert from_plain(FitConfig, to_plain(config)) == config


def test_the_paper_s_networks_have_the_known_numbers_of_weights() -> None:
    """17,262,977 is what the well-known bilinear U-Net has for one class; every class more is 64 weights and a bias."""
    unet = build_model(preset_config("paper", "unet").model, 3, 5)
    assert sum(p.numel() for p in unet.parameters()) == 17_262_977 + 4 * 65
    nested = build_model(preset_config("paper", "unetplusplus").model, 3, 5)
    assert sum(p.numel() for p in nested.parameters()) == 36_165_509
