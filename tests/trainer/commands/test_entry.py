"""`partialseg`: one way in to all commands."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest
from command_helpers import make_project, run, told

from trainer.commands import partialseg


def test_help_names_every_command_within_80_columns(capsys):
    assert run("--help") == 0
    told = capsys.readouterr().out
    for command in partialseg.COMMANDS:
        assert f"  {command.name} " in told
    assert max(map(len, told.splitlines())) <= 80


def test_without_a_command_the_help_goes_to_the_standard_error(capsys):
    assert run() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "usage: partialseg" in said.err


def test_a_command_that_does_not_exist_is_refused_with_the_nearest(capsys):
    assert run("random_msk") == 2
    assert "Did you mean random-mask?" in capsys.readouterr().err


def test_arguments_are_passed_on(monkeypatch):
    import trainer.benchmark.command as benchmark

    monkeypatch.setattr(benchmark, "main", lambda arguments: 7 if arguments == ["--list", "--width", "8"] else 0)
    assert run("benchmark", "--list", "--width", "8") == 7


@pytest.mark.parametrize("command", partialseg.COMMANDS, ids=lambda c: c.name)
def test_each_command_has_a_help_that_calls_it_as_it_was_called(command, capsys):
    with pytest.raises(SystemExit) as ended:
        run(command.name, "--help")
    assert ended.value.code == 0
    assert f"usage: partialseg {command.name} " in capsys.readouterr().out


def test_a_viewer_that_is_not_installed_is_said(monkeypatch, capsys):
    import napari_partialseg.__main__ as viewer

    def main(arguments):
        raise ModuleNotFoundError("No module named 'napari'", name="napari")

    monkeypatch.setattr(viewer, "main", main)
    assert run("open") == 2
    assert "napari-partialseg[napari,qt]" in capsys.readouterr().err


def test_a_fault_in_an_import_is_not_taken_for_a_missing_viewer(monkeypatch):
    import napari_partialseg.__main__ as viewer

    def main(arguments):
        raise ImportError("cannot import name 'x'", name="zarr")

    monkeypatch.setattr(viewer, "main", main)
    with pytest.raises(ImportError):
        run("open")


def test_from_labels_to_a_map_that_says_what_it_is(tmp_path, threads, capsys):
    project = make_project(tmp_path)
    assert run("train", project, "--steps", "2") == 0
    assert run("export", project, tmp_path / "map.tif") == 0
    capsys.readouterr()
    about, made = told(capsys, project, tmp_path / "map.tif")
    assert made["made_by"]["checkpoint_sha256"] == about["network"]["sha256"]
    assert made["made_by"]["step"] == "2"
    assert made["labelled"] == 60_000
    assert set(made["classes"]) == set(about["classes"])


def test_a_module_that_is_run_is_called_as_that(capsys):
    with pytest.raises(SystemExit):
        importlib.import_module("trainer.predict.command").main(["--help"])
    assert "usage: python -m trainer.predict " in capsys.readouterr().out


def test_the_installed_command_is_this_one():
    declared = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, name = declared["project"]["scripts"]["partialseg"].partition(":")
    assert getattr(importlib.import_module(module), name) is partialseg.main
