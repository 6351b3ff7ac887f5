"""Lines that say what went wrong and offer the way out, without a dialog in the way of drawing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFrame, QGridLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_partialseg.words import as_text, breakable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Banner"]

_ROWS = 2  # shown at once, the newest first; older ones follow as these are dismissed
_LETTERS = 360  # of one message; the rest is in the tool tip
_LOOKS = {  # background, border, text, button
    True: ("#4a3320", "#f2a541", "#ffe8cc", "#6b4a2c"),
    False: ("#fff1d6", "#b8761b", "#4a2f0b", "#f6d9a8"),
}


@dataclass(frozen=True)
class _Message:
    text: str
    action: str
    way_out: Callable[[], None] | None
    detail: str
    cause: str


class _Row(QFrame):
    """One message: its text, its button for the way out, and a cross."""

    def __init__(self, banner: Banner, place: int) -> None:
        super().__init__(banner)
        self.setObjectName("PartialSegMessage")
        self.text = QLabel()
        self.text.setObjectName("PartialSegText")
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.text.customContextMenuRequested.connect(lambda _: banner.copy(place))
        self.action = QPushButton()
        self.action.clicked.connect(lambda: banner.take_way_out(place))
        self.cross = QToolButton()
        self.cross.setText("×")
        self.cross.setAccessibleName("Dismiss this message")
        self.cross.setToolTip("Dismiss this message")
        self.cross.clicked.connect(lambda: banner.dismiss(place))
        layout = QGridLayout(self)
        layout.setContentsMargins(8, 5, 5, 5)
        layout.setSpacing(4)
        layout.addWidget(self.text, 0, 0)
        layout.addWidget(self.cross, 0, 1, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.action, 1, 0, 1, 2, Qt.AlignmentFlag.AlignRight)
        layout.setColumnStretch(0, 1)

    def show_message(self, message: _Message | None) -> None:
        """Show a message, or nothing."""
        self.setVisible(message is not None)
        text = "" if message is None else message.text
        short = text if len(text) <= _LETTERS else text[:_LETTERS] + "…"
        self.text.setText(breakable(short))
        self.action.setText("" if message is None else message.action)
        self.action.setVisible(bool(message is not None and message.action))
        parts = [text if short != text else "", "" if message is None else message.detail, "Right-click to copy it."]
        self.text.setToolTip(as_text("\n\n".join(part for part in parts if part)))


class Banner(QFrame):
    """Hidden until there is something to say; several messages stand below each other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._messages: list[_Message] = []  # the newest last
        self._rows = [_Row(self, place) for place in range(_ROWS)]
        self._more = QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for row in self._rows:
            layout.addWidget(row)
        layout.addWidget(self._more)
        self.set_dark(True)
        self._show()

    @property
    def text(self) -> str:
        """What it says, the newest message first; "" when it is hidden."""
        if not self.isVisibleTo(self.parentWidget()):
            return ""
        return "\n".join(message.text for message in reversed(self._messages))

    @property
    def action(self) -> str:
        """The words on the button of the newest message; "" where it has none."""
        newest = self._at(0)
        return "" if newest is None else newest.action

    def say(
        self,
        text: str,
        action: str = "",
        way_out: Callable[[], None] | None = None,
        *,
        detail: str = "",
        cause: str = "",
        alone: bool = True,
    ) -> None:
        """Show a message above those that are there.

        Parameters
        ----------
        text : str
            Shown as it stands.
        action : str
            Words on the button for the way out, if there is one.
        way_out : callable, optional
            What the button does; the message goes.
        detail : str
            For a bug report: shown as tool tip.
        cause : str
            A word for what is wrong; `clear(cause)` takes the message away when that is mended.
        alone : bool
            Whether it takes the place of an older message of the same cause.
        """
        self._messages = [m for m in self._messages if m.text != text and not (alone and cause and m.cause == cause)]
        self._messages.append(_Message(text, action, way_out, detail, cause))
        self._show()

    def explain(self, text: str, detail: str) -> None:
        """Add details for a bug report to a message that is there, by its very text."""
        self._messages = [replace(m, detail=detail) if m.text == text else m for m in self._messages]
        self._show()

    def clear(self, cause: str) -> None:
        """Take away what was said of a cause that is gone."""
        self._messages = [m for m in self._messages if m.cause != cause]
        self._show()

    def take_back(self, text: str) -> None:
        """Take away a message that is true no more, by its very text."""
        self._messages = [m for m in self._messages if m.text != text]
        self._show()

    def hide(self) -> None:
        """Dismiss all messages."""
        self._messages.clear()
        self._show()

    def dismiss(self, place: int) -> None:
        """Dismiss the message in a row, 0 for the newest."""
        message = self._at(place)
        if message is not None:
            self._messages.remove(message)
            self._show()

    def press(self) -> None:
        """Press the button of the newest message, as the user would."""
        self.take_way_out(0)

    def take_way_out(self, place: int) -> None:
        """Dismiss the message in a row and do what its button says."""
        message = self._at(place)
        self.dismiss(place)
        if message is not None and message.way_out is not None:
            message.way_out()

    def copy(self, place: int) -> None:
        """Copy the message in a row, with its details."""
        message, clipboard = self._at(place), QApplication.clipboard()
        if message is not None and clipboard is not None:
            clipboard.setText("\n".join(part for part in (message.text, message.detail) if part))

    def set_dark(self, dark: bool) -> None:
        """Fit a dark or a light theme."""
        back, edge, text, button = _LOOKS[dark]
        self.setStyleSheet(
            f"#PartialSegMessage {{ background: {back}; border: 1px solid {edge}; border-radius: 4px; }}"
            f"#PartialSegMessage QLabel {{ background: transparent; color: {text}; }}"
            f"#PartialSegMessage QToolButton {{ background: transparent; border: none; color: {text}; "
            "padding: 0 4px; }"
            f"#PartialSegMessage QPushButton {{ background: {button}; color: {text}; border-radius: 3px; "
            "padding: 3px 10px; }"
        )

    def _at(self, place: int) -> _Message | None:
        return self._messages[-1 - place] if place < len(self._messages) else None

    def _show(self) -> None:
        for place, row in enumerate(self._rows):
            row.show_message(self._at(place))
        more = len(self._messages) - _ROWS
        self._more.setText(f"and {more} more, below these" if more > 0 else "")
        self._more.setVisible(more > 0)
        self.setVisible(bool(self._messages))
