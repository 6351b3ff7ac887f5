"""Writes docs/files.md, which says of every module what it is for: `python scripts/list_files.py`.

What it says are the first lines of the modules' own docstrings; a test sees to it that the file is up to date.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("annotations", "trainer", "napari_partialseg")
TARGET = ROOT / "docs" / "files.md"
HEAD = """# Every file, in a line

Made by `python scripts/list_files.py` from the modules' own first lines. How they play together is told in
[architecture.md](architecture.md).
"""


def first_line(path: Path) -> str:
    """Return the first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def listing() -> str:
    """Return the whole of docs/files.md."""
    parts = [HEAD]
    for package in PACKAGES:
        folders = sorted({p.parent for p in (ROOT / package).rglob("*.py")})
        for folder in folders:
            parts.append(
                f"\n## {folder.relative_to(ROOT)}\n\n{first_line(folder / '__init__.py')}\n\n| file | |\n|---|---|\n"
            )
            modules = [p for p in sorted(folder.glob("*.py")) if p.name != "__init__.py"]
            parts += [f"| `{p.name}` | {first_line(p).replace('|', '/')} |\n" for p in modules]
    return "".join(parts)


if __name__ == "__main__":
    TARGET.write_text(listing(), encoding="utf-8")
