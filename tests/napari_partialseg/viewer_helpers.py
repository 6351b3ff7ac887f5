"""What tests with a viewer share: a worker that does nothing, and a hand that draws."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication, QLabel, QPushButton

from annotations.region import Region
from annotations.store.mask import SparseMask


class FakeClient(QObject):
    """A worker that does nothing but remember what it was sent."""

    received = Signal(object)
    died = Signal(str)

    def __init__(self):
        super().__init__()
        self.running = False
        self.sent = []
        self.last_lines = ""

    def start(self):
        self.running = True

    def send(self, message):
        self.sent.append(message)
        return True

    def end(self):
        self.running = False

    def of(self, kind):
        return [m for m in self.sent if isinstance(m, kind)]


def button(panel, text):
    """Return the button of a panel with this text."""
    return next(b for b in panel.findChildren(QPushButton) if b.text() == text)


def holding(widget):
    """Return the line that says what is drawn."""
    return widget.board.draw.findChild(QLabel, "PartialSegHolding").text()


def stroke(widget, rows, columns, label):
    """Paint a rectangle through the layer's own history, as one stroke."""
    widget.board.classes.select(label)
    layer = widget.session.layers.labels
    grid = np.mgrid[rows[0] : rows[1], columns[0] : columns[1]]
    layer.data_setitem((grid[0].ravel(), grid[1].ravel()), label)
    QApplication.processEvents()


def on_disk(widget):
    """Return the labels as they are on disk, once everything is written."""
    QApplication.processEvents()
    held = widget.session.opened_image
    assert held.store.flush(10)
    mask = SparseMask.open(held.entry.folder / "labels.zarr")
    return mask.read(Region.whole(mask.shape))
