"""The repository keeps its own rules."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("annotations", "trainer", "napari_partialseg")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))


def _constraints() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    for requirement in pinned:
        assert [s.operator for s in requirement.specifier] == ["=="], f"{requirement} is not one version"
    return {canonicalize_name(r.name): Version(next(iter(r.specifier)).version) for r in pinned}


def _declared() -> list[Requirement]:
    project = PYPROJECT["project"]
    # "bench" is what figures are compared with; neither the tests nor the linters need it.
    development = [texts for name, texts in PYPROJECT["dependency-groups"].items() if name != "bench"]
    groups = [*project["optional-dependencies"].values(), *development]
    found = [Requirement(text) for texts in (project["dependencies"], *groups) for text in texts]
    return [r for r in found if r.marker is None or r.marker.evaluate()]


def test_constraints_lie_in_the_declared_ranges():
    versions = _constraints()
    for requirement in _declared():
        name = canonicalize_name(requirement.name)
        assert name in versions, f"{name} is missing from constraints.txt: run scripts/freeze_constraints.py"
        assert requirement.specifier.contains(versions[name]), f"{name} {versions[name]} is not in {requirement}"


def test_constraints_leave_the_build_of_torch_open():
    assert _constraints()["torch"].local is None


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_installed_version_is_that_of_pyproject():
    assert importlib.metadata.version("napari-partialseg") == PYPROJECT["project"]["version"]


def test_changelog_names_the_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{PYPROJECT['project']['version']}]" in text


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_says_what_it_offers(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "no docstring"
    if path.name in ("__init__.py", "__main__.py"):
        return
    offered = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    assert offered, "no __all__"
    defined = {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
        elif isinstance(node, (ast.ImportFrom, ast.Import)):
            defined |= {alias.asname or alias.name for alias in node.names}
    assert set(offered[0]) <= defined


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        (["trainer", "trainer.config", "trainer.protocol"], ["torch", "qtpy", "napari"]),
        (
            [_dotted(p) for p in MODULES if p.is_relative_to(ROOT / "annotations")],
            ["torch", "qtpy"],
        ),
        (["annotations.sample"], ["torch", "qtpy", "matplotlib"]),
        (["trainer.commands.partialseg", "trainer.commands.random_mask"], ["torch", "qtpy", "napari"]),
        (["napari_partialseg", "napari_partialseg.widget"], ["torch"]),
    ],
    ids=["trainer", "annotations", "sample", "commands", "napari_partialseg"],
)
def test_what_an_import_must_not_bring_along(modules, forbidden):
    code = f"import {', '.join(modules)}, sys; print(sorted(set({forbidden!r}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_the_list_of_files_is_up_to_date():
    command = [sys.executable, "-c", "import list_files; print(list_files.listing(), end='')"]
    made = subprocess.run(command, cwd=ROOT / "scripts", capture_output=True, text=True, check=True).stdout
    listed = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    assert made == listed, "run python scripts/list_files.py"


def test_every_room_is_told_of():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {p.parent.relative_to(ROOT).as_posix() for p in MODULES}
    assert not [room for room in sorted(rooms) if f"`{room}/`" not in text]


def test_texts_name_no_place_of_one_machine():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    place = re.compile(r"(?<![\w./~-])/(?:home|Users|root|work|opt|mnt)/\w|\b[A-Z]:\\Users\\")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in (".png", ".jpg", ".gif", ".tif", ".npy", ".pth", ".zip") or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if place.search(line):
                found.append(f"{name}:{number}: {line.strip()}")
    assert not found


_UNDERLINE = re.compile(r"-{3,}")


def _empty_entries(docstring: str) -> list[str]:
    """Return the entries under Parameters and Attributes of a numpydoc docstring below which nothing is said."""
    lines = [*inspect.cleandoc(docstring).splitlines(), "", ""]
    empty, section = [], ""
    for line, following in itertools.pairwise(lines):
        if _UNDERLINE.fullmatch(following):
            section = line
        elif section in ("Parameters", "Attributes") and line and not line[0].isspace():
            if not _UNDERLINE.fullmatch(line) and not following.startswith(" "):
                empty.append(line)
    return empty


def test_the_search_for_empty_entries_finds_them():
    text = "Say.\n\nParameters\n----------\na : int\nb, c : str\n    Said.\nd\n\nReturns\n-------\nint\n"
    assert _empty_entries(text) == ["a : int", "d"]


def test_no_parameter_of_a_public_docstring_is_left_without_a_word():
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith(
                "_"
            ):
                entries = _empty_entries(ast.get_docstring(node) or "")
                found += [f"{path.relative_to(ROOT)}: {node.name}: {entry}" for entry in entries]
    assert not found


def _defined(paths: list[Path]) -> set[str]:
    """Return what files define: functions, classes and, as Class.name, what these have."""
    found = set()
    for path in paths:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.add(node.name)
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
    return found


def test_the_way_of_a_stroke_leads_through_functions_that_exist():
    way = (
        (ROOT / "docs" / "architecture.md")
        .read_text(encoding="utf-8")
        .split("## The way of a stroke")[1]
        .split("```")[1]
    )
    steps = re.findall(r"^(\S+\.py(?:, \w+\.py)*) +(\S.*)$", way, re.MULTILINE)
    assert len(steps) > 20
    for files, told in steps:
        first, *others = files.split(", ")
        defined = _defined([ROOT / first, *((ROOT / first).with_name(name) for name in others)])
        names = re.findall(r"\b(?:[A-Z]\w+\.\w+|[A-Z][a-z]+[A-Z]\w+|_\w+|[a-z]+_\w+)(?![\w./])", told.split(":")[0])
        assert names, f"{files} names no function"
        for name in names:
            owners = {known.partition(".")[2] for known in defined}  # a second one is named without its class
            assert name in defined or name in owners, f"{files} has no {name}"


def _own_imports(path: Path) -> list[tuple[str, str]]:
    """Return module and name of each import from our packages, also of those within functions."""
    nodes = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ImportFrom)]
    own = [n for n in nodes if n.module and n.module.split(".")[0] in (*PACKAGES, "benchmarks")]
    return [(n.module, alias.name) for n in own for alias in n.names]


@pytest.mark.parametrize("folder", ["benchmarks", "scripts"])
def test_what_nothing_else_imports_finds_what_it_imports(folder):
    missing = []
    for path in sorted((ROOT / folder).glob("*.py")):
        for module, name in _own_imports(path):
            source = ROOT / Path(*module.split("."))
            source = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
            if not source.exists() or not _defines(source, name):
                missing.append(f"{path.name}: from {module} import {name}")
    assert missing == []


def _defines(source: Path, name: str) -> bool:
    """Whether a module defines or imports a name, or is a package with a module of that name."""
    if source.name == "__init__.py" and ((source.parent / f"{name}.py").exists() or (source.parent / name).is_dir()):
        return True
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return True
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name:
            return True
        if isinstance(node, ast.ImportFrom | ast.Import) and any((a.asname or a.name) == name for a in node.names):
            return True
    return False
