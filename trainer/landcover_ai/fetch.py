"""LandCover.ai from its server: downloaded, checked, unpacked, and its lists compared with its orthophotos."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import pooch  # type: ignore[import-untyped]  # ships no types
from filelock import FileLock, Timeout
from tqdm import tqdm

from annotations.disk.files import replacing
from trainer.landcover_ai.check import OFFICIAL_COUNTS, check_patches
from trainer.landcover_ai.download import ResumingDownloader
from trainer.landcover_ai.layout import DatasetError
from trainer.landcover_ai.space import disk_error, require_space

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from trainer.landcover_ai.check import PatchCheck

__all__ = ["ARCHIVE", "LICENCE", "MD5", "URL", "download", "extract", "fetch"]

URL: Final = "https://landcover.ai.linuxpolska.com/download/landcover.ai.v1.zip"
MD5: Final = "3268c89070e8734b4e91d531c0617e03"
ARCHIVE: Final = "landcover.ai.v1.zip"
"""What the archive is called in the data set's folder."""
LICENCE: Final = """\
LandCover.ai is licensed under CC BY-NC-SA 4.0 (https://creativecommons.org/licenses/by-nc-sa/4.0/): not for commercial
use, name its authors, and pass on what you make of it under the same terms. Cite it as
  A. Boguszewski, D. Batorski, N. Ziemba-Jankowska, T. Dziedzic, A. Zambrzycka: LandCover.ai: Dataset for Automatic
  Mapping of Buildings, Woodlands, Water and Roads from Aerial Imagery. CVPR Workshops, 2021, pp. 1102-1110."""
_PIECE: Final = 2**20


def fetch(
    folder: Path,
    *,
    url: str = URL,
    md5: str = MD5,
    say: Callable[[str], None] = tqdm.write,
) -> PatchCheck:
    """Get the data set into a folder; what is there already is not fetched or written again.

    Parameters
    ----------
    folder : Path
        Made when missing. The archive stays in it, for a later call to compare with.
    url, md5 : str
        The archive and its checksum, for a copy on another server or another version.
    say : callable
        Takes each message, the licence first.

    Returns
    -------
    PatchCheck
        In which no patch is missing and, for the official archive, the lists have the official lengths.

    Raises
    ------
    DatasetError
        The download fails, the archive is not the one it should be or would write outside the folder, the disk is full,
        or the lists do not fit the orthophotos.
    RasterError
        An orthophoto cannot be read.
    """
    say(LICENCE)
    archive = download(folder, url=url, md5=md5, say=say)
    written, kept = extract(archive, folder)
    say(f"{folder}: {written} files unpacked, {kept} were there already. The archive is not needed for training.")
    check = check_patches(folder)
    check.require(OFFICIAL_COUNTS if md5.lower() == MD5 else None)
    return check


def download(
    folder: Path,
    *,
    url: str = URL,
    md5: str = MD5,
    downloader: ResumingDownloader | None = None,
    say: Callable[[str], None] = tqdm.write,
) -> Path:
    """Return the archive, downloaded unless it is there with the right checksum.

    Parameters
    ----------
    folder, url, md5, say
        As for `fetch`.
    downloader : ResumingDownloader, optional
        Instead of one with the usual patience.

    Raises
    ------
    DatasetError
        As for `fetch`. After a wrong checksum the file is gone; after any other failure the part of it that has arrived
        stays, and the next call goes on from there.
    """
    if not re.fullmatch("[0-9a-fA-F]{32}", md5):
        raise DatasetError(
            f"--md5 {md5}: is not an MD5 checksum, which has 32 hexadecimal digits. Copy it from the server."
        )
    archive, part = folder / ARCHIVE, folder / f"{ARCHIVE}.part"
    pooch.get_logger().setLevel("WARNING")  # it would announce a file of unknown purpose under a temporary name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Two writers to one part would make a file that nobody has.
        with FileLock(folder / f".{ARCHIVE}.lock", timeout=0):
            say(f"{archive}: from {url}" if not archive.exists() else f"{archive}: comparing its checksum")
            pooch.retrieve(
                url,
                f"md5:{md5.lower()}",
                fname=ARCHIVE,
                path=folder,
                downloader=downloader or ResumingDownloader(part, say=say),
            )
            part.unlink(missing_ok=True)
    except Timeout as error:
        raise DatasetError(f"{folder}: another fetch is at work there. Wait for it, or stop it.") from error
    except ValueError as error:  # pooch's, for a wrong checksum; its text has both sums
        part.unlink(missing_ok=True)
        raise DatasetError(
            f"{archive}: what {url} sent has a wrong checksum and was removed ({error}). Run the command again; if "
            "the sum stays as it is, the server has another file: choose another server with --url, or give the sum of "
            "that file with --md5."
        ) from error
    except OSError as error:
        raise disk_error(archive, error) from error
    return archive


def extract(archive: Path, folder: Path) -> tuple[int, int]:
    """Unpack orthophotos, masks and lists; return how many files were written and how many were there already.

    Nothing else is taken out of the archive. Its split.py is neither unpacked nor run: the command cut does its work.

    Raises
    ------
    DatasetError
        The archive is damaged, names a place outside the folder (then nothing is written), or the disk is full.
    """
    written = kept = 0
    target = folder
    try:
        with zipfile.ZipFile(archive) as content:
            members = _members(archive, content.infolist())
            left = [m for m in members if not _is_there(folder / m.filename, m.file_size)]
            kept = len(members) - len(left)
            require_space(folder, sum(m.file_size for m in left))
            with tqdm(
                total=sum(m.file_size for m in left), unit="B", unit_scale=True, unit_divisor=1024, disable=None
            ) as bar:
                for member in left:
                    target = folder / member.filename
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with content.open(member) as source, replacing(target) as temporary, temporary.open("wb") as file:
                        while piece := source.read(_PIECE):
                            file.write(piece)
                            bar.update(len(piece))
                    written += 1
    # NotImplementedError is zipfile's word for a compression it does not know, RuntimeError that for a password.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DatasetError(
            f"{archive}: cannot be unpacked ({error}). Remove it and run the command again, or choose another with "
            "--url and --md5."
        ) from error
    except OSError as error:
        raise disk_error(target, error) from error
    return written, kept


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _members(archive: Path, entries: Sequence[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return the entries of the data set, after looking at all of them."""
    members = []
    for entry in entries:
        path = PurePosixPath(entry.filename)
        outside = path.is_absolute() or ".." in path.parts or re.search(r"[\\:]", entry.filename)
        if outside or stat.S_ISLNK(entry.external_attr >> 16):
            raise DatasetError(
                f"{archive}: holds {entry.filename!r}, which leads out of the folder. Nothing was unpacked: this is "
                "not the official archive. Remove it, and choose another with --url and --md5."
            )
        in_place = len(path.parts) == 2 and path.parts[0] in ("images", "masks") and path.suffix in (".tif", ".tiff")
        if not entry.is_dir() and (in_place or (len(path.parts) == 1 and path.suffix == ".txt")):
            members.append(entry)
    if not members:
        raise DatasetError(
            f"{archive}: holds no images/*.tif, masks/*.tif or lists. It is not LandCover.ai: choose another with "
            "--url and --md5."
        )
    return members
