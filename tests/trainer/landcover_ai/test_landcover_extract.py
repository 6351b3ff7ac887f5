from __future__ import annotations

import errno
import io
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landcover_helpers import pack, sample_files

from trainer.landcover_ai import DatasetError
from trainer.landcover_ai.fetch import extract

if TYPE_CHECKING:
    from pathlib import Path


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def put(folder: Path, content: bytes) -> tuple[Path, Path]:
    """Return the archive and an empty folder to unpack it into."""
    archive = folder / "a.zip"
    archive.write_bytes(content)
    (folder / "data").mkdir()
    return archive, folder / "data"


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/evil.txt", "images/../../evil.tif", "C:\\evil.txt", "..\\evil.txt", "images/..\\evil.tif"]
)
def test_an_archive_that_leads_out_is_refused_whole(name: str, tmp_path: Path) -> None:
    archive, folder = put(tmp_path, pack({**sample_files(), name: b"evil"}))
    with pytest.raises(DatasetError, match=r"a.zip: holds '.*evil.*', which leads out of the folder"):
        extract(archive, folder)
    assert everything(tmp_path) == {"a.zip"}


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as target:
        link = zipfile.ZipInfo("images")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(link, "../..")
        target.writestr("images/a.tif", b"evil")
    archive, folder = put(tmp_path, memory.getvalue())
    with pytest.raises(DatasetError, match="holds 'images', which leads out"):
        extract(archive, folder)
    assert everything(tmp_path) == {"a.zip"}


PIECES = st.sampled_from(["..", ".", "", "images", "masks", "a.tif", "b.txt", "c.py", "C:", "\\", "~"])


@given(
    entries=st.lists(st.lists(PIECES, min_size=1, max_size=4).map("/".join).filter(bool), max_size=4, unique=True),
)
def test_no_archive_writes_anything_elsewhere(entries: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    around = tmp_path_factory.mktemp("around")
    archive, folder = put(around, pack(dict.fromkeys(entries, b"content")))
    try:
        extract(archive, folder)
    except DatasetError:
        assert everything(around) == {"a.zip"}
    else:
        assert everything(around) <= {"a.zip", "data/b.txt", "data/images/a.tif", "data/masks/a.tif"}


def test_what_is_there_in_full_is_kept(tmp_path: Path) -> None:
    files = sample_files()
    archive, folder = put(tmp_path, pack(files))
    (folder / "masks").mkdir()
    (folder / "masks" / "N-33-a.tif").write_bytes(files["masks/N-33-a.tif"][:100])  # torn
    (folder / "val.txt").write_bytes(b"N-33-a_0\n")  # of the right size, perhaps somebody's own
    assert extract(archive, folder) == (4, 1)
    assert everything(folder) == set(files) - {"split.py"}
    assert (folder / "masks" / "N-33-a.tif").read_bytes() == files["masks/N-33-a.tif"]
    assert (folder / "val.txt").read_bytes() == b"N-33-a_0\n"
    assert extract(archive, folder) == (0, 5)


def test_a_damaged_archive_leaves_no_damaged_file(tmp_path: Path) -> None:
    files = sample_files()
    content = bytearray(pack(files))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as source:
        entry = source.getinfo("masks/N-33-a.tif")
    content[entry.header_offset + 1000] ^= 255
    archive, folder = put(tmp_path, bytes(content))
    with pytest.raises(DatasetError, match=r"a.zip: cannot be unpacked .*Remove it"):
        extract(archive, folder)
    assert everything(folder) == {"images/N-33-a.tif"}
    archive.write_bytes(content[:5000])
    with pytest.raises(DatasetError, match=r"a.zip: cannot be unpacked"):
        extract(archive, folder)
    archive.write_bytes(pack({"readme.md": b"something else"}))
    with pytest.raises(DatasetError, match=r"holds no images/\*.tif"):
        extract(archive, folder)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, folder = put(tmp_path, pack(sample_files()))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.raises(DatasetError, match=r"N-33-a.tif: cannot be written .*The disk is full: make room"):
            extract(archive, folder)
    assert everything(folder) == set()
    assert extract(archive, folder) == (5, 0)
