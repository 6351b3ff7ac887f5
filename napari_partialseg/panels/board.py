"""The panels of the dock, made and laid out; what happens when something is pressed is wired elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotations.classes import LANDCOVER_AI
from napari_partialseg.panels.banner import Banner
from napari_partialseg.panels.classes import ClassesPanel
from napari_partialseg.panels.draw import DrawPanel
from napari_partialseg.panels.export import ExportPanel
from napari_partialseg.panels.first_steps import FirstSteps
from napari_partialseg.panels.history import HistoryPanel
from napari_partialseg.panels.image import ImagePanel
from napari_partialseg.panels.layout import START, Header, PanelLayout
from napari_partialseg.panels.learn import LearnPanel
from napari_partialseg.panels.masks import MasksPanel
from napari_partialseg.panels.quality import QualityPanel
from napari_partialseg.panels.view import ViewPanel
from napari_partialseg.panels.welcome import WelcomePanel
from napari_partialseg.panels.where import WherePanel
from napari_partialseg.session.where_layers import DOUBT_COLOURS

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["Board", "lay_out"]


@dataclass(frozen=True)
class Board:
    """All panels.

    Parameters
    ----------
    header : Header
        What is open, and the buttons that open something else.
    banner : Banner
        What went wrong, and the way out.
    first_steps : FirstSteps
        What to do next, for beginners.
    welcome : WelcomePanel
        What to open.
    image : ImagePanel
        The bands.
    classes : ClassesPanel
        The classes.
    draw : DrawPanel
        The tools.
    where : WherePanel
        Where to draw next.
    quality : QualityPanel
        How good the map is.
    view : ViewPanel
        How the map is looked at.
    learn : LearnPanel
        Training.
    masks : MasksPanel
        Random and imported labels.
    history : HistoryPanel
        Snapshots, notes, time.
    exports : ExportPanel
        Files for a GIS.
    layout : PanelLayout
        What holds them.
    """

    header: Header
    banner: Banner
    first_steps: FirstSteps
    welcome: WelcomePanel
    image: ImagePanel
    classes: ClassesPanel
    draw: DrawPanel
    where: WherePanel
    quality: QualityPanel
    view: ViewPanel
    learn: LearnPanel
    masks: MasksPanel
    history: HistoryPanel
    exports: ExportPanel
    layout: PanelLayout


def lay_out(dock: QWidget) -> Board:
    """Make the panels and lay them out in the dock."""
    header, banner, image, classes = Header(), Banner(), ImagePanel(), ClassesPanel(LANDCOVER_AI)
    draw, learn, masks, exports = DrawPanel(), LearnPanel(), MasksPanel(), ExportPanel()
    history = HistoryPanel()
    where = WherePanel(DOUBT_COLOURS)
    quality = QualityPanel()
    view = ViewPanel()
    first_steps, welcome = FirstSteps(), WelcomePanel()
    layout = PanelLayout(
        dock,
        above=(header, banner, first_steps),
        sections=(
            (START, welcome, True),
            ("Image", image, False),
            ("Classes", classes, True),
            ("Draw", draw, True),
            ("Where next", where, False),
            ("Quality", quality, False),
            ("View", view, False),
            ("Learn", learn, True),
            ("Random and imported labels", masks, False),
            ("History", history, False),
            ("Export", exports, False),
        ),
        below=(learn.controls,),
    )
    exports.begun.connect(lambda: layout.bring_into_view(exports.last))
    for panel in (image, classes):
        panel.refused.connect(banner.say)
    above = header, banner, first_steps, welcome
    return Board(*above, image, classes, draw, where, quality, view, learn, masks, history, exports, layout)
