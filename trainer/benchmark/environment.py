"""What a run ran on: versions, machine, and the state of the repository."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from trainer.checkpoint import versions

__all__ = ["environment", "git_state"]

_PACKAGES = ("numpy", "rasterio", "scikit-image", "scipy", "zarr")


def git_state(folder: Path | None = None) -> dict[str, Any]:
    """Return the commit of the checkout that this runs from and whether files differ from it; empty outside of one."""
    here = folder or Path(__file__).resolve().parent

    def git(*arguments: str) -> str | None:
        try:
            run = subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return run.stdout.strip() if run.returncode == 0 else None

    # An installed copy may lie in a folder of somebody else's repository.
    own = folder is not None or git("ls-files", "--error-unmatch", Path(__file__).name) is not None
    commit = git("rev-parse", "HEAD") if own else None
    if commit is None:
        return {}
    changed = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed files": len(changed.splitlines()) if changed is not None else None}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def environment() -> dict[str, Any]:
    """Return plain values: versions, processor, graphics cards, threads, command and git state."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    cards = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return {
        "versions": {**versions(), **found},
        "git": git_state(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "graphics cards": cards,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }
