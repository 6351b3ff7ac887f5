"""Keys while our layers are active: digits for classes, letters for tools, and no key that breaks the work.

The digits are mode keys of napari's layers ("7" drags the layer away), and a layer's own binding holds only while it is
active and the canvas has the focus: a shortcut of the window wins over both. While a layer of somebody else's is active
all keys are napari's. Letters and digits typed into a field stay what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QMainWindow, QShortcut

from napari_partialseg.session.hand import POINT_TOOLS, TOOL_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qtpy.QtWidgets import QWidget

    from annotations.classes import ClassScheme
    from napari_partialseg.session.session import Session

__all__ = ["ClassKeys", "WorkKeys"]

_LOOKS = "TWO"
_OTHERS = f"XVMNBYC-=[]{_LOOKS}"
_SAVE = ("Ctrl+S", "Ctrl+Shift+S", "Ctrl+Alt+S")
_TURNS = ("Ctrl+E", "Ctrl+T", "Ctrl+Alt+T", "Ctrl+G")


class ClassKeys(QObject):
    """The keys of the classes; digits that no class has do nothing.

    Parameters
    ----------
    window : QWidget
        The main window.

    Signals
    -------
    chosen(index)
        The key of a class was pressed.
    unknown(key)
        A digit was pressed that no class has.
    """

    chosen = Signal(int)
    unknown = Signal(str)

    def __init__(self, window: QWidget, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = window
        self._active = True
        self._shortcuts: list[QShortcut] = []
        self._index: dict[str, int] = {}

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Bind the keys of these classes, and the digits that none of them has to nothing."""
        self.clear()
        self._index = keys = {item.key.upper(): index for index, item in enumerate(scheme.classes) if item.key}
        for key in dict.fromkeys([*keys, *"123456789"]):
            if key in (*TOOL_KEYS.values(), *_OTHERS):
                continue  # taken; two shortcuts of one key would both fall silent
            self._shortcuts.append(_shortcut(self._window, key, lambda key=key: self.press(key)))
        self.set_active(self._active)

    def set_active(self, active: bool) -> None:
        """Take the keys, or leave them to the viewer."""
        self._active = active
        for shortcut in self._shortcuts:
            shortcut.setEnabled(active)

    def clear(self) -> None:
        """Give all keys back."""
        _remove(self._shortcuts)

    def press(self, key: str) -> None:
        """Do what the key does."""
        index = self._index.get(key)
        if index is None:
            self.unknown.emit(key)
        else:
            self.chosen.emit(index)


class WorkKeys(QObject):
    """All other keys of a session.

    Parameters
    ----------
    window : QWidget
        The main window.
    session : Session
        What the keys work on.
    classes : ClassKeys
        Taken and given back together with these.
    hint : callable
        Told, in a few words, what a key did or why it does nothing.
    look : callable
        Told the key of those that are for looking at the map: T, W or O.
    """

    def __init__(
        self,
        window: QWidget,
        session: Session,
        classes: ClassKeys,
        hint: Callable[[str], None],
        look: Callable[[str], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._classes = classes
        self._hint = hint
        classes.unknown.connect(self._say_unknown)
        labels = session.layers.labels
        bound: list[tuple[str, Callable[[], Any]]] = [
            *((key, lambda tool=tool: self._take(tool)) for tool, key in TOOL_KEYS.items()),
            ("X", self._swap),
            ("V", self._peek),
            *((key, lambda key=key: look(key)) for key in _LOOKS),
            ("N", session.places.next),
            ("B", session.places.back),
            ("Y", session.note_here.emit),
            ("C", session.check_map.emit),
            ("M", lambda: hint("a new class is made with Add class in the panel")),
            ("-", lambda: self._step(-1)),
            ("=", lambda: self._step(1)),
            ("[", lambda: setattr(labels, "brush_size", max(int(labels.brush_size) - 1, 1))),
            ("]", lambda: setattr(labels, "brush_size", int(labels.brush_size) + 1)),
            ("Ctrl+Z", session.labels.undo),
            ("Ctrl+Y", session.labels.redo),
            ("Ctrl+Shift+Z", session.labels.redo),
            *((key, self._no_turning) for key in _TURNS),
        ]
        self._shortcuts = [_shortcut(window, key, act) for key, act in bound]
        # On the layers too, instead of napari's: for keys that come by no shortcut of this window.
        self._bound: list[tuple[Any, str]] = []
        for key, act in [*bound, *((digit, lambda digit=digit: classes.press(digit)) for digit in "123456789")]:
            for layer in () if "Z" in key and "Ctrl" in key else session.layers.all():  # the tracker binds undo itself
                layer.bind_key(key, lambda _layer, act=act: _done(act), overwrite=True)
                self._bound.append((layer, key))
        # Ctrl+S is the shortcut of a menu's action too: two of one key would both fall silent.
        self._taken: list[tuple[Any, list[QKeySequence]]] = []
        self._always = [_shortcut(window, key, lambda key=key: self._save(key)) for key in _SAVE]
        for action in _menu_actions(window):
            if any(sequence.toString() in _SAVE for sequence in action.shortcuts()):
                self._taken.append((action, action.shortcuts()))
                action.setShortcuts([])
        self._selection = session.viewer.layers.selection
        self._selection.events.changed.connect(self._follow)
        self._follow()

    def clear(self) -> None:
        """Give all keys back."""
        self._selection.events.changed.disconnect(self._follow)
        self._classes.set_active(False)
        self._classes.unknown.disconnect(self._say_unknown)
        _remove(self._shortcuts)
        _remove(self._always)
        for layer, key in self._bound:
            layer.bind_key(key, None)
        self._bound.clear()
        for action, sequences in self._taken:
            action.setShortcuts(sequences)
        self._taken.clear()

    def _follow(self, event: object = None) -> None:
        ours = self._session.hand.ours
        self._classes.set_active(ours)
        for shortcut in self._shortcuts:
            shortcut.setEnabled(ours)

    def _say_unknown(self, key: str) -> None:
        self._hint(f"no class has the key {key}")

    def _take(self, tool: str) -> None:
        if self._session.read_only and tool != "move":
            self._hint("open for reading only: nothing can be drawn")
        else:
            self._session.hand.take_tool(tool)

    def _swap(self) -> None:
        self._session.hand.swap()
        label = self._session.hand.label
        self._hint(f"class: {self._session.scheme.names[label] if label >= 0 else 'unlabelled (takes labels away)'}")

    def _step(self, by: int) -> None:
        hand = self._session.hand
        least = 0 if hand.tool in POINT_TOOLS else -1
        hand.take_class(min(max(hand.label + by, least), len(self._session.scheme) - 1))

    def _peek(self) -> None:
        prediction = self._session.layers.prediction
        prediction.visible = not prediction.visible
        self._hint("prediction shown" if prediction.visible else "prediction hidden (V shows it again)")

    def _no_turning(self) -> None:
        self._hint("the view of an orthophoto stays flat, upright and in one piece")

    def _save(self, key: str) -> None:
        if self._session.hand.ours:
            self._hint(self._session.save_now())
            return
        for action, sequences in self._taken:
            if any(sequence.toString() == key for sequence in sequences):
                action.trigger()


def _shortcut(window: QWidget, key: str, act: Callable[[], Any]) -> QShortcut:
    shortcut = QShortcut(QKeySequence(key), window)
    shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
    shortcut.setAutoRepeat(key in "[]")
    shortcut.activated.connect(lambda: act())
    return shortcut


def _done(act: Callable[[], Any]) -> None:
    act()  # napari would take what it returns for a thing to do when the key comes up


def _remove(shortcuts: list[QShortcut]) -> None:
    for shortcut in shortcuts:
        shortcut.setEnabled(False)
        shortcut.deleteLater()
    shortcuts.clear()


def _menu_actions(window: QWidget) -> Iterator[Any]:
    if not isinstance(window, QMainWindow):  # a dock that floats
        return
    waiting = list(window.menuBar().actions())
    while waiting:
        action = waiting.pop()
        if action.menu() is not None:
            waiting.extend(action.menu().actions())
        else:
            yield action
