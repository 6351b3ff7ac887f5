"""The messages between viewer and worker: one frozen dataclass each, sent as a line of JSON.

A line is {"v": 1, "type": "LabelsChanged", ...fields}. What can be added without harm, a message or a field, leaves the
version as it is: an unknown field is passed over, an unknown message becomes `Unknown`, which is reported and otherwise
passed over. What changes the meaning of a line is a new version, and a line of another version becomes `Unknown` too;
only `Hello` is always read, so that the viewer can say that the two do not fit. No torch here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from annotations.region import Region  # noqa: TC001  (decode resolves the annotations at run time)
from trainer.config import ConfigError, from_plain, to_plain

__all__ = [
    "PROTOCOL_VERSION",
    "Drawing",
    "Hello",
    "LabelsChanged",
    "Message",
    "Open",
    "Opened",
    "Pause",
    "PredictAll",
    "Problem",
    "Progress",
    "Save",
    "Saved",
    "SetClasses",
    "Shutdown",
    "StartAfresh",
    "State",
    "Status",
    "Stop",
    "Tile",
    "Tiles",
    "Train",
    "Unknown",
    "ViewChanged",
    "decode",
    "encode",
]

PROTOCOL_VERSION: Final = 1
_MOST_REGIONS = 1000

State = Literal["starting", "waiting", "training", "paused", "predicting", "resting", "stopped"]
"""What the worker is doing, in one word."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message; what all messages derive from."""


# ------------------------------------------------------------------------------------------- viewer to worker


@dataclass(frozen=True, slots=True)
class Open(Message):
    """Work on this orthophoto from now on; answered by `Opened` or `Problem`.

    Parameters
    ----------
    image : str
        The orthophoto's file.
    display_bands : tuple of int
        The bands shown; empty for the file's own choice.
    labels : str
        Its labels: an int8 zarr array.
    prediction, confidence : str
        The two shared arrays that the worker fills.
    keep : str
        Folder in which the finished prediction is kept as zarr.
    weights : str
        Folder of the checkpoint; training goes on from there if it holds one.
    classes : list
        `ClassScheme.to_json()`.
    config : dict
        A `WorkConfig` as plain values.
    roles : dict, optional
        `BandRoles.to_json()`: what the orthophoto's bands are used for; the usual where missing.
    doubt : str
        The shared file of how unsure the map is (`Doubt`), which the worker fills too; "" where nobody asks.
    """

    image: str
    labels: str
    prediction: str
    confidence: str
    keep: str
    weights: str
    classes: list[dict[str, Any]]
    config: dict[str, Any] = field(default_factory=dict)
    display_bands: tuple[int, ...] = ()
    roles: dict[str, Any] | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class LabelsChanged(Message):
    """These regions of the labels on disk have changed; `revision` counts the changes."""

    regions: tuple[Region, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class ViewChanged(Message):
    """The part of the image in view, in full-resolution pixels: predicted first.

    Parameters
    ----------
    region : Region
        What is in view; may reach beyond the image.
    pixels_per_dot : float
        Image pixels across a dot of the screen. Zoomed out, it is above 1, and no finer prediction is made than can be
        seen, until there is time for it.
    """

    region: Region
    pixels_per_dot: float = 1.0


@dataclass(frozen=True, slots=True)
class Drawing(Message):
    """The hand is on the canvas, or has left it: the worker gives way to everybody meanwhile."""

    down: bool


@dataclass(frozen=True, slots=True)
class SetClasses(Message):
    """The class scheme has changed; what is learnt of the classes that stay is kept."""

    classes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Train(Message):
    """Train (or go on training) until told otherwise."""


@dataclass(frozen=True, slots=True)
class Pause(Message):
    """Stop training for now; the prediction is finished with the weights of the moment."""


@dataclass(frozen=True, slots=True)
class Stop(Message):
    """Stop training and predicting, and save."""


@dataclass(frozen=True, slots=True)
class StartAfresh(Message):
    """Forget what was learnt and begin with new weights; the old checkpoint is kept under another name."""

    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PredictAll(Message):
    """Predict the whole image with the weights of the moment, then send `Saved`; training waits meanwhile."""


@dataclass(frozen=True, slots=True)
class Save(Message):
    """Write checkpoint and prediction now; answered by `Saved` or `Problem`."""


@dataclass(frozen=True, slots=True)
class Shutdown(Message):
    """Save and end. Closing the worker's standard input does the same."""


# ------------------------------------------------------------------------------------------- worker to viewer


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """The worker runs; the first message, sent before torch is imported.

    Parameters
    ----------
    pid : int
        The number of its process.
    protocol : int
        The version of the messages that it speaks; a viewer of another one has nothing more to do with it.
    """

    pid: int
    protocol: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True)
