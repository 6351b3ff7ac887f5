"""The commands of the viewer: what their arguments mean; numbers that cannot be are a sentence and status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_partialseg import __main__ as opening
from napari_partialseg import demo, launch


@pytest.mark.parametrize(
    ("option", "values", "way_out"),
    [
        ("--seconds", ["-1", "0", "nan", "inf", "1e9"], "seconds above 0"),
        ("--strokes", ["-1", "0", "10001"], "whole number from 1"),
        ("--seed", ["-1", "4294967296"], "whole number from 0"),
    ],
)
def test_numbers_out_of_range_are_a_sentence(option, values, way_out, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in values:
        assert demo.main(["--play", f"{option}={value}", "--output", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err
        assert said.startswith(
            f"error: {option} {float(value):g}" if option == "--seconds" else f"error: {option} {value}"
        )
        assert way_out in said
        assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value"), [("--seconds", "soon"), ("--strokes", "2.5"), ("--strokes", "many"), ("--seed", "x")]
)
def test_what_is_no_number_is_named(option, value, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        demo.main(["--play", f"{option}={value}"])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert option in said and repr(value) in said and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_numbers_within_range_are_taken(tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(demo, "_script", taken.append)
    monkeypatch.setattr(demo, "_play", lambda script: 0)
    numbers = ["--seconds", "0.5", "--strokes", "1", "--seed", "0"]
    assert demo.main(["--play", *numbers, "--output", str(tmp_path)]) == 0
    assert (taken[0].seconds, taken[0].strokes, taken[0].seed) == (0.5, 1, 0)


@pytest.fixture
def shown(monkeypatch):
    """Return what viewers were asked to open, none of which opens."""
    asked = []
    monkeypatch.setattr(launch, "run_viewer", lambda path, *, project, truth: asked.append((path, project, truth)))
    return asked


def test_the_viewer_opens_what_is_named(shown):
    assert opening.main([]) == 0
    assert opening.main(["field.tif", "--project", "other.partialseg", "--truth=t.tif"]) == 0
    assert shown == [(None, None, None), (Path("field.tif"), Path("other.partialseg"), Path("t.tif"))]


def test_the_demo_opens_an_image_in_a_project_of_its_own(shown, tmp_path):
    assert demo.main(["--image", "city.tif", "--output", str(tmp_path / "there")]) == 0
    assert shown == [(Path("city.tif"), tmp_path / "there" / "city.partialseg", None)]
    assert (tmp_path / "there").is_dir()
