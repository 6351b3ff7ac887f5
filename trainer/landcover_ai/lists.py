"""The lists of a data set's patches: train.txt, val.txt and test.txt, whatever program wrote them."""

from __future__ import annotations

import codecs
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Literal, get_args

from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SPLITS", "DatasetError", "Split", "patch_key", "patch_stem", "read_list", "require_disjoint"]

Split = Literal["train", "val", "test"]
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
"""The three lists."""

_ENDINGS: Final = (".tif", ".tiff", ".jpg", ".jpeg", ".png")
_NAME: Final = re.compile(r"(?P<stem>.+)_(?P<number>[0-9]+)", re.DOTALL)
# UTF-32's mark begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class DatasetError(PartialSegError):
    """A data set is incomplete or its parts do not fit each other."""


def _decoded(content: bytes) -> str:
    """Decode a text of unknown origin: by its byte-order mark, as UTF-16 without one, as UTF-8, else as Windows does.

    Raises
    ------
    UnicodeDecodeError
        Its mark says what it is not.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    if b"\0" in content:  # in no text but one of two bytes a letter
        low, high = content[0::2].count(0), content[1::2].count(0)
        return content.decode("utf-16-le" if high >= low else "utf-16-be")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _clean(name: str) -> str:
    """Return a name without an ending and with / between folders, as the files are looked for."""
    name = name.replace("\\", "/")
    for ending in _ENDINGS:
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
            break
    return name


def _names(line: str) -> list[str]:
    parts = line.split()
    # Names hold spaces seldom, but they may; several names a line are read where each of them is one.
    if len(parts) > 1 and not all(_NAME.fullmatch(_clean(part)) for part in parts):
        parts = [line.strip()]
    return [_clean(part) for part in parts]


def read_list(folder: Path, split: Split) -> list[str]:
    """Return the names in a split's file, in its order.

    Any program may have written it: with a byte-order mark, in UTF-8, UTF-16 or Windows' code page, with any line ends,
    spaces around the names, blank lines, comments (from # at the start of a line), or an image's ending to each name. A
    name may lead into a subfolder of images and masks: north/N-33_12.

    Raises
    ------
    DatasetError
        It is missing, cannot be read or is empty; a name leads out of the data set.
    """
    listed_in = folder / f"{split}.txt"
    try:
        text = _decoded(listed_in.read_bytes())
    except FileNotFoundError:
        raise DatasetError(
            f"{listed_in}: is missing. A data set is a folder with images/*.tif, masks/*.tif, train.txt, val.txt and "
            "test.txt, as LandCover.ai has them; leave out --data to use the generated sample."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{listed_in}: cannot be read ({error}). Save it as plain text in UTF-8.") from error
    lines = (line.strip().strip("\ufeff\0").strip() for line in text.splitlines())
    names = [name for line in lines if line and not line.startswith("#") for name in _names(line)]
    if not names:
        raise DatasetError(f"{listed_in}: lists no patch. Write one patch name (STEM_K) a line into it.")
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name or re.match(r"[A-Za-z]:", name):
            raise DatasetError(
                f"{listed_in}: {name!r} leads out of the data set. Name patches STEM_K, or FOLDER/STEM_K for files in "
                "a subfolder of images and masks."
            )
    return [str(PurePosixPath(name)) for name in names]


def patch_stem(name: str) -> tuple[str, int] | None:
    """Return the orthophoto's name and the number of the cell in STEM_K; None where the name has another form."""
    found = _NAME.fullmatch(name)
    # More digits than any orthophoto has cells: Python refuses to make a number of thousands of them.
    return None if found is None or len(found["number"]) > 18 else (found["stem"], int(found["number"]))


def patch_key(name: str) -> tuple[str, int] | str:
    """Return what two names of one patch have in common: STEM_7 and STEM_007 are the same pixels."""
    return patch_stem(name) or name


def require_disjoint(folder: Path, split: Split, names: list[str]) -> None:
    """Raise where a patch of one list is in another too: what was learnt from would be scored.

    Raises
    ------
    DatasetError
        Names the patch and both lists.
    """
    own = {patch_key(name): name for name in names}
    for other in SPLITS:
        if other == split or not (folder / f"{other}.txt").is_file():
            continue
        try:
            theirs = read_list(folder, other)
        except DatasetError:  # told when that list is what is asked for
            continue
        both = [own[patch_key(name)] for name in theirs if patch_key(name) in own]
        if both:
            more = f" (and {len(both) - 1} more)" if len(both) > 1 else ""
            raise DatasetError(
                f"{folder / f'{split}.txt'} and {folder / f'{other}.txt'}: the patch {both[0]}{more} is in both lists, "
                "so that what is learnt from would be scored too. Take it off one of them."
            )
