"""The curves of `benchmarks.effort` as a table and a figure."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks._effort_run import Run

__all__ = ["write_report"]

_COLOURS = ("#1b6ca8", "#d1495b", "#2a9d8f", "#8d5a97", "#b5651d")


def write_report(runs: list[Run], folder: Path, marks: list[float]) -> str:
    """Write effort.csv and effort.png; return a table in Markdown."""
    with (folder / "effort.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["learner", "policy", "seed", "seconds", "strokes", "labelled", "step", "miou"])
        for run in runs:
            for m in run.moments:
                table.writerow(
                    [
                        run.learner,
                        run.policy,
                        run.seed,
                        f"{m.seconds:.2f}",
                        m.strokes,
                        m.labelled,
                        m.step,
                        f"{m.miou:.4f}",
                    ]
                )
    _figure(runs, folder / "effort.png")
    return _table(runs, marks)


def _groups(runs: list[Run]) -> dict[tuple[str, str], list[Run]]:
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.learner, run.policy), []).append(run)
    return groups


def _table(runs: list[Run], marks: list[float]) -> str:
    head = ["learner", "strokes", "seeds", *(f"{t:.0f} s" for t in marks), "at the end", "worst fall after 20 s"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for (learner, policy), group in _groups(runs).items():
        cells = [learner, policy, str(len(group))]
        for t in marks:
            values = [run.at(t) for run in group]
            cells.append(f"{np.mean(values):.3f}" if any(values) else "–")
        ends = [run.moments[-1].miou for run in group]
        when = np.mean([run.moments[-1].seconds for run in group])
        cells.append(f"{np.mean(ends):.3f} ({min(ends):.3f} to {max(ends):.3f}), {when:.0f} s")
        cells.append("–" if learner == "forest" else f"{max(run.worst_fall(20) for run in group):.3f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _figure(runs: list[Run], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 4), sharey=True, layout="constrained")
    for axis, name, label in zip(
        axes, ("seconds", "strokes", "labelled"), ("seconds since Train", "strokes", "labelled pixels"), strict=True
    ):
        for colour, ((learner, policy), group) in zip(_COLOURS * 3, _groups(runs).items(), strict=False):
            for i, run in enumerate(group):
                x = [getattr(m, name) for m in run.moments]
                y = [m.miou for m in run.moments]
                dots = {"marker": "o", "linestyle": "none"} if learner == "forest" else {"linewidth": 1.3}
                axis.plot(x, y, color=colour, alpha=0.8, label=f"{learner}, {policy}" if i == 0 else None, **dots)
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("mIoU of the map as shown")
    axes[0].set_ylim(0, None)
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
    plt.close(figure)
