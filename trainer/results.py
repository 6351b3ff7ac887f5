"""What a cell of the benchmark's grid came to, as it is kept in its folder."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

from annotations.classes import ClassScheme
from annotations.errors import PartialSegError
from annotations.files import write_atomically

if TYPE_CHECKING:
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
        Identifies the settings besides those above: cells of another recipe are no seeds of the same thing.
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
    return math.nan if value is None else float(value)


def _split(value: dict[str, Any] | None) -> SplitScores | None:
    if value is None:
        return None
    return SplitScores(
        miou=_number(value["miou"]),
        accuracy=_number(value["accuracy"]),
        batch_miou=_number(value["batch_miou"]),
        batch_accuracy=_number(value["batch_accuracy"]),
        iou=tuple(_number(v) for v in value["iou"]),
        confusion=tuple(tuple(int(n) for n in row) for row in value["confusion"]),
    )


def from_json(content: dict[str, Any]) -> CellResult:
    """Rebuild a result from `to_json`."""
    content = {"recipe": "", **content}
    values = {f.name: content[f.name] for f in fields(CellResult)}
    for f in fields(CellResult):
        if f.type == "float":
            values[f.name] = _number(values[f.name])
    return CellResult(
        **{
            **values,
            "labelled": tuple(int(n) for n in content["labelled"]),
            "scheme": ClassScheme.from_json(content["scheme"]),
            "val": _split(content["val"]),
            "test": _split(content["test"]),
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
        if content["format"] > _FORMAT:
            raise ResultError(f"{path}: written by a newer version (format {content['format']}). Update Partial Seg.")
        return from_json(content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{path}: is damaged ({error!r}). Delete it to have the cell run again.") from error
