"""The records of `benchmarks.ground` as one table and one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["classes_of", "table_of", "write_report"]

_COLOURS = ("#1b6ca8", "#d1495b", "#2a9d8f", "#8d5a97", "#b5651d", "#5c6b73")
Record = dict[str, Any]


def write_report(records: list[Record], folder: Path) -> str:
    """Write ground.md and ground.png; return the tables of means in ground.md, which has those of the classes too."""
    text = "\n\n".join(table_of(records, *given) for given in _givens(records))
    classes = "\n\n".join(f"**{_title(*given)}**\n\n{classes_of(records, *given)}" for given in _givens(records))
    (folder / "ground.md").write_text(f"{text}\n\n## Each class\n\n{classes}\n", encoding="utf-8")
    _figure(records, folder / "ground.png")
    return text


def _givens(records: list[Record]) -> list[tuple[str, int]]:
    return list(dict.fromkeys((r["given"], r["amount"]) for r in records))


def _columns(records: list[Record]) -> list[tuple[str, float]]:
    """Return learner and mark of each column: the forest last."""
    seen = dict.fromkeys((r["learner"], r["mark"]) for r in records)
    return sorted(seen, key=lambda column: (column[0].startswith("forest"), list(seen).index(column)))


def table_of(records: list[Record], given: str, amount: int) -> str:
    """Return a table in Markdown of what was learnt from one kind of labels.

    A row holds means over the seeds that all its columns have: other seeds are other strokes. Below are the mean over
    the images, the worst difference to the forest on any image, and the furthest that a learner fell below its best.
    """
    mine = _comparable([r for r in records if (r["given"], r["amount"]) == (given, amount)])
    columns, images = _columns(mine), list(dict.fromkeys(r["image"] for r in mine))
    values = {column: [_mean(mine, image, *column) for image in images] for column in columns}
    seeds = sorted({r["seed"] for r in mine})
    lines = [f"**{_title(given, amount)}** (seeds {', '.join(map(str, seeds))})", ""]
    lines += _row(["image", *(_named(*column) for column in columns)])
    lines += ["|" + "---|" * (len(columns) + 1)]
    for at, image in enumerate(images):
        lines += _row([image, *(_text(values[column][at]) for column in columns)])
    lines += _row(["**mean**", *(_text(_mean_of(values[column])) for column in columns)])
    lines += _row(["worst beside the forest", *(_worst(values, column) for column in columns)])
    lines += _row(["furthest fall", *(_fall(mine, *column) for column in columns)])
    return "\n".join(lines)


def classes_of(records: list[Record], given: str, amount: int) -> str:
    """Return a table in Markdown with the IoU of each class of each image at each learner's last mark."""
    mine = _comparable([r for r in records if (r["given"], r["amount"]) == (given, amount)])
    last = {learner: max(r["mark"] for r in mine if r["learner"] == learner) for learner, _ in _columns(mine)}
    lines = _row(["image", "class", *(_named(*column) for column in last.items())])
    lines += ["|" + "---|" * (len(last) + 2)]
    for image, name in dict.fromkeys((r["image"], name) for r in mine for name in r["classes"]):
        ious = [
            [r["classes"][name] for r in mine if (r["image"], r["learner"], r["mark"]) == (image, *column)]
            for column in last.items()
        ]
        lines += _row([image, name, *(_text(float(np.mean(some)) if some else float("nan")) for some in ious)])
    return "\n".join(lines)


def _comparable(records: list[Record]) -> list[Record]:
    """Return the records of those seeds that every learner (at every mark) on the same image has."""
    kept: list[Record] = []
    for image in dict.fromkeys(r["image"] for r in records):
        mine = [r for r in records if r["image"] == image]
        seeds: dict[tuple[str, float], set[int]] = {}
        for r in mine:
            seeds.setdefault((r["learner"], r["mark"]), set()).add(r["seed"])
        common = set.intersection(*seeds.values())
        kept += [r for r in mine if r["seed"] in common]
    return kept


