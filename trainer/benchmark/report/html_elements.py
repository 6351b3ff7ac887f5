"""The elements of an HTML page with numbered figures and tables; all text is escaped here."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from trainer.benchmark.report.css import STYLE
from trainer.benchmark.report.svg import to_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trainer.benchmark.report.tables import ReportTable

__all__ = ["Page", "details_html", "table_html"]

_SPACE = "\u00a0"


def _escaped(text: str) -> str:
    """Escape text, and keep a number together with its % and its deviation."""
    return escape(text).replace(" %", f"{_SPACE}%").replace(" ± ", f"{_SPACE}±{_SPACE}")


class Page:
    """A page that grows from top to bottom, and counts its figures and tables.

    Parameters
    ----------
    title : str
        Of the window; also the first heading.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []
        self._figures = 0
        self._tables = 0
        self.text("h1", title)

    def text(self, tag: str, text: str, css: str = "") -> None:
        """Add a heading or a paragraph."""
        self.html(f'<{tag} class="{css}">{_escaped(text)}</{tag}>' if css else f"<{tag}>{_escaped(text)}</{tag}>")

    def html(self, html: str) -> None:
        """Add what is HTML already."""
        self._parts.append(html)

    def figure(self, drawn: Figure | None, title: str, caption: str) -> None:
        """Add a figure, its caption below, unless there is nothing to draw."""
        if drawn is not None:
            self.content(to_svg(drawn, f"f{self._figures + 1}", title), title, caption)

    def content(self, html: str, title: str, caption: str) -> None:
        """Add HTML as a figure."""
        self._figures += 1
        self.html(f'<div class="item">{html}{_caption(f"Figure {self._figures}. {title}.", caption)}</div>')

    def table(self, table: ReportTable, title: str, caption: str, css: str = "") -> None:
        """Add a table, its caption above."""
        self._tables += 1
        above = _caption(f"Table {self._tables}. {title}.", caption)
        self.html(f'<div class="item">{above}{table_html(table, css)}</div>')

    def document(self) -> str:
        """Return the whole file."""
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self._title)}</title><style>{STYLE}</style></head>\n<body>\n"
            + "\n".join(self._parts)
            + "\n</body></html>\n"
        )


def _caption(title: str, text: str) -> str:
    return f'<p class="caption"><b>{_escaped(title)}</b> {_escaped(text)}</p>'


def table_html(table: ReportTable, css: str = "") -> str:
    """Return a table that scrolls where it is too wide; deviations stand small below their means."""

    def kind(column: int) -> str:
        return "" if column < table.texts else ' class="n"'

    head = "<tr>" + "".join(f"<th{kind(i)}>{_escaped(text)}</th>" for i, text in enumerate(table.header)) + "</tr>"
    if table.spans:
        above = ""
        for title, count in table.spans:
            line = f"<div>{_escaped(title)}</div>" if title else ""
            above += f'<th class="span" colspan="{count}">{line}</th>'
        head = f"<tr>{above}</tr>{head}"
    body = ""
    for index, row in enumerate(table.rows):
        cells = ""
        for i, text in enumerate(row):
            mean, _, deviation = text.partition(" ± ") if i >= table.texts else (text, "", "")
            below = f"<small>±{_SPACE}{_escaped(deviation)}</small>" if deviation else ""
            cells += f"<td{kind(i)}>{_escaped(mean)}{below}</td>"
        body += f'<tr class="full">{cells}</tr>' if index in table.marked else f"<tr>{cells}</tr>"
    return f'<div class="scroll"><table class="{css}"><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def details_html(title: str, content: dict[str, Any]) -> str:
    """Return plain values that unfold at a click; tables within tables get names such as "versions: torch"."""
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in _flat(content))
    return f"<details><summary>{escape(title)}</summary><dl>{rows}</dl></details>"


def _flat(content: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{before}{key}"
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{name}: ")
        else:
            rows.append((name, " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)))
    return rows
