"""Write constraints.txt: the versions, in this environment, of all that the project needs, directly or not.

Run it in an environment in which the tests pass:  .venv/bin/python scripts/freeze_constraints.py
"""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

__all__ = ["closure"]

ROOT = Path(__file__).resolve().parents[1]
HEADER = """\
# The versions that the tests pass with; `make setup` installs these. Written by scripts/freeze_constraints.py.
# Only these are held: pyproject.toml keeps open ranges for those who install the plugin beside others.
#
# torch stands here without a build suffix, so every build of that release will do: that of PyPI (on Linux with CUDA) or
# another that is put into .venv before `make setup`, for example without CUDA:
#   python3 -m venv .venv && .venv/bin/pip install torch==TORCH --index-url https://download.pytorch.org/whl/cpu
"""


def closure(wanted: list[Requirement]) -> dict[str, str]:
    """Return name and installed version of the wanted packages and of all that they need here."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    queue = [(r, "") for r in wanted]
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            found[name] = Version(version(name)).public
        except PackageNotFoundError:
            continue
        for wanted_extra in ("", *requirement.extras):
            if (name, wanted_extra) not in seen:
                seen.add((name, wanted_extra))
                queue += [(Requirement(text), wanted_extra) for text in requires(name) or []]
    return found


def main() -> None:
    """Write the file."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    texts = [*project["dependencies"]]
    for group in (*project["optional-dependencies"].values(), *pyproject["dependency-groups"].values()):
        texts += group
    found = closure([Requirement(text) for text in texts])
    lines = [f"{name}=={number}\n" for name, number in sorted(found.items())]
    target = ROOT / "constraints.txt"
    target.write_text(HEADER.replace("TORCH", found["torch"]) + "".join(lines), encoding="utf-8")
    print(f"{target.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
