"""The classes in their table: what is shown, renamed, added and refused."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QTableWidget
from viewer_helpers import button

from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass
from napari_partialseg.panels.classes import ClassesPanel

pytestmark = pytest.mark.usefixtures("display", "qapp")


def texts(panel, column):
    table = panel.findChild(QTableWidget)
    return [table.item(row, column).text() for row in range(table.rowCount())]


@pytest.fixture
def classes(qtbot):
    panel = ClassesPanel(LANDCOVER_AI)
    qtbot.addWidget(panel)
    return panel


@pytest.fixture
def told(classes):
    """Return what the panel asks for, as it does so."""
    heard = []
    classes.edited.connect(lambda scheme: heard.append(("edited", scheme)))
    classes.refused.connect(lambda text: heard.append(("refused", text)))
    return heard


def test_the_classes_are_listed_with_key_and_count(classes, told):
    classes.set_counts([0, 1234, 7, 0, 2])
    assert texts(classes, 1) == list(LANDCOVER_AI.names)
    assert texts(classes, 2) == ["1", "2", "3", "4", "5"]
    assert texts(classes, 3) == ["–", "1,234", "7", "–", "2"]
    assert told == []


def test_picking_a_row_picks_the_class(classes, qtbot):
    with qtbot.waitSignal(classes.selected) as caught:
        classes.select(3)
    assert caught.args == [3]
    assert classes.index == 3
    classes.select(99)
    assert classes.index == 3


def test_a_class_is_renamed_in_its_cell(classes, told):
    classes.findChild(QTableWidget).item(2, 1).setText("  forest ")
    ((what, scheme),) = told
    assert what == "edited"
    assert scheme.names == ("background", "building", "forest", "water", "road")
    assert scheme.colours == LANDCOVER_AI.colours


@pytest.mark.parametrize("name", ["", "   ", "water"])
def test_a_name_that_cannot_be_is_refused_and_the_old_one_comes_back(classes, told, name):
    classes.findChild(QTableWidget).item(2, 1).setText(name)
    assert [what for what, _ in told] == ["refused"]
    assert classes.scheme == LANDCOVER_AI
    assert texts(classes, 1) == list(LANDCOVER_AI.names)


def test_a_colour_changes_and_nothing_else(classes, told):
    classes.set_colour(1, "#010203")
    ((_, scheme),) = told
    assert scheme == LANDCOVER_AI.with_class(1, colour="#010203")


def test_the_same_again_is_no_edit(classes, told):
    classes.rename(1, "building")
    classes.set_colour(1, LANDCOVER_AI.colours[1])
    assert told == []


def test_classes_are_added_with_names_and_keys_of_their_own(classes, told):
    for _ in range(7):
        button(classes, "Add class").click()
    scheme = told[-1][1]
    assert len(scheme) == len(set(scheme.names)) == 12
    assert scheme.classes[:5] == LANDCOVER_AI.classes
    assert [c.key for c in scheme.classes] == [*"123456789", "", "", ""]
    assert classes.index == 11


def test_a_class_added_after_a_rename_has_a_free_name(classes):
    classes.rename(0, "class 6")
    button(classes, "Add class").click()
    assert len(set(classes.scheme.names)) == 6


def test_the_last_class_goes_only_without_labels(classes, told):
    classes.set_counts([0, 0, 0, 0, 5])
    button(classes, "Remove last").click()
    assert told[-1][0] == "refused"
    assert "road" in told[-1][1]
    assert classes.scheme == LANDCOVER_AI
    classes.set_counts([9, 9, 9, 9, 0])
    button(classes, "Remove last").click()
    assert told[-1] == ("edited", ClassScheme(LANDCOVER_AI.classes[:-1]))


def test_two_classes_stay(qtbot):
    panel = ClassesPanel(ClassScheme((LandClass("a", "#000000"), LandClass("b", "#ffffff"))))
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.refused):
        panel.remove_last()
    assert len(panel.scheme) == 2
