"""The report as one HTML file that needs nothing else: figures as SVG, pictures within, no script.

What it says stands in page.html.j2, how it looks in page.css; here is collected what they show.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from trainer.benchmark.report.cell_files import read_curves, read_environment
from trainer.benchmark.report.class_plots import confusion_figure, iou_figure
from trainer.benchmark.report.examples import examples
from trainer.benchmark.report.groups import evenly, ranked
from trainer.benchmark.report.markdown import TITLE
from trainer.benchmark.report.plots import curves_figure, labels_figure
from trainer.benchmark.report.summary import AVERAGES, notes, summary
from trainer.benchmark.report.svg import drawing, to_svg
from trainer.benchmark.report.tables import cells_table, groups_table, iou_table, published_table
from trainer.benchmark.report.wording import listed, plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jinja2 import Template
    from matplotlib.figure import Figure

    from trainer.benchmark.report.groups import Group
    from trainer.benchmark.results import CellResult

__all__ = ["page"]

_MATRICES: Final = 8
_SPACE: Final = "\u00a0"
_Text = TypeVar("_Text", bound=str)


def page(folder: Path, cells: Sequence[CellResult], groups: Sequence[Group], setting: dict[str, Any]) -> str:
    """Return the whole page.

    Parameters
    ----------
    folder : Path
        Holds the cells' folders, in which histories, galleries and environments are looked for.
    cells : sequence of CellResult
        At least one.
    groups : sequence of Group
        Of these cells.
    setting : dict
        Plain values.
    """
    with drawing():
        return _template().render(
            title=TITLE,
            byline=_byline(cells, groups, setting),
            summary=summary(groups),
            notes=notes(cells, groups),
            averages=AVERAGES,
            several=_several(groups),
            paper=any(g.variant.preset == "paper" for g in groups),
            published=published_table(groups),
            reach=_reach(groups),
            by_labels=groups_table(groups),
            training=_training(folder, cells, groups),
            classes=_classes(groups),
            confusion=_confusion(groups),
            examples=examples(folder, groups),
            every_cell=cells_table(cells),
            iou=[iou_table([c for c in cells if c.scheme == s]) for s in dict.fromkeys(c.scheme for c in cells)],
            settings=_settings(folder, cells, setting),
        )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("trainer.benchmark.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"tied": _tied, "svg": _svg, "plural": plural}
    return environment.get_template("page.html.j2")


def _tied(text: _Text) -> _Text:
    """Keep a number on one line with its % and its deviation."""
    tied: Any = text.replace(" %", f"{_SPACE}%").replace(" ± ", f"{_SPACE}±{_SPACE}")
    return tied  # type: ignore[no-any-return]  # HTML stays HTML


def _svg(figure: Figure, prefix: str, description: str) -> Markup:
    return Markup(to_svg(figure, prefix, description))  # it escapes what it is given


def _byline(cells: Sequence[CellResult], groups: Sequence[Group], setting: dict[str, Any]) -> list[str]:
    counts = [
        plural(len(cells), "trained cell"),
        plural(len({g.model for g in groups}), "architecture"),
        plural(len({c.data for c in cells}), "data set"),
    ]
    return [*counts, str(setting["data"])] if "data" in setting else counts


def _several(groups: Sequence[Group]) -> bool:
    return any(len(g.cells) > 1 for g in groups)


def _seeds(groups: Sequence[Group]) -> str:
    """Say over how many cells means are taken."""
    counts = sorted({len(g.cells) for g in groups})
    if counts == [1]:
        return "n = 1 cell each."
    return f"n = {counts[0]} cells each." if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} cells each."


def _reach(groups: Sequence[Group]) -> dict[str, Any]:
    return {
        "drawn": labels_figure(groups),
        "shares": sum(g.labels == "random" for g in groups),
        "full": any(g.full for g in groups),
        "strokes": any(g.labels != "random" for g in groups),
        "networks": len({g.model for g in groups}),
        "seeds": _seeds(groups),
    }


def _training(folder: Path, cells: Sequence[CellResult], groups: Sequence[Group]) -> dict[str, Any] | None:
    curves = {c.name: found for c in cells if (found := read_curves(folder / c.name)) is not None}
    if not curves:
        return None
    return {"drawn": curves_figure(groups, curves), "missing": len(cells) - len(curves)}


def _classes(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return a figure for each scheme of classes; none where no cell has scores."""
    if not any(c.val or c.test for g in groups for c in g.cells):
        return []
    shown = []
    for scheme in dict.fromkeys(g.cells[0].scheme for g in groups):
        own = [g for g in groups if g.cells[0].scheme == scheme]
        test = any(c.test for g in own for c in g.cells)
        shown.append({"drawn": iou_figure(own), "test": test, "several": _several(own), "seeds": _seeds(own)})
    return shown


def _confusion(groups: Sequence[Group]) -> dict[str, Any]:
    best = [g.best for g in groups if g.best.val]
    shown = evenly(ranked(best), _MATRICES)
    return {"drawn": confusion_figure(shown, groups), "shown": len(shown), "of": len(best)}


def _settings(
    folder: Path, cells: Sequence[CellResult], setting: dict[str, Any]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return titles, and names and values below each."""
    precisions = _by_value({c.name: c.precision for c in cells})
    found = {c.name: e for c in cells if (e := read_environment(folder / c.name)) is not None}
    # Cells that ran on the same machine with the same versions are described once.
    environments = _by_value({k: json.dumps(v, sort_keys=True) for k, v in found.items()})
    return [
        ("Setting of this report", _flat(setting)),
        ("Precision", [(text, _names(names, cells)) for text, names in precisions.items()]),
        *((f"Environment of {_names(names, cells)}", _flat(json.loads(text))) for text, names in environments.items()),
    ]


def _flat(content: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Return names and values; tables within tables get names such as "versions: torch"."""
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{before}{key}"
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{name}: ")
        else:
            rows.append((name, " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)))
    return rows


def _by_value(values: dict[str, str]) -> dict[str, list[str]]:
    same: dict[str, list[str]] = {}
    for name, value in values.items():
        same.setdefault(value, []).append(name)
    return same


def _names(names: Sequence[str], cells: Sequence[CellResult]) -> str:
    return "all cells" if len(names) == len(cells) else listed(names)
