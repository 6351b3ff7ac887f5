"""A quiet line that says what to do next, for somebody who has never used the tool."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

__all__ = ["FirstSteps"]

_LOOK = """
#PartialSegFirstSteps {
    border: 1px solid rgba(78, 168, 222, 150); border-radius: 4px; background: rgba(78, 168, 222, 30);
}
#PartialSegFirstSteps QLabel { background: transparent; }
"""


class FirstSteps(QFrame):
    """Hidden while there is nothing to say.

    Signals
    -------
    dismissed()
        The person knows how.
    """

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("PartialSegFirstSteps")
        self.setStyleSheet(_LOOK)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self.cross = QToolButton()
        self.cross.setText("×")
        self.cross.setAccessibleName("Show no more first steps")
        self.cross.setToolTip("I know how: show no more of these")
        self.cross.clicked.connect(self.dismissed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 4)
        layout.addWidget(self._text, 1)
        layout.addWidget(self.cross, 0, Qt.AlignmentFlag.AlignTop)
        self.say("")

    @property
    def text(self) -> str:
        """What is said; "" for nothing."""
        return self._text.text()

    def say(self, text: str) -> None:
        """Say what to do next, or nothing."""
        self._text.setText(text)
        self.setVisible(bool(text))
