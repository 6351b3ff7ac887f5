"""What a project's files are called: as in every version so far, and in no other place of the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from annotations.project_files import ImageFiles, ProjectFiles, SharedFiles, WeightFiles

ROOT = Path(__file__).resolve().parents[2]

IMAGE = {
    "labels": "labels.zarr",
    "numbers": "strokes.zarr",
    "strokes": "strokes.jsonl",
    "points": "points.json",
    "saved": "saved.jsonl",
    "prediction": "prediction.zarr",
    "confidence": "confidence.zarr",
    "made_by": "prediction.json",
    "activity": "activity.jsonl",
    "notes": "notes.json",
    "left": "left.json",
}
SHARED = {"prediction": "prediction.u8", "confidence": "confidence.u8"}
WEIGHTS = {"best": "best_model.pth", "resume": "resume.pth"}
PROJECT = {
    "document": "project.json",
    "backup": "project.json.bak",
    "lock": "lock",
    "holder": "lock.json",
    "images": "images",
    "cache": "cache",
}


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (ImageFiles(Path("x")), IMAGE),
        (SharedFiles(Path("x")), SHARED),
        (WeightFiles(Path("x")), WEIGHTS),
        (ProjectFiles(Path("x")), PROJECT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_names_are_those_of_every_version_so_far(files, names):
    assert {part: getattr(files, part) for part in names} == {part: Path("x", name) for part, name in names.items()}


def test_places_in_a_project():
    files = ProjectFiles(Path("p"))
    assert files.image("3").labels == Path("p/images/3/labels.zarr")
    assert files.shared("3").confidence == Path("p/cache/3/confidence.u8")
    assert files.weights.best == Path("p/weights/best_model.pth")
    assert [folder.name for folder in files.folders] == ["images", "weights", "cache"]


def test_no_other_module_names_them():
    names = {*IMAGE.values(), *SHARED.values(), *WEIGHTS.values(), *PROJECT.values()} - {"lock", "images", "cache"}
    elsewhere = []
    for package in ("annotations", "trainer", "napari_partialseg", "benchmarks", "scripts"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name == "project_files.py" or path.relative_to(ROOT).as_posix() == "trainer/fit/resume.py":
                continue  # a run of `trainer.fit` is no project, though its checkpoint is called so too
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and n.value in names}
            elsewhere += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(found)]
    assert not elsewhere
