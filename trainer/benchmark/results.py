"""What a cell of the benchmark's grid came to, as it is kept in its folder."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from annotations.classes import ClassScheme
from annotations.disk.files import write_atomically
from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "RESULT_FILE",
    "CellResult",
    "LabelKind",
    "ResultError",
    "SplitScores",
    "plain",
    "read_result",
    "to_json",
    "write_result",
]

RESULT_FILE: Final = "result.json"
"""Name of the file in a cell's folder; it is there once the cell is finished."""
_FORMAT: Final = 1
LabelKind = Literal["random", "clicks", "scribbles"]
"""What training labels can be."""


class ResultError(PartialSegError):
    """A cell's result is damaged or of a newer version."""


@dataclass(frozen=True, slots=True)
class SplitScores:
    """Scores on one split.

    Parameters
    ----------
    miou, accuracy : float
        From one confusion matrix over the whole split; NaN where there is nothing to score.
    batch_miou, batch_accuracy : float
        Means over the batches' own, as the published report has them.
    iou : tuple of float
        Per class; NaN for a class in neither truth nor prediction.
    confusion : tuple of tuple of int
        Pixels by truth (rows) and prediction (columns).
    """

    miou: float
    accuracy: float
    batch_miou: float
    batch_accuracy: float
    iou: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class CellResult:
    """One trained cell of the grid.

    Parameters
    ----------
    name : str
        The cell's folder within the output, for example "unet_frac10", "unet_frac10_seed43", "paper/unet_frac15".
    preset, model : str
        Names of both.
    labels : {"random", "clicks", "scribbles"}
        What the training labels are.
    amount : float
        The share of random pixels (1: full supervision), the clicks in a patch, or the strokes for each class in a
        patch.
    fraction : float
        Share of the training pixels with a ground truth that is labelled; for random pixels the share asked for.
    seed, width, input_size, batch_size, epochs, steps : int
        Of the training; steps are those of all epochs.
    parameters : int
        Numbers in the network.
    best_epoch : int
        The epoch whose weights were kept; 0 if no epoch gave a usable score.
    best_miou, best_batch_miou, final_miou, final_accuracy, final_batch_miou, final_batch_accuracy : float
        On the validation split, of the kept and of the last epoch; NaN where there is no usable score. The best batch
        mIoU is that of the kept epoch.
    seconds : float
        Training and scoring, all runs of an interrupted cell together.
    wait_share : float
        Share of the training time in which the network waited for data.
    labelled : tuple of int
        Labelled training pixels of each class.
    scheme : ClassScheme
        The classes.
    data : str
        Identifies the data set: cells with another one are not to be compared.
    val, test : SplitScores or None
        Of the kept weights; `test` is None where there is no test split.
    precision : str
        What computed, in words.
    recipe : str
        Identifies the settings besides those above: cells of another recipe are not seeds of the same thing.
    diverged : bool
        Whether training ended with losses that are not numbers, or far above those of guessing: what the last epoch
        scored says nothing about the labels then.
    """

    name: str
    preset: str
    model: str
    labels: LabelKind
    amount: float
    fraction: float
    seed: int
    width: int
    input_size: int
    batch_size: int
    epochs: int
    steps: int
    parameters: int
    best_epoch: int
    best_miou: float
    best_batch_miou: float
    final_miou: float
    final_accuracy: float
    final_batch_miou: float
    final_batch_accuracy: float
    seconds: float
    wait_share: float
    labelled: tuple[int, ...]
    scheme: ClassScheme
    data: str
    val: SplitScores | None
    test: SplitScores | None
    precision: str
    recipe: str = ""
    diverged: bool = False

    @property
    def usable(self) -> bool:
        """Whether its scores mean something: there is one, and training did not diverge."""
        return math.isfinite(self.best_miou) and not self.diverged

    @property
    def full(self) -> bool:
        """Whether every pixel with a ground truth was learnt from: the reference for the others."""
        return self.labels == "random" and self.amount == 1


def plain(value: Any) -> Any:
    """Return plain values for JSON; NaN and infinities become None."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_json(result: CellResult) -> dict[str, Any]:
    """Return a result as plain values."""
    content = asdict(result)
    content["scheme"] = result.scheme.to_json()
    return {"format": _FORMAT, **plain(content)}


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is not a number")
    return float(value)


def _count(value: Any) -> int:
    # More than any run has; matplotlib and numpy know no larger ones.
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise TypeError(f"{value!r:.40} is not a count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is not text")
    return value


def _split(value: dict[str, Any] | None) -> SplitScores | None:
    if value is None:
        return None
    return SplitScores(
        miou=_number(value["miou"]),
        accuracy=_number(value["accuracy"]),
        batch_miou=_number(value["batch_miou"]),
        batch_accuracy=_number(value["batch_accuracy"]),
        iou=tuple(_number(v) for v in value["iou"]),
        confusion=tuple(tuple(_count(n) for n in row) for row in value["confusion"]),
    )


def _checked(scores: SplitScores | None, classes: int) -> SplitScores | None:
    if scores is not None and {len(scores.iou), len(scores.confusion), *map(len, scores.confusion)} != {classes}:
        raise ValueError(f"scores of another number of classes than {classes}")
    return scores


def from_json(content: dict[str, Any]) -> CellResult:
    """Rebuild a result from `to_json`."""
    content = {"recipe": "", "diverged": False, **content}
    values = {f.name: content[f.name] for f in fields(CellResult)}
    read: dict[str, Callable[[Any], Any]] = {"float": _number, "int": _count, "str": _text}
    for f in fields(CellResult):
        if f.type in read:
            values[f.name] = read[str(f.type)](values[f.name])
    if values["labels"] not in get_args(LabelKind):
        raise ValueError(f"labels {values['labels']!r:.40}")
    scheme = ClassScheme.from_json(content["scheme"])
    return CellResult(
        **{
            **values,
            "labelled": tuple(_count(n) for n in content["labelled"]),
            "diverged": content["diverged"] is True,
            "scheme": scheme,
            "val": _checked(_split(content["val"]), len(scheme)),
            "test": _checked(_split(content["test"]), len(scheme)),
        }
    )


def write_result(folder: Path, result: CellResult) -> None:
    """Write result.json into a cell's folder."""
    write_atomically(folder / RESULT_FILE, (json.dumps(to_json(result), indent=2) + "\n").encode())


def read_result(folder: Path) -> CellResult | None:
    """Return the result in a cell's folder; None while there is none.

    Raises
    ------
    ResultError
        It is damaged or of a newer version.
    """
    path = folder / RESULT_FILE
    try:
        content = json.loads(path.read_text("utf-8"))
        if _count(content["format"]) > _FORMAT:
            raise ResultError(f"{path}: written by a newer version (format {content['format']}). Update Partial Seg.")
        return from_json(content)
    except FileNotFoundError:
        return None
    except ResultError:
        raise
    except NotADirectoryError:
        raise ResultError(f"{folder}: is a file, where a cell's folder should be. Move it away.") from None
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # whatever can be wrong with a file of anybody's
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
        raise ResultError(f"{path}: is damaged ({reason}). Delete it to have the cell run again.") from error
