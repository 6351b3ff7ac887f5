"""Small multiples: what a figure shows for each kind and amount of labels, in rows of panels for each variant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trainer.benchmark.report.wording import label_text, variant_titles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.benchmark.report.groups import Group

__all__ = ["Panel", "panel_rows"]

_ACROSS: Final = 6


@dataclass(frozen=True, slots=True)
class Panel:
    """Groups of one variant and the same labels; the networks differ."""

    title: str
    groups: tuple[Group, ...]


def panel_rows(groups: Sequence[Group]) -> list[tuple[str, list[Panel]]]:
    """Return rows of at most six panels, each row with the name of its variant.

    Rows of a variant are about equally long, so that none is left with a single panel.
    """
    titles = variant_titles([g.variant for g in groups])
    rows: list[tuple[str, list[Panel]]] = []
    for variant, title in titles.items():
        own = [g for g in groups if g.variant == variant]
        settings = sorted({(g.labels != "random", g.labels, g.amount) for g in own})
        panels = []
        for _, labels, amount in settings:
            same = tuple(g for g in own if (g.labels, g.amount) == (labels, amount))
            panels.append(Panel(label_text(same[0]), same))
        count = -(-len(panels) // _ACROSS)
        length = -(-len(panels) // count)
        rows += [(title, panels[i : i + length]) for i in range(0, len(panels), length)]
    return rows
