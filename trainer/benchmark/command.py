"""The grid: networks on sparse labels of a data set, trained and scored one cell after the other.

    python -m trainer.benchmark                                     the generated sample, on any machine
    python -m trainer.benchmark --data DIR                          data in the layout of LandCover.ai
    python -m trainer.benchmark --data DIR --preset paper           the published report's settings, to the letter
    python -m trainer.benchmark --data DIR --fractions 0.0001 0.01 --clicks-per-patch 5 --seeds 42 43 44
    python -m trainer.benchmark --data DIR --list                   the names of the cells, for a job array
    python -m trainer.benchmark --data DIR --only unet_frac10       one of them
    python -m trainer.benchmark report runs                         the report of all cells that are there
    torchrun --nproc_per_node 4 -m trainer.benchmark --data DIR     several GPUs

Each cell leaves best_model.pth, last_model.pth, history.jsonl, history.csv, config.json, environment.json and
result.json in its folder, the grid report.html, report.md and report.json. A grid that was stopped or killed goes on
where it was when the same command is given again.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from annotations.errors import PartialSegError
from trainer.benchmark.data import data_folder, load
from trainer.benchmark.environment import environment
from trainer.benchmark.grid import chosen_cells
from trainer.benchmark.options import Benchmark, Report
from trainer.benchmark.progress import GridProgress
from trainer.benchmark.report.write import collect, table, write_report
from trainer.benchmark.results import RESULT_FILE
from trainer.benchmark.run_cell import run_cell
from trainer.benchmark.tensorboard import EventLog, event_writer
from trainer.command_line import exit_status, program_name
from trainer.config import ConfigError
from trainer.distributed import barrier, is_main, process_group, world_size
from trainer.fit.training import steps_per_epoch
from trainer.parsing import parsed
from trainer.precision import choose_precision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from trainer.benchmark.data import DataSet
    from trainer.benchmark.grid import Cell
    from trainer.benchmark.results import CellResult
    from trainer.precision import Precision

__all__ = ["main", "run"]

_REPORT_SECONDS: Final = 60.0  # while a grid runs, its report is at most about this much older than the last cell


def run(benchmark: Benchmark) -> list[CellResult]:
    """Train and score every cell that is not finished; return the results in `benchmark.output` and write its report.

    After an interruption (KeyboardInterrupt) the report holds the cells that were finished.

    Raises
    ------
    PartialSegError
        The configuration or the data cannot be used; a cell failed, or came to no score.
    """
    if benchmark.output.exists() and not benchmark.output.is_dir():
        raise ConfigError(f"{benchmark.output}: is a file, but results go into a folder: choose another --output")
    if benchmark.tensorboard:
        event_writer()  # where it is missing nothing is begun, and no earlier result set aside
    cells = chosen_cells(benchmark.cells(), benchmark.only)
    precision = choose_precision(cells[0].config.device)
    folder = data_folder(benchmark.data)
    with process_group(precision.device):
        say: Callable[[str], None] = print if is_main() else lambda _text: None
        say(f"Computing on {precision.label}: {precision.reason}")
        if cells[0].config.sync_batchnorm and world_size() == 1:
            raise ConfigError("--sync-batchnorm is for several processes: start them with torchrun, or leave it out")
        data = load(folder, cells[0].config, say)
        failed = _train_all(benchmark, cells, data, _setting(folder, data, precision), say)
        barrier()
        if failed:
            name, first = next(iter(failed.items()))
            raise PartialSegError(f"{len(failed)} of {len(cells)} cells failed; the first, {name}: {first}")
        results = collect(benchmark.output) if any(benchmark.output.rglob(RESULT_FILE)) else []
        _require_scores(results, cells)
        return results


def _setting(folder: Path, data: DataSet, precision: Precision) -> dict[str, Any]:
    """Return what the report says of the data and the machine."""
    return {
        "data": str(folder),
        "training patches": len(data.train),
        "validation patches": len(data.val),
        "test patches": len(data.test) if data.test else 0,
        "precision": f"{precision.label} ({precision.reason})",
        "processes": world_size(),
        "environment": environment(),
    }


def _train_all(
    benchmark: Benchmark,
    cells: Sequence[Cell],
    data: DataSet,
    setting: dict[str, Any],
    say: Callable[[str], None],
) -> dict[str, PartialSegError]:
    """Run the cells one after the other, and keep the report up to date; return the errors of those that failed."""
    progress = GridProgress({c: steps_per_epoch(c.config, len(data.train)) * c.config.epochs for c in cells})
    reported = time.monotonic()
    failed: dict[str, PartialSegError] = {}
    try:
        for cell in cells:
            try:
                _run_one(benchmark, cell, data, progress)
            except PartialSegError as error:
                if world_size() > 1:
                    raise  # the other processes would wait for this one for ever
                failed[cell.name] = error
                progress.skipped(cell)
                progress.say(f"{cell.name}: {error}")
            if is_main() and time.monotonic() - reported > _REPORT_SECONDS:
                reported = _report(benchmark.output, setting, lambda _text: None)
    finally:
        progress.close()
        if is_main():
            _report(benchmark.output, setting, say)
    return failed


def _require_scores(results: Sequence[CellResult], cells: Sequence[Cell]) -> None:
    """Raise where a cell that was asked for came to nothing: who runs the grid from a script looks at its status."""
    asked = {cell.name for cell in cells}
    useless = [r for r in results if r.name in asked and not r.usable]
    if useless:
        first = useless[0]
        what = "training diverged" if first.diverged else "no epoch gave a usable score"
        raise PartialSegError(
            f"{len(useless)} of {len(cells)} cells have no meaningful score; the first, {first.name}: "
            f"{what}. The report names them. Choose a lower learning rate (--lr), or look at the data."
        )


def _report(output: Path, setting: dict[str, Any], say: Callable[[str], None]) -> float:
    """Write the report of what is finished, if anything is; return when. What is wrong with it stops no training."""
    try:
        if any(output.rglob(RESULT_FILE)):
            results = collect(output)
            paths = write_report(output, results, setting)
            say(f"\n{table(results)}\n\nWritten to {paths.html}, {paths.md.name} and {paths.json.name}.")
    except PartialSegError as error:
        print(f"The report is not written: {error}", file=sys.stderr)
    return time.monotonic()


def _kept_setting(folder: Path) -> dict[str, Any]:
    """Return what the grid itself wrote into an earlier report about its data and its machine."""
    try:
        setting = json.loads((folder / "report.json").read_text("utf-8"))["setting"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return dict(setting) if isinstance(setting, dict) else {}


def _run_one(benchmark: Benchmark, cell: Cell, data: DataSet, progress: GridProgress) -> None:
    folder = benchmark.output / cell.name if benchmark.tensorboard and is_main() else None
    happening = run_cell(cell, benchmark.output, data, save_seconds=60 * benchmark.checkpoint_minutes)
    with closing(happening), EventLog(folder, data.scheme.names) as log:
        for event in happening:
            progress.show(cell, event)
            log.note(event)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return exit_status(
        lambda: _main(given),
        "Stopped. What is finished is kept, and the same command goes on from here; "
        "python -m trainer.benchmark report FOLDER writes the report of the finished cells.",
    )


def _main(given: list[str]) -> None:
    program = program_name("python -m trainer.benchmark")
    if given[:1] == ["report"]:
        asked = parsed(Report, given[1:], f"{program} report")
        results = collect(asked.folder)
        paths = write_report(asked.folder, results, _kept_setting(asked.folder))
        print(f"{table(results)}\n\nWritten to {paths.html}, {paths.md.name} and {paths.json.name}.")
        return
    benchmark = parsed(Benchmark, given, program, description=__doc__, pairs=True)
    if benchmark.list:
        print("\n".join(cell.name for cell in benchmark.cells()))
        return
    try:
        run(benchmark)
    except OSError as error:
        raise PartialSegError(
            f"{error.filename or 'a file'}: cannot be read or written ({error.strerror or error}). Make room, or "
            "choose another folder with --output; the same command goes on from what is there."
        ) from error
