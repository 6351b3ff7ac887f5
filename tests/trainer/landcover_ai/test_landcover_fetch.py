from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pooch.core
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from landcover_helpers import pack, sample_files, serving
from tqdm import tqdm

from trainer.landcover_ai import DatasetError, read_patches, read_split
from trainer.landcover_ai import download as download_module
from trainer.landcover_ai import fetch as fetch_module
from trainer.landcover_ai.command import main
from trainer.landcover_ai.download import ResumingDownloader
from trainer.landcover_ai.fetch import ARCHIVE, LICENCE, download, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landcover_helpers import Server

PIECE = 2**16  # what is read at a time; a cut connection loses what it had of the next piece
ARCHIVE_BYTES = pack(sample_files())


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(ARCHIVE_BYTES) as server:
        yield server


def get(server: Server, folder: Path, said: list[str] | None = None, attempts: int = 3) -> Path:
    """Download, without a pause between attempts."""
    say = (said if said is not None else []).append
    patient = ResumingDownloader(folder / f"{ARCHIVE}.part", attempts=attempts, pause=0, say=say)
    return download(folder, url=server.url, md5=server.md5, downloader=patient, say=say)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_the_data_set_is_fetched_checked_and_ready_to_train_on(server: Server, tmp_path: Path) -> None:
    said: list[tuple[str, int]] = []
    check = fetch(tmp_path, url=server.url, md5=server.md5, say=lambda text: said.append((text, len(server.starts))))
    assert said[0] == (LICENCE, 0)  # before anything was asked for
    assert "CC BY-NC-SA 4.0" in LICENCE and "Boguszewski" in LICENCE
    assert (check.counts, check.missing, check.surplus) == ({"train": 1, "val": 1, "test": 1}, (), ())
    assert names(tmp_path) == {ARCHIVE, "images", "masks", "train.txt", "val.txt", "test.txt"}
    for name, content in sample_files().items():
        assert name == "split.py" or (tmp_path / name).read_bytes() == content
    assert len(list(read_patches(read_split(tmp_path, "train"), 5))) == 1

    before = {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"
    }
    fetch(tmp_path, url=server.url, md5=server.md5, say=lambda _text: None)
    assert server.starts == [None]
    assert {path: path.stat().st_mtime_ns for path in before} == before


