"""The drawing tools, one press away: napari's own modes, under names that say what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_partialseg.session.hand import TOOL_KEYS

if TYPE_CHECKING:
    from napari_partialseg.session.session import Session

__all__ = ["DrawPanel"]

_TOOLS = (
    ("brush", "Brush", "Paint strokes with the chosen class"),
    ("eraser", "Eraser", "Take labels away"),
    ("polygon", "Polygon", "Click corners, double-click to close"),
    ("fill", "Fill", "Fill a connected patch of one label, as far as it is in view"),
    ("point", "Points", "Click: each click labels a small disc"),
    ("select", "Select", "Select points, to move them or, with Delete, to take them back"),
    ("pick", "Pick", "Choose the class that lies under the pointer"),
    ("move", "Move", "Drag the view; or hold Space"),
)
_COLUMNS = 4


class DrawPanel(QWidget):
    """Buttons for the tools, a slider for the brush, and a line that says what is drawn."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session: Session | None = None
        self._buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        grid = QGridLayout()
        grid.setSpacing(4)
        for i, (name, text, tip) in enumerate(_TOOLS):
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(f"{tip} ({TOOL_KEYS[name]})")
            button.clicked.connect(lambda _checked=False, name=name: self.choose(name))
            self._group.addButton(button)
            grid.addWidget(button, i // _COLUMNS, i % _COLUMNS)
            self._buttons[name] = button
        self._holding = QLabel("")
        self._holding.setObjectName("PartialSegHolding")
        self._holding.setTextFormat(Qt.TextFormat.PlainText)
        self._holding.setToolTip("X changes between the class and unlabelled, which takes labels away")
        self._size = QSlider(Qt.Orientation.Horizontal)
        self._size.setRange(1, 60)
        self._size.setValue(8)
        self._size.setToolTip("Diameter of the brush, in pixels of the image ([ and ])")
        self._size_text = QLabel("8 px")
        self._size_text.setMinimumWidth(40)
        self._size.valueChanged.connect(self._sized)
        brush = QHBoxLayout()
        brush.addWidget(QLabel("brush"))
        brush.addWidget(self._size, 1)
        brush.addWidget(self._size_text)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        layout.addWidget(self._holding)
        layout.addLayout(brush)

    @property
    def tool(self) -> str:
        """The tool shown as taken up; "" for none."""
        return next((name for name, button in self._buttons.items() if button.isChecked()), "")

    def set_session(self, session: Session | None) -> None:
        """Draw in this session from now on."""
        if self._session is not None:
            self._session.hand.changed.disconnect(self._follow)
            self._session.scheme_changed.disconnect(self._follow)
            self._session.layers.labels.events.brush_size.disconnect(self._follow_size)
        self._session = session
        self.setEnabled(session is not None and not session.read_only)
        if session is None:
            self._holding.setText("")
            return
        session.hand.changed.connect(self._follow)
        session.scheme_changed.connect(self._follow)
        session.layers.labels.events.brush_size.connect(self._follow_size)
        session.layers.labels.brush_size = self._size.value()
        if not session.read_only:
            self.choose("brush")

    def choose(self, name: str) -> None:
        """Take up a tool."""
        session = self._session
        if session is None or session.read_only:
            return
        session.hand.take_tool(name)
        self._follow()

    def _follow(self) -> None:
        """Show what is in use, however it was chosen."""
        session = self._session
        if session is None:
            return
        tool, label = session.hand.tool, session.hand.label
        if tool:
            self._buttons[tool].setChecked(True)
        else:  # a layer that is not ours is active
            self._group.setExclusive(False)
            for button in self._buttons.values():
                button.setChecked(False)
            self._group.setExclusive(True)
        name = session.scheme.names[label] if 0 <= label < len(session.scheme) else ""
        if not tool:
            text = "another layer is active: drawing there is not learnt"
        elif tool == "eraser" or not name:
            text = "draws: unlabelled (takes labels away)"
        else:
            text = f"draws: {name}"
        self._holding.setText(text)

    def _follow_size(self, event: object = None) -> None:
        if self._session is not None:
            size = int(self._session.layers.labels.brush_size)
            if size != self._size.value():
                self._size.setValue(min(max(size, 1), 60))

    def _sized(self, value: int) -> None:
        self._size_text.setText(f"{value} px")
        if self._session is not None and int(self._session.layers.labels.brush_size) != value:
            self._session.layers.labels.brush_size = value
