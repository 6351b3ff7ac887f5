"""What the numbers say, in plain words: the report's first paragraph, and what is to be known about its cells."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

from trainer.benchmark.report.groups import ranked
from trainer.benchmark.report.wording import (
    duration,
    label_text,
    labels_in_words,
    listed,
    model_title,
    number,
    plural,
    spread_text,
    variant_titles,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.benchmark.report.groups import Group
    from trainer.benchmark.results import CellResult

__all__ = ["AVERAGES", "notes", "summary"]

_NEARLY_ALL: Final = 95.0
AVERAGES: Final = (
    "One confusion matrix: the IoU of each class from the pixels of the whole split, then the mean over the classes; "
    "mean over batches: each batch's own mIoU, then the mean over the batches, as the published report has it, which "
    "depends on the size of the batches and is not the same quantity."
)


def summary(groups: Sequence[Group]) -> list[str]:
    """Return sentences: what was trained, what full supervision gives, how much of it sparse labels give, and the test.

    Of several variants (presets, widths), those of the one with the most cells are told; they come first.
    """
    cells = [c for g in groups for c in g.cells]
    main = [g for g in groups if g.variant == groups[0].variant]
    models = list(dict.fromkeys(g.model for g in groups))
    kinds = list(dict.fromkeys(label_text(g) for g in groups))
    text = f"{plural(len(cells), 'network').capitalize()} ({listed([model_title(m) for m in models])}) learnt from "
    text += f"{plural(len(kinds), 'kind')} of labels" if len(kinds) > 1 else labels_in_words(groups[0])
    seeds = len({c.seed for c in cells})
    text += f", with {plural(seeds, 'seed')}" if seeds > 1 else ""
    sentences = [f"{text}, in {duration(sum(c.seconds for c in cells if math.isfinite(c.seconds)))} of computing."]
    titles = variant_titles([g.variant for g in groups])
    where = titles[groups[0].variant]
    for model in dict.fromkeys(g.model for g in main):
        title = f"{model_title(model)} ({where})" if where else model_title(model)
        told = _model(title, [g for g in main if g.model == model])
        sentences += [told] if told else []
    tested = [c for c in ranked(cells) if c.test and math.isfinite(c.test.miou)]
    if tested and tested[0].test:
        best, scores = tested[0], tested[0].test
        which = f"the cell with the best validation score ({model_title(best.model)}, {label_text(best)})"
        sentences.append(
            f"On the test split, which chose nothing, {which if len(cells) > 1 else 'it'} has an mIoU of "
            f"{number(scores.miou, 3)} and an accuracy of {number(scores.accuracy, 3)}."
        )
    return sentences


def _model(title: str, groups: Sequence[Group]) -> str:
    full = next((g for g in groups if g.full and g.best_miou.n), None)
    sparse = sorted((g for g in groups if not g.full and g.best_miou.n), key=lambda g: -g.best_miou.mean)
    if full is None:
        if not sparse:
            return ""
        most = "best " if len(sparse) > 1 else ""
        score = spread_text(sparse[0].best_miou, 3)
        return f"{title} learns {most}from {labels_in_words(sparse[0])}, with a validation mIoU of {score}."
    start = f"With every pixel labelled, {title} has a validation mIoU of {spread_text(full.best_miou, 3)}"
    random = sorted((g for g in sparse if g.labels == "random"), key=lambda g: -g.amount)
    # The fewest pixels that still give nearly all are what a reader looks for, then how far the fewest of all reach.
    chosen = [g for g in random if g.percent_of_full.mean >= _NEARLY_ALL][-1:] or random[:1]
    chosen += [g for g in random[-1:] if g not in chosen]
    chosen += [g for g in sparse if g.labels != "random"]
    told = [f"{labels_in_words(g)} {_give(g)} {_percent(g.percent_of_full.mean)}" for g in chosen]
    if told:
        told[0] += " of that"
    return f"{start}; {listed(told)}." if told else f"{start}."


def _percent(value: float) -> str:
    return f"{number(value, 1 if value >= _NEARLY_ALL else 0)} %"


def _give(group: Group) -> str:
    return "gives" if group.labels != "random" and group.amount == 1 else "give"


def notes(cells: Sequence[CellResult], groups: Sequence[Group]) -> list[str]:
    """Return what a reader should know before comparing."""
    found = []
    data = Counter(c.data for c in cells)
    if len(data) > 1:
        found.append(
            f"The cells are from {len(data)} data sets ({listed([f'{d:.12}' for d in data])}), which are not to be "
            "compared with each other."
        )
    without = [c.name for c in cells if not math.isfinite(c.best_miou)]
    if without:
        found.append(f"No epoch gave a usable score: {listed(without)}.")
    diverged = [c.name for c in cells if c.diverged]
    if diverged:
        found.append(
            "Training diverged (its loss ended as no number, or far above that of guessing), so that these scores say "
            f"nothing about the labels: {listed(diverged)}. Choose a lower learning rate."
        )
    twice = [g for g in groups if len(g.seeds) < len(g.cells)]
    for group in twice:
        names = listed([c.name for c in group.cells])
        found.append(f"The same seed more than once, each counted in the means: {names}.")
    alone = [c.name for c in cells if not c.full and not any(c in g.cells for g in groups if g.percent_of_full.n)]
    if alone:
        found.append(
            f"Without a reference (the same with every pixel labelled), so without a percentage: {listed(alone)}."
        )
    return found