def _title(given: str, amount: int) -> str:
    told = {"full": "every known pixel", "correct": f"{amount} strokes, each where the map was wrong"}
    return told.get(given, f"{amount} {given} per class")


def _named(learner: str, mark: float) -> str:
    """Return the words for a column; what is done at once has no mark."""
    return learner if mark == 0 else f"{learner}, {mark:g}"


def _row(cells: list[str]) -> list[str]:
    return ["| " + " | ".join(cells) + " |"]


def _mean(records: list[Record], image: str, learner: str, mark: float) -> float:
    found = [r["miou"] for r in records if (r["image"], r["learner"], r["mark"]) == (image, learner, mark)]
    return float(np.mean(found)) if found else float("nan")


def _mean_of(values: Sequence[float]) -> float:
    return float("nan") if np.isnan(values).any() else float(np.mean(values))


def _text(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _worst(values: dict[tuple[str, float], list[float]], column: tuple[str, float]) -> str:
    learner, mark = column
    forest = values.get(("forest", 0.0)) or values.get((f"forest, strokes of {learner}", mark))
    if learner.startswith("forest") or forest is None:
        return "–"
    differences = np.subtract(values[column], forest)
    return "–" if np.isnan(differences).all() else f"{np.nanmin(differences):+.3f}"


def _fall(records: list[Record], learner: str, mark: float) -> str:
    """Return how far a learner's score at a mark lies below its best at an earlier one, at the most."""
    falls = []
    runs = {(r["image"], r["seed"]) for r in records if r["learner"] == learner}
    for image, seed in runs:
        curve = {
            r["mark"]: r["miou"] for r in records if (r["image"], r["seed"], r["learner"]) == (image, seed, learner)
        }
        before = [score for at, score in curve.items() if at < mark]
        if mark in curve and before:
            falls.append(max(before) - curve[mark])
    return f"{max(max(falls), 0.0):.3f}" if falls else "–"


def _figure(records: list[Record], path: Path) -> None:
    """Draw the gain over the forest: a dot for each image and seed, a bar for the mean."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    givens = _givens(records)
    figure, axes = plt.subplots(
        1, max(len(givens), 1), figsize=(4.5 * max(len(givens), 1), 4), sharey=True, layout="constrained", squeeze=False
    )
    for axis, (given, amount) in zip(axes[0], givens, strict=False):
        mine = [r for r in records if (r["given"], r["amount"]) == (given, amount)]
        columns = [c for c in _columns(mine) if not c[0].startswith("forest")]
        for x, (learner, mark) in enumerate(columns):
            gains = _gains(mine, learner, mark)
            colour = _COLOURS[list(dict.fromkeys(c[0] for c in columns)).index(learner) % len(_COLOURS)]
            axis.plot(np.full(len(gains), x), gains, "o", color=colour, alpha=0.35, markersize=4)
            if gains:
                axis.plot([x - 0.3, x + 0.3], [np.mean(gains)] * 2, color=colour, linewidth=2.5)
        axis.axhline(0, color="#444444", linewidth=0.8)
        axis.set_xticks(range(len(columns)), [_named(*column) for column in columns], fontsize=7, rotation=60)
        axis.set_title(_title(given, amount), fontsize=9)
        axis.grid(axis="y", alpha=0.3)
    axes[0][0].set_ylabel("mIoU above the forest's")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _gains(records: list[Record], learner: str, mark: float) -> list[float]:
    gains = []
    for r in records:
        if (r["learner"], r["mark"]) != (learner, mark):
            continue
        beside = [
            f["miou"]
            for f in records
            if (f["image"], f["seed"]) == (r["image"], r["seed"])
            and (f["learner"], f["mark"]) in {("forest", 0.0), (f"forest, strokes of {learner}", mark)}
        ]
        gains += [r["miou"] - beside[0]] if beside else []
    return gains
