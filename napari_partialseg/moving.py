"""All labels of a class given to another one, or taken away: asked once, then done while the viewer goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMessageBox

from napari_partialseg.words import as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_partialseg.session.session import Session

__all__ = ["ask_and_move"]


def ask_and_move(
    parent: QWidget, session: Session, label: int, to: int, tell: Callable[[str], object], still: Callable[[], bool]
) -> None:
    """Ask whether the labels of a class shall go to another one (-1: be taken away), and have it done.

    Parameters
    ----------
    parent : QWidget
        Over which is asked.
    session : Session
        Whose labels they are.
    label, to : int
        The class, and the other.
    tell : callable(str)
        Told what came of it, in a few words.
    still : callable
        Whether the session is open still, once there is an answer.
    """
    names = session.scheme.names
    if session.read_only:
        tell("open for reading only: labels stay as they are")
        return
    session.labels.settle()
    count = session.labels.all_counts()[label]
    points = session.labels.points_of(label)
    if not count and not points:
        tell(f"{names[label]} has no labels to move")
        return
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    answer = QMessageBox.question(
        parent, "Move labels?", as_text(_question(names, label, to, count, points)), yes | no, no
    )
    if answer != yes or not still():
        return
    done = f"labels of {names[label]} are {'unlabelled' if to < 0 else names[to]} now"
    session.labels.move_class(label, to, lambda n: tell(f"{n:,} {done} (Ctrl+Z takes it back)"))


def _question(names: tuple[str, ...], label: int, to: int, count: int, points: int) -> str:
    """Return what is asked."""
    what = f"{count:,} labelled pixels"
    if points:
        what += f" and {points:,} point{'s' if points > 1 else ''}"
    where = "become unlabelled" if to < 0 else f"become {names[to]!r}"
    return (
        f"{what} of {names[label]!r} on this image {where}, random and imported labels too.\n\n"
        "The class stays in the list. It is one step, and Ctrl+Z takes it back."
    )
