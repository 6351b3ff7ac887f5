"""The demo's command: numbers that cannot be are a sentence and status 2."""

from __future__ import annotations

import pytest

from napari_partialseg import demo


@pytest.mark.parametrize(
    ("option", "values", "way_out"),
    [
        ("--seconds", ["-1", "0", "nan", "inf", "1e9", "soon", ""], "seconds above 0"),
        ("--strokes", ["-1", "0", "2.5", "nan", "many", "10001"], "whole number from 1"),
        ("--seed", ["-1", "4294967296", "1.5", "x"], "whole number from 0"),
    ],
)
def test_numbers_out_of_range_are_a_sentence(option, values, way_out, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in values:
        with pytest.raises(SystemExit) as ended:
            demo.main(["--play", f"{option}={value}", "--output", str(tmp_path / "out")])
        said = capsys.readouterr().err
        assert ended.value.code == 2
        assert f"argument {option}: {value!r} is no " in said and way_out in said
        assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_numbers_within_range_are_taken(tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(demo, "_configure", taken.append)
    monkeypatch.setattr(demo, "_play_all", lambda config: 0)
    numbers = ["--seconds", "0.5", "--strokes", "1", "--seed", "0"]
    assert demo.main(["--play", *numbers, "--output", str(tmp_path)]) == 0
    assert (taken[0].seconds, taken[0].strokes, taken[0].seed) == (0.5, 1, 0)