@given(cuts=st.lists(st.integers(PIECE, 8 * PIECE), min_size=1, max_size=4))
def test_a_cut_connection_is_gone_on_from(cuts: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cut")
    with serving(ARCHIVE_BYTES) as server:
        server.plan = list(cuts)
        said: list[str] = []
        assert get(server, folder, said).read_bytes() == server.content
    ends = np.cumsum([cut // PIECE * PIECE for cut in cuts])
    assert server.starts == [None, *(end for end in ends if end < len(ARCHIVE_BYTES))]
    assert sum("The connection was lost" in text for text in said) == len(cuts)


def test_a_later_call_goes_on_from_the_part(server: Server, tmp_path: Path) -> None:
    server.plan = [5 * PIECE + 99, 0, 0]
    with pytest.raises(DatasetError, match=r"failed 2 times in a row .* are in .*\.part; run the same command again"):
        get(server, tmp_path, attempts=2)
    part = tmp_path / f"{ARCHIVE}.part"
    assert names(tmp_path) == {part.name}
    assert part.read_bytes() == server.content[: 5 * PIECE]
    server.starts.clear()
    assert get(server, tmp_path).read_bytes() == server.content
    assert server.starts == [5 * PIECE]
    assert names(tmp_path) == {ARCHIVE}


def test_a_server_that_ignores_range_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.plan, said = False, [5 * PIECE], []
    assert get(server, tmp_path, said).read_bytes() == server.content
    assert server.starts == [None, 5 * PIECE]
    assert f"The server sends the file from byte 0 instead of {5 * PIECE}: starting over." in said


def test_a_part_that_is_whole_or_too_long(server: Server, tmp_path: Path) -> None:
    part = tmp_path / f"{ARCHIVE}.part"
    part.write_bytes(server.content)
    assert get(server, tmp_path).read_bytes() == server.content
    assert server.starts == [len(server.content)]
    (tmp_path / ARCHIVE).unlink()
    part.write_bytes(server.content + b"more")
    assert get(server, tmp_path).read_bytes() == server.content
    assert server.starts[1:] == [len(server.content) + 4, None]


def test_a_wrong_checksum_leaves_nothing_behind(server: Server, tmp_path: Path) -> None:
    right, server.content = server.md5, server.content[:-1] + b"?"
    with pytest.raises(DatasetError, match=rf"{ARCHIVE}: what .* sent .*{right}.*{server.md5}.* --md5"):
        download(tmp_path, url=server.url, md5=right, say=lambda _text: None)
    assert names(tmp_path) == set()
    # What lies there under the archive's name is not believed either.
    (tmp_path / ARCHIVE).write_bytes(b"something else")
    assert get(server, tmp_path).read_bytes() == server.content
    with pytest.raises(DatasetError, match=r"--md5 abc: is not an MD5 checksum"):
        download(tmp_path, url=server.url, md5="abc")


def test_a_refusal_is_final_and_trouble_is_not(server: Server, tmp_path: Path) -> None:
    server.plan = [-503, -404]
    with pytest.raises(DatasetError, match=r"the server answers 404 Not Found\. Give .* --url"):
        get(server, tmp_path)
    assert len(server.starts) == 2
    server.plan = [-503, -429]
    assert get(server, tmp_path).read_bytes() == server.content
    with pytest.raises(DatasetError, match=r"cannot be downloaded .*Check the address given with --url"):
        download(tmp_path / "other", url="nonsense", md5=server.md5, say=lambda _text: None)


def test_nobody_at_that_address(server: Server, tmp_path: Path) -> None:
    server.server_close()
    with pytest.raises(DatasetError, match=r"failed 3 times in a row \(.*refused\)"):
        get(server, tmp_path)


def test_a_full_disk_is_told_and_the_part_stays(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / f"{ARCHIVE}.part"
    part.write_bytes(server.content[:PIECE])
    with monkeypatch.context() as patch:
        usage = shutil.disk_usage(tmp_path)
        patch.setattr("shutil.disk_usage", lambda _folder: usage._replace(free=len(server.content) - PIECE - 1))
        with pytest.raises(DatasetError, match=r"the disk has .* left, but .* are needed\. Make room"):
            get(server, tmp_path)
    assert part.stat().st_size == PIECE
    part.unlink()
    full = Path("/dev/full")
    if full.exists():
        part.symlink_to(full)
        with pytest.raises(DatasetError, match=r"No space left.*The disk is full: make room"):
            get(server, tmp_path)


def test_two_at_once_do_not_write_to_one_part(server: Server, tmp_path: Path) -> None:
    with (
        FileLock(tmp_path / f".{ARCHIVE}.lock"),
        pytest.raises(DatasetError, match="another fetch is at work there"),
    ):
        get(server, tmp_path)
    assert server.starts == []


class Impatient(tqdm):
    """Presses Ctrl+C in the midst of it."""

    pieces = 0

    def update(self, n: float = 1) -> None:
        super().update(n)
        self.pieces += 1
        if self.pieces == 4:
            raise KeyboardInterrupt


def test_the_command_line(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fetch", str(tmp_path), "--url", server.url, "--md5", server.md5]
    part = tmp_path / f"{ARCHIVE}.part"
    with monkeypatch.context() as patch:
        patch.setattr(download_module, "tqdm", Impatient)
        assert main(command) == 130
    assert f"What was downloaded stays in {part}" in capsys.readouterr().err
    assert part.stat().st_size == 4 * PIECE
    with monkeypatch.context() as patch:
        # While the checksum is computed, too.
        patch.setattr(pooch.core, "hash_matches", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(command) == 130
    assert part.read_bytes() == server.content
    assert main(command) == 0
    out = capsys.readouterr().out
    assert server.starts == [None, 4 * PIECE, len(server.content)]
    assert "CC BY-NC-SA 4.0" in out and "5 files unpacked" in out
    assert f"{tmp_path}: 1 patches in train.txt, 1 patches in val.txt, 1 patches in test.txt" in out
    assert names(tmp_path) == {ARCHIVE, "images", "masks", "train.txt", "val.txt", "test.txt"}

    monkeypatch.setattr(fetch_module, "MD5", server.md5)  # as if it were the official archive
    assert main(command) == 2
    assert "train.txt lists 1 patches, not 7470; val.txt lists 1 patches, not 1602" in capsys.readouterr().err


def test_the_module_is_a_command() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "trainer.landcover_ai", "--help"], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert all(word in run.stdout for word in ("fetch", "cut", "check", "CC BY-NC-SA 4.0"))
