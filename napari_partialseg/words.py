"""Words on the screen as they stand: names of files and classes are not markup, and long ones are shortened."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

__all__ = ["ElidedLabel", "as_text", "breakable", "without_markup"]

_LONG = re.compile(r"\S{20,}")


def as_text(text: str) -> str:
    """Return what a tool tip or a message box shows as this very text.

    Both guess whether a text is HTML; a file named "<img src=…>" would be rendered, and looked for on the network.
    """
    if "<" not in text and "&" not in text:
        return text
    return "<qt>" + escape(text).replace("\n", "<br>") + "</qt>"


def without_markup(text: str) -> str:
    """Return a text that no label takes for HTML, for labels of others: a zero-width space follows each "<" and "&".

    Unlike `as_text` it may be shortened, or put together with other texts, by whoever shows it.
    """
    return text.replace("<", "<\u200b").replace("&", "&\u200b")


def breakable(text: str) -> str:
    """Return the text with places where long paths and names may break over lines (zero-width spaces)."""
    return _LONG.sub(lambda match: re.sub(r"([/\\._-])(?=.)", "\\1\u200b", match[0]), text)


class ElidedLabel(QLabel):
    """One line of plain text, shortened in the middle where there is no room; the whole of it is in the tool tip."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._whole = ""
        self._tip = ""
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show a text."""
        self._whole = text
        self._elide()

    def text(self) -> str:
        """Return the whole text."""
        return self._whole

    def set_tip(self, tip: str) -> None:
        """Say more in the tool tip than the text itself."""
        self._tip = tip
        self._elide()

    def minimumSizeHint(self) -> QSize:
        """Return the least size: any width will do."""
        return QSize(20, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten anew."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        mode, metrics = Qt.TextElideMode.ElideMiddle, self.fontMetrics()
        # A style sheet may pad the label; only its size hint tells how much.
        padding = max(super().sizeHint().width() - metrics.horizontalAdvance(super().text()), 0)
        shown = metrics.elidedText(self._whole.replace("\n", " "), mode, max(self.width() - padding - 2, 20))
        if shown != super().text():
            super().setText(shown)
        self.setToolTip(as_text(self._tip or (self._whole if shown != self._whole else "")))
