"""Serves the panel of snapshots: takes them at their times, compares, puts labels back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QMessageBox

from annotations.errors import PartialSegError
from annotations.history.comparing import compare
from annotations.history.keeper import SnapshotKeeper
from annotations.history.recorded import read_recorded
from annotations.history.snapshots import SnapshotStore
from napari_partialseg.history.snapshot_layer import SnapshotLayer
from napari_partialseg.jobs.desk import Desk
from napari_partialseg.panels.snapshots import moment
from napari_partialseg.words import as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.history.comparing import Comparison
    from annotations.history.snapshot import LabelSnapshot
    from annotations.labels.restoring import Recorded
    from napari_partialseg.panels.snapshots import SnapshotsPanel
    from napari_partialseg.session.session import Session

__all__ = ["SnapshotDesk"]

_EVERY_MILLISECONDS = 10 * 60 * 1000
_CLOSING_SECONDS = 5.0


class SnapshotDesk(Desk):
    """Takes snapshots of a session, and shows what there are.

    Parameters
    ----------
    panel : SnapshotsPanel
        Its table and buttons.

    Signals
    -------
    done(text)
        Something was done, in words.
    look_at(region)
        A part of the image is to be seen.
    compared()
        The panel shows a comparison.
    """

    done = Signal(str)
    look_at = Signal(object)
    compared = Signal()
    _told = Signal(object, object, str)

    def __init__(self, panel: SnapshotsPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._store: SnapshotStore | None = None
        self._keeper: SnapshotKeeper | None = None
        self._layer: SnapshotLayer | None = None
        self._found: Comparison | None = None
        self._changed = False
        self._turn = 0  # counts the sessions: one that is closed must not be held by what comes late
        self._said = ""
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MILLISECONDS)
        self._timer.timeout.connect(self.take_if_changed)
        self._told.connect(self._taken, Qt.ConnectionType.QueuedConnection)  # from the thread that writes them
        panel.take.connect(self.take_by_hand)
        panel.compare.connect(self.compare)
        panel.restore.connect(self.restore)
        panel.delete.connect(self._ask_delete)
        panel.renamed.connect(self._rename)
        panel.go_there.connect(self._go_there)

    def set_session(self, session: Session | None) -> None:
        """Serve this session from now on; of the one before a last snapshot is taken."""
        self._end()
        super().set_session(session)
        if session is None:
            self._panel.show_snapshots([], 0, writable=False)
            return
        opened = session.opened_image
        guard = None if session.read_only else opened.project.check_held
        self._store = SnapshotStore(opened.entry.files.history, writable=not session.read_only, guard=guard)
        self._layer = SnapshotLayer(session)
        if not session.read_only:
            self._keeper = SnapshotKeeper(opened.store, self._store)
            session.labels.changed.connect(self._note_change)
            session.labels.large_step.connect(self._before)
            session.labels.scheme_changed.connect(self.end_comparison)
            self._timer.start()
            self.take("opened")
        self._show()

    # ------------------------------------------------------------------------------------------------------ taking

    def take(self, why: str, name: str = "", told: Callable[[LabelSnapshot | None, str], object] | None = None) -> None:
        """Take a snapshot of the labels as they were last taken note of; nobody waits for it.

        What a script wrote in this very moment is in the next: to look for that takes longer than all else here.

        Parameters
        ----------
        why : str
            What for, in a few words.
        name : str
            Given by a person.
        told : callable, optional
            Told what came of it, in this thread; by default a problem is said on the panel.
        """
        session, keeper = self.session, self._keeper
        if session is None or keeper is None:
            return
        self._changed, turn = False, self._turn
        keeper.take(
            why,
            session.scheme,
            name=name,
            counts=session.labels.all_counts(),
            told=lambda snapshot, problem: self._told.emit((turn, told), snapshot, problem),
        )

    def take_by_hand(self, name: str) -> None:
        """Take one because a person wants it, of all that was drawn up to now."""
        if self.session is not None:
            self.session.labels.settle()
            self.take("kept by hand", name)

    def take_if_changed(self) -> None:
        """Take one if anything was drawn since the last."""
        if self._changed:
            self.take("while working")

    def _note_change(self) -> None:
        self._changed = True

    def _before(self, step: str) -> None:
        self.take(f"before {step}")

    def _taken(self, asked: Any, snapshot: LabelSnapshot | None, problem: str) -> None:
        turn, told = asked
        if turn != self._turn:  # of a session that is closed
            return
        if told is not None:
            told(snapshot, problem)
        elif problem and problem != self._said:
            self._said = problem  # once: labels go on being saved, and the next is taken in ten minutes
            self.failed.emit(f"A snapshot of the labels {problem}. The labels themselves are saved as you draw.")
        elif snapshot is not None:
            self._said = ""
            if snapshot.name:
                self.done.emit(f"the labels of now are kept as {snapshot.name}")
        self._show()

    def _end(self) -> None:
        """Take a last snapshot, and give everything back."""
        self._timer.stop()
        self.end_comparison()
        session, keeper = self.session, self._keeper
        if session is not None and keeper is not None:
            for signal, slot in (
                (session.labels.changed, self._note_change),
                (session.labels.large_step, self._before),
                (session.labels.scheme_changed, self.end_comparison),
            ):
                signal.disconnect(slot)
            session.labels.settle()
            self.take("closed")
            keeper.close(_CLOSING_SECONDS)
        self._store = self._keeper = self._layer = None
        self._said = ""
        self._turn += 1

    # --------------------------------------------------------------------------------------------------- the table

    def _show(self) -> None:
        store, session = self._store, self.session
        if store is None or session is None:
            return

        def read(**_: Any) -> tuple[list[LabelSnapshot], int, list[str]]:
            return store.all(), store.size(), store.take_notes()

        def show(session: Session, found: Any) -> None:
            snapshots, size, notes = found
            self._panel.show_snapshots(snapshots, size, writable=not session.read_only)
            for note in notes:
                self.failed.emit(note)

        self._start(read, show)

    def _rename(self, snapshot_id: str, name: str) -> None:
        self._change(lambda store: store.rename(snapshot_id, name))

    def _ask_delete(self, snapshot_id: str) -> None:
        session = self.session
        if session is None:
            return
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        text = "Delete this snapshot? The labels of now are not touched. It cannot be brought back."
        if QMessageBox.question(self._panel, "Delete the snapshot?", text, yes | no, no) == yes and self._still_open(
            session
        ):
            self._change(lambda store: store.delete(snapshot_id))

    def _change(self, act: Callable[[SnapshotStore], object]) -> None:
        store = self._store
        if store is not None:
            self._start(lambda **_: act(store), lambda *_: self._show(), failed=self._not_changed)

    def _not_changed(self, text: str) -> None:
        self.failed.emit(text)
        self._show()

    # ---------------------------------------------------------------------------------------------------- comparing

    def compare(self, snapshot_id: str) -> None:
        """Show what would change if the labels were as in a snapshot; "" ends that."""
        self.end_comparison()
        if snapshot_id:
            self._panel.say("comparing…")
            self._read(snapshot_id, self._compared)

    def _read(self, snapshot_id: str, take: Callable[[Session, Any], object]) -> None:
        """Read a snapshot and compare it, off the viewer's thread."""
        session, store = self.session, self._store
        if session is None or store is None:
            return
        session.labels.settle()
        labels, scheme, shape = session.opened_image.labels, session.scheme, session.opened_image.ortho.shape

        def read(*, cancelled: Callable[[], bool], **_: Any) -> tuple[LabelSnapshot, Recorded, Comparison]:
            snapshot = store.snapshot(snapshot_id)
            recorded = read_recorded(snapshot, store.contents, shape)
            return snapshot, recorded, compare(recorded, labels, scheme, cancelled)

        self._start(read, take, failed=self._not_read)

    def _not_read(self, text: str) -> None:
        self.end_comparison()
        self.failed.emit(text)

    def _compared(self, session: Session, found: Any) -> None:
        snapshot, _, self._found = found
        self._panel.show_comparison(self._found)
        if self._layer is not None:
            self._layer.show(self._found, snapshot.name or moment(snapshot.time))
        self.compared.emit()

    def end_comparison(self) -> None:
        """Take away what a comparison shows."""
        self._found = None
        self._panel.show_comparison(None)
        if self._layer is not None:
            self._layer.remove()

    def _go_there(self) -> None:
        if self._found is not None and self._found.changed:
            self.look_at.emit(self._found.bounds)

    # --------------------------------------------------------------------------------------------------- restoring

    def restore(self, snapshot_id: str) -> None:
        """Put the labels back as they were, if a person says so; those of now are kept as a snapshot first."""
        self._panel.say("reading the snapshot…")
        self._read(snapshot_id, self._ask_restore)

    def _ask_restore(self, session: Session, found: Any) -> None:
        snapshot, recorded, comparison = found
        self.end_comparison()
        name = snapshot.name or moment(snapshot.time)
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        text = as_text(f"Put labels, points and classes back as in the snapshot {name}?\n\n{_changes(comparison)}")
        answer = QMessageBox.question(self._panel, "Put the labels back?", text, yes | no, no)
        if answer == yes and self._still_open(session):
            self._panel.say("keeping the labels of now first…")
            session.labels.settle()
            self.take("before putting back", told=lambda _, problem: self._put_back(recorded, name, problem))

    def _put_back(self, recorded: Recorded, name: str, problem: str) -> None:
        session = self.session
        self._panel.say("")
        if session is None:
            return
        if problem:
            self.failed.emit(f"The labels were left as they are: first they are kept as a snapshot, which {problem}.")
            return
        try:
            session.labels.restore(recorded, lambda n: self.done.emit(f"{n:,} pixels are as in the snapshot {name}"))
        except PartialSegError as error:
            self.failed.emit(str(error))


def _changes(found: Comparison) -> str:
    """Return what would change, a line for each class."""
    lines = [f"{found.changed:,} pixels get another label, or lose theirs."]
    for index, (now, then) in enumerate(zip(found.now, found.then, strict=True)):
        if now != then:
            lines.append(f"{found.matched.scheme.names[index]}: {now:,} pixels now, {then:,} then")
    lines += [f"{then} is called {now} now, and stays so." for then, now in found.matched.renamed]
    lines += [f"{name} comes back as a class." for name in found.matched.back]
    return "\n".join([*lines, "", "The labels of now are kept as a snapshot first, and Ctrl+Z takes it back."])
