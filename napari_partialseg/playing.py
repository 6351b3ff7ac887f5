"""Plays the main job from end to end: strokes on the Labels layer, training, tiles, and the project opened again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtTest import QTest

from annotations.errors import PartialSegError
from annotations.scores import class_iou, mean_iou
from annotations.simulation.sampling import paint_stroke, simulate_strokes
from trainer import protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_partialseg.launch import Scene
    from napari_partialseg.session.session import Session

__all__ = ["Moment", "Played", "Script", "play", "wait_until"]

_WHOLE = 0.99  # of the pixels of a kept map that are as they were when it is opened again: training may go on a moment


@dataclass(frozen=True)
class Script:
    """What to play.

    Parameters
    ----------
    image : Path
        The orthophoto.
    truth : ndarray of int8, (H, W)
        Along which strokes are drawn.
    has_truth : bool
        Whether that is a truth to score against, and no stand-in for one.
    output : Path
        Folder for project, screenshots and scores; must exist.
    strokes : int
        Of each class.
    seed : int
        Of the strokes.
    moments : tuple of float
        Seconds after Train at which to look, in ascending order.
    """

    image: Path
    truth: NDArray[np.int8]
    has_truth: bool
    output: Path
    strokes: int = 6
    seed: int = 0
    moments: tuple[float, ...] = (10.0, 30.0, 60.0)


@dataclass(frozen=True)
class Moment:
    """How far training was.

    Parameters
    ----------
    seconds : float
        Since Train was pressed.
    step : int
        Training steps until then.
    miou : float or None
        Of the map shown against the truth; None without one.
    ious : tuple of float
        Of each class; none without a truth.
    """

    seconds: float
    step: int
    miou: float | None = None
    ious: tuple[float, ...] = ()


@dataclass(frozen=True)
class Played:
    """What came of it.

    Parameters
    ----------
    labelled : int
        Pixels that the strokes labelled.
    moments : tuple of Moment
        As they were asked for.
    first_prediction_seconds : float or None
        From Train to the first tile; None where none came.
    labels_kept, prediction_kept : bool
        Whether they were there when the project was opened again.
    problems : tuple of str
        What the viewer told meanwhile.
    """

    labelled: int
    moments: tuple[Moment, ...]
    first_prediction_seconds: float | None
    labels_kept: bool
    prediction_kept: bool
    problems: tuple[str, ...]


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Let the viewer run until a condition holds.

    Raises
    ------
    PartialSegError
        It did not within the time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise PartialSegError(f"waited {seconds:.0f} s in vain for {what}")
        QTest.qWait(20)


def play(scene: Scene, script: Script, say: Callable[[str], None] = print) -> Played:
    """Draw, train, watch, score, and open the project again; leave screenshots in the output folder.

    Parameters
    ----------
    scene : Scene
        A viewer that is opening the script's image.
    script : Script
        What to play.
    say : callable(str)
        Told how it goes, line by line.

    Raises
    ------
    PartialSegError
        Something did not happen in time.
    """
    session = _opened(scene, 120)
    problems: list[str] = []
    session.problem.connect(problems.append)
    session.worker.died.connect(problems.append)
    if script.has_truth:
        session.set_truth(script.truth)
        scene.widget.board.masks.show_truth("given")
    labelled = _draw_strokes(scene, session, script)
    share = labelled / script.truth.size
    say(f"drew {script.strokes} strokes per class: {labelled:,} pixels labelled ({share:.2%})")
    wait_until(lambda: session.opened_image.store.flush(0.0), 30, "the labels to be saved")
    moments, first = _train(scene, session, script, say)
    labels_kept, prediction_kept = _open_again(scene, session, script)
    return Played(labelled, moments, first, labels_kept, prediction_kept, tuple(problems))


def _opened(scene: Scene, seconds: float) -> Session:
    wait_until(
        lambda: scene.widget.session is not None or scene.widget.board.banner.text, seconds, "the orthophoto to open"
    )
    session = scene.widget.session
    if session is None:
        raise PartialSegError(scene.widget.board.banner.text)
    return session


def _draw_strokes(scene: Scene, session: Session, script: Script) -> int:
    """Draw the simulated strokes through the Labels layer, one after the other; return the labelled pixels."""
    layer = session.layers.labels
    for stroke in simulate_strokes(script.truth, script.strokes, seed=script.seed, n_classes=len(session.scheme)):
        scene.widget.board.classes.select(stroke.label)
        canvas = np.array(layer.data)
        region = paint_stroke(canvas, script.truth, stroke)
        rows, columns = np.nonzero(canvas[region.slices] != layer.data[region.slices])
        if len(rows):
            indices = (rows + region.top, columns + region.left)
            layer.data_setitem(indices, canvas[indices])
        QTest.qWait(15)
    return session.snapshot().labelled


def _train(
    scene: Scene, session: Session, script: Script, say: Callable[[str], None]
) -> tuple[tuple[Moment, ...], float | None]:
    """Train; return what was seen at each moment, and the seconds until the first tile."""
    first: float | None = None
    moments: list[Moment] = []
    started = time.monotonic()
    scene.widget.train()
    for moment in script.moments:
        while time.monotonic() - started < moment:
            QTest.qWait(20)
            if first is None and session.watch.tiles.newest_step:
                first = time.monotonic() - started
        moments.append(_look(session, script, moment))
        score = "" if moments[-1].miou is None else f", mIoU {moments[-1].miou:.3f}"
        say(f"{moment:5.0f} s after Train: step {moments[-1].step:5d}{score}")
        scene.viewer.screenshot(str(script.output / f"after_{moment:.0f}_s.png"), canvas_only=False, flash=False)
    return tuple(moments), first


def _look(session: Session, script: Script, seconds: float) -> Moment:
    if not script.has_truth:
        return Moment(seconds, session.worker.learning.step)
    shown, n = np.array(session.opened_image.prediction), len(session.scheme)
    ious = tuple(float(value) for value in class_iou(shown, script.truth, n))
    return Moment(seconds, session.worker.learning.step, mean_iou(shown, script.truth, n), ious)


def _open_again(scene: Scene, session: Session, script: Script) -> tuple[bool, bool]:
    """Close the project, open it again; return whether labels and map are there."""
    widget = scene.widget
    saved: list[Any] = []
    session.worker.saved.connect(saved.append)
    widget.board.learn.pause.emit()
    widget.client.send(protocol.Save())  # what was saved already is told only where it is asked for
    wait_until(lambda: saved, 60, "the network to be saved")
    labels, prediction = np.array(session.opened_image.labels), np.array(session.opened_image.prediction)
    folder = session.opened_image.project.folder
    widget.close_session()
    widget.open_path(folder)
    again = _opened(scene, 60).opened_image
    QTest.qWait(500)  # for the screenshot
    scene.viewer.screenshot(str(script.output / "reopened.png"), canvas_only=False, flash=False)
    same = np.asarray(again.prediction) == prediction
    return bool(np.array_equal(labels, again.labels)), bool(same.mean() > _WHOLE)
