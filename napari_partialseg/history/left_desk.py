"""Opens a project where it was left: view, class, tool, brush, sections of the panel, layers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from annotations.errors import PartialSegError
from annotations.project.left_off import LeftOff, read_left, write_left
from napari_partialseg.jobs.desk import Desk
from napari_partialseg.session.hand import LABEL_TOOLS, POINT_TOOLS
from napari_partialseg.session.layers import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_partialseg.panels.section import Section
    from napari_partialseg.session.session import Session

__all__ = ["LeftDesk"]

_EVERY_MILLISECONDS = 30_000


class LeftDesk(Desk):
    """Notes now and then, and at the end, where work is; takes it up there.

    Parameters
    ----------
    sections : mapping of Section
        The sections of the panel by their titles.
    """

    def __init__(self, sections: Mapping[str, Section], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sections = sections
        self._written: LeftOff | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MILLISECONDS)
        self._timer.timeout.connect(self._keep)

    def set_session(self, session: Session | None) -> None:
        """Take up this session where it was left; note where the one before is."""
        self._timer.stop()
        if self.session is not None:
            self._keep(wait=True)
        super().set_session(session)
        self._written = None
        if session is None:
            return
        left = read_left(session.opened_image.entry.files.left)
        if left is not None:
            self._take_up(session, left)
        self._written = self.now()
        self._timer.start()

    def now(self) -> LeftOff:
        """Return where work is now."""
        session = self.session
        if session is None:
            return LeftOff()
        labels, camera = session.layers.labels, session.viewer.scene.camera
        label = session.hand.label
        scale = float(labels.scale[-1])
        row, column = (float(v) / float(s) for v, s in zip(camera.center[-2:], labels.scale[-2:], strict=True))
        return LeftOff(
            (row, column),
            float(camera.zoom) * scale,
            session.scheme.names[label] if 0 <= label < len(session.scheme) else "",
            session.hand.tool,
            int(labels.brush_size),
            {title: section.isExpanded() for title, section in self._sections.items()},
            {one.metadata[MARK]: (bool(one.visible), float(one.opacity)) for one in session.layers.all()},
        )

    def _take_up(self, session: Session, left: LeftOff) -> None:
        for title, open_ in left.sections.items():
            if title in self._sections:
                self._sections[title].toggleButton().setChecked(open_)
        for layer in session.layers.all():
            visible, opacity = left.layers.get(layer.metadata[MARK], (layer.visible, layer.opacity))
            layer.visible, layer.opacity = visible, opacity
        self._take_hand(session, left)
        camera, scale = session.viewer.scene.camera, session.layers.labels.scale
        if left.centre is not None and self._on_image(session, left.centre):
            camera.center = (*camera.center[:-2], left.centre[0] * scale[-2], left.centre[1] * scale[-1])
            if left.zoom:
                camera.zoom = left.zoom / float(scale[-1])

    def _take_hand(self, session: Session, left: LeftOff) -> None:
        if left.class_name in session.scheme.names:
            session.hand.take_class(session.scheme.names.index(left.class_name))
        if left.brush:
            session.layers.labels.brush_size = left.brush
        layer = session.layers.points if left.tool in POINT_TOOLS else session.layers.labels
        if not session.read_only and left.tool in {*LABEL_TOOLS, *POINT_TOOLS} and layer.visible:
            session.hand.take_tool(left.tool)

    @staticmethod
    def _on_image(session: Session, centre: tuple[float, float]) -> bool:
        height, width = session.opened_image.ortho.shape
        return -height <= centre[0] <= 2 * height and -width <= centre[1] <= 2 * width

    def _keep(self, *, wait: bool = False) -> None:
        session, left = self.session, self.now()
        if session is None or session.read_only or left == self._written:
            return
        self._written = left
        path, project = session.opened_image.entry.files.left, session.opened_image.project

        def write(**_: Any) -> None:
            project.check_held()
            write_left(path, left)

        if wait:
            with suppress(OSError, PartialSegError):  # comfort alone
                write()
        else:
            self._start(write, lambda *_: None, failed=lambda _: None)
