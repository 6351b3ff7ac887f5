from __future__ import annotations

import sys

import pytest
from qtpy.QtWidgets import QLabel


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None cannot be freed from Python 3.12 on")
def test_qt_calls_do_not_use_up_none(qtbot):
    # With a binding that drops a reference at each such call, the viewer dies within seconds of painting.
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for _ in range(2000):
        label.update()
    assert sys.getrefcount(None) > before - 1000
