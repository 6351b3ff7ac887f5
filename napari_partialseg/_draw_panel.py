"""The drawing tools, one press away: napari's own modes, under names that say what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_partialseg._session import Session

__all__ = ["DrawPanel"]

_TOOLS = (
    ("brush", "Brush", "Paint strokes with the chosen class (P)", "paint"),
    ("eraser", "Eraser", "Take labels away (E)", "erase"),
    ("polygon", "Polygon", "Click corners, double-click to close", "polygon"),
    ("fill", "Fill", "Fill a connected patch of one label, as far as it is in view (F)", "fill"),
    ("point", "Points", "Click: each click labels a small disc; select and delete points to take them back", ""),
    ("move", "Move", "Drag the view (Z, or hold Space)", "pan_zoom"),
)


class DrawPanel(QWidget):
    """Buttons for the tools and a slider for the brush."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session: Session | None = None
        self._buttons: dict[str, QPushButton] = {}
        group = QButtonGroup(self)
        group.setExclusive(True)
        grid = QGridLayout()
        grid.setSpacing(4)
        for i, (name, text, tip, _) in enumerate(_TOOLS):
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(lambda _checked=False, name=name: self.choose(name))
            group.addButton(button)
            grid.addWidget(button, i // 3, i % 3)
            self._buttons[name] = button
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
        layout.addLayout(brush)

    def set_session(self, session: Session | None) -> None:
        """Draw in this session from now on."""
        if self._session is not None:
            for event in self._events(self._session):
                event.disconnect(self._follow)
        self._session = session
        self.setEnabled(session is not None and not session.read_only)
        if session is None:
            return
        for event in self._events(session):
            event.connect(self._follow)
        session.layers.labels.brush_size = self._size.value()
        if not session.read_only:
            self.choose("brush")

    def choose(self, name: str) -> None:
        """Take up a tool."""
        session = self._session
        if session is None or session.read_only:
            return
        layers = session.layers
        if name == "point":
            session.viewer.layers.selection.active = layers.points
            layers.points.mode = "add"
        else:
            session.viewer.layers.selection.active = layers.labels
            layers.labels.mode = next(mode for tool, _, _, mode in _TOOLS if tool == name)
        self._follow()

    @staticmethod
    def _events(session: Session) -> tuple[Any, ...]:
        labels = session.layers.labels
        return labels.events.mode, labels.events.brush_size, session.viewer.layers.selection.events.active

    def _follow(self, event: object = None) -> None:
        """Show the tool that is in use, however it was chosen."""
        session = self._session
        if session is None:
            return
        layers = session.layers
        active = session.viewer.layers.selection.active
        if active is layers.points:
            current = "point"
        else:
            mode = str(layers.labels.mode)
            current = next((tool for tool, _, _, m in _TOOLS if m == mode), "move")
        self._buttons[current].setChecked(True)
        size = int(layers.labels.brush_size)
        if size != self._size.value():
            self._size.setValue(min(max(size, 1), 60))

    def _sized(self, value: int) -> None:
        self._size_text.setText(f"{value} px")
        if self._session is not None and int(self._session.layers.labels.brush_size) != value:
            self._session.layers.labels.brush_size = value
