"""What is asked before a session is let go of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMessageBox, QWidget

from napari_partialseg.words import as_text

if TYPE_CHECKING:
    from napari_partialseg.session.session import Session

__all__ = ["save_or_ask"]

_SAVE_SECONDS = 10.0


def save_or_ask(session: Session, parent: QWidget) -> None:
    """Do not let go of labels that are not on disk, unless a person says so.

    Parameters
    ----------
    session : Session
        What is about to be closed.
    parent : QWidget
        Before which it is asked.
    """
    retry, discard = QMessageBox.StandardButton.Retry, QMessageBox.StandardButton.Discard
    session.labels.settle()
    store = session.opened_image.store
    while not store.flush(_SAVE_SECONDS):
        why = store.last_error or "The disk is slow."
        text = as_text(f"{why}\n\nMake room and try again; else the last strokes are lost.")
        if QMessageBox.warning(parent, "Labels not saved", text, retry | discard) == discard:
            return