class Opened(Message):
    """The orthophoto is open and the network built.

    Parameters
    ----------
    device, precision, reason : str
        What computes, in which numbers, and why those.
    threads : int
        CPU threads used.
    model : str
        The network in words.
    step : int
        Training steps it has already seen; above 0 when it goes on from a checkpoint.
    start : str
        What it began from: "starter", "none" or the path of a checkpoint.
    """

    device: str
    precision: str
    reason: str
    threads: int
    model: str
    step: int
    start: str = "none"


@dataclass(frozen=True, slots=True)
class Status(Message):
    """What the worker is doing.

    Parameters
    ----------
    state : str
        One of `State`.
    text : str
        The same for people, with the reason for waiting.
    """

    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Progress(Message):
    """How training and prediction stand; sent a few times a second.

    Parameters
    ----------
    step : int
        Training steps so far.
    loss : float or None
        Mean loss since the last message of this kind.
    steps_per_second : float
        Over the last seconds of training.
    labelled : tuple of int
        Labelled pixels per class that training knows of.
    revision : int
        The last change of the labels that training knows of.
    done, total : int
        Blocks predicted and to predict in the present pass; 0 of 0 before the first one.
    seconds_left : float or None
        Estimate for the present pass.
    """

    step: int
    loss: float | None
    steps_per_second: float
    labelled: tuple[int, ...]
    revision: int
    done: int = 0
    total: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Tile(Message):
    """A region of the shared arrays was written with labels of `revision` and weights of `step`.

    `level` tells how often the image was halved for it: its classes are squares of 2**level pixels.
    """

    region: Region
    revision: int
    step: int
    level: int = 0


@dataclass(frozen=True, slots=True)
class Tiles(Message):
    """Several tiles at once."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Saved(Message):
    """Checkpoint and prediction are on disk.

    Where a complete prediction could not be kept, or its weights not be saved, a `Problem` comes first, and
    `checkpoint` is "" without weights: the shared arrays hold the map all the same.
    """

    checkpoint: str
    step: int
    complete: bool
    """Whether the prediction covers the whole image with these weights."""
    failed: bool = False
    """Whether weights or prediction could not be written, of which a `Problem` told."""


@dataclass(frozen=True, slots=True)
class Problem(Message):
    """Something went wrong.

    Parameters
    ----------
    text : str
        For people: what, where, and the way out.
    fatal : bool
        Whether the worker ends.
    detail : str
        For a bug report.
    about : str
        The type of the message that could not be acted on; "" where none was asked for.
    """

    text: str
    fatal: bool = False
    detail: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Unknown(Message):
    """A line that is not a message of this version."""

    line: str
    reason: str


_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        *(
            Open,
            Drawing,
            LabelsChanged,
            ViewChanged,
            SetClasses,
            Train,
            Pause,
            Stop,
            StartAfresh,
            PredictAll,
            Save,
            Shutdown,
        ),
        *(Hello, Opened, Status, Progress, Tile, Tiles, Saved, Problem),
    )
}


def encode(message: Message) -> bytes:
    """Return the message as one line of JSON, newline included."""
    content = {"v": PROTOCOL_VERSION, "type": type(message).__name__, **to_plain(message)}
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes | str) -> Message:
    """Return the message in a line; `Unknown`, with the reason, when this version does not know it.

    A line without a version counts as one of this version.
    """
    text = line.decode(errors="replace") if isinstance(line, bytes) else line
    text = text.strip()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, a thousand brackets
        return Unknown(text[:500], f"not JSON: {getattr(error, 'msg', None) or str(error)[:200]}")
    name = content.get("type") if isinstance(content, dict) else None
    version = content.get("v", PROTOCOL_VERSION) if isinstance(content, dict) else PROTOCOL_VERSION
    if version != PROTOCOL_VERSION and name != Hello.__name__:
        return Unknown(text[:500], f"it is of protocol {str(version)[:20]}, and this is protocol {PROTOCOL_VERSION}")
    if not isinstance(name, str) or name not in _KINDS:
        return Unknown(text[:500], f"no message of protocol {PROTOCOL_VERSION} is called {str(name)[:80]!r}")
    try:
        if name == "LabelsChanged":
            content = _few_regions(content)
        return from_plain(_KINDS[name], content)
    except ConfigError as error:
        return Unknown(text[:500], str(error)[:500])
    except Exception as error:  # nothing that comes in may end the reader
        return Unknown(text[:500], f"{type(error).__name__}: {str(error)[:200]}")


def _few_regions(content: dict[str, Any]) -> dict[str, Any]:
    """Return a message of labels with one region that covers all, where it holds more than anybody draws."""
    regions = content.get("regions")
    if not isinstance(regions, list) or len(regions) <= _MOST_REGIONS:
        return content
    top = min(r["top"] for r in regions)
    left = min(r["left"] for r in regions)
    bottom = max(r["top"] + r["height"] for r in regions)
    right = max(r["left"] + r["width"] for r in regions)
    return {**content, "regions": [{"top": top, "left": left, "height": bottom - top, "width": right - left}]}
