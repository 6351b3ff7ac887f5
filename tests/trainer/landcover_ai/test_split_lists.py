"""The lists of a data set as any program writes them, and files as any system names them."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from trainer.landcover_ai import DatasetError, read_patches, read_split
from trainer.landcover_ai.check import check_patches
from trainer.landcover_ai.cut import cut_orthophotos

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def _tif(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = values.shape
    with rasterio.open(path, "w", "GTiff", width, height, count, dtype=values.dtype) as file:
        file.write(values)


def _data(folder: Path, image: str = "a.tif", mask: str = "a.tif") -> Path:
    """A sheet of 1 x 2 patches: the left one of class 1 and grey 10, the right one of class 2 and grey 20."""
    classes = np.repeat(np.array([[1, 2]], np.uint8), 512, 1).repeat(512, 0)
    _tif(folder / "images" / image, np.stack([classes * 10] * 3))
    _tif(folder / "masks" / mask, classes[None])
    return folder


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfa_0\r\na_1\r\n",
        codecs.BOM_UTF16_LE + "a_0\r\na_1\r\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "a_0\na_1\n".encode("utf-16-be"),
        "a_0\r\na_1\r\n".encode("utf-16-le"),
        codecs.BOM_UTF32_LE + "a_0\na_1".encode("utf-32-le"),
        b"a_0\ra_1\r",
        b"  a_0\t\n\n \n# a comment\n\xa0a_1\xa0",  # no-break spaces of Windows' code page
        b"a_0.tif\nA_1.TIF\n".replace(b"A_1", b"a_1"),
        b"a_0.jpg\na_1.PNG",
        b"a_0 a_1",
        b"./a_0\na_1",
    ],
)
def test_a_list_of_any_program_is_read(tmp_path: Path, content: bytes) -> None:
    _data(tmp_path)
    (tmp_path / "train.txt").write_bytes(content)
    patches = read_split(tmp_path, "train")
    assert [p.name for p in patches] == ["a_0", "a_1"]
    read = [(int(pixels[0, 0, 0]), int(truth[0, 0])) for _, pixels, truth in read_patches(patches, 3)]
    assert read == [(10, 1), (20, 2)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_a_name_with_letters_of_its_own_is_found(tmp_path: Path, encoding: str) -> None:
    _data(tmp_path, "Grünau Süd.tif", "Grünau Süd.tif")
    (tmp_path / "train.txt").write_bytes("Grünau Süd_1\r\n".encode(encoding))
    (patch,) = read_split(tmp_path, "train")
    assert patch.name == "Grünau Süd_1"


@pytest.mark.parametrize(("image", "mask"), [("a.TIF", "a.tiff"), ("a.TIFF", "a.Tif"), ("a.tiff", "a.TIFF")])
def test_endings_in_any_case_are_found(tmp_path: Path, image: str, mask: str) -> None:
    _data(tmp_path, image, mask)
    (tmp_path / "train.txt").write_text("a_0\n")
    (patch,) = read_split(tmp_path, "train")
    assert (patch.image.name, patch.mask.name) == (image, mask)
    assert check_patches(tmp_path).surplus == ("a_1",)


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_a_sheet_in_a_subfolder_is_found_and_cut(tmp_path: Path, separator: str) -> None:
    _data(tmp_path, "north/a.tif", "north/a.TIF")
    (tmp_path / "train.txt").write_text(f"north{separator}a_1\n")
    (patch,) = read_split(tmp_path, "train")
    assert patch.name == "north/a_1"
    cut_orthophotos(tmp_path, tmp_path / "cut", image_format="png")
    (tmp_path / "cut" / "train.txt").write_text("north/a_1.png\n")
    (patch,) = read_split(tmp_path / "cut", "train")
    ((_, pixels, truth),) = read_patches([patch], 3)
    assert (pixels == 20).all()
    assert (truth == 2).all()


@pytest.mark.parametrize("name", ["../a_0", "/etc/a_0", "north/../../a_0", "C:\\data\\a_0", "..\\a_0"])
def test_a_name_that_leads_out_of_the_data_set_is_refused(tmp_path: Path, name: str) -> None:
    _data(tmp_path)
    (tmp_path / "train.txt").write_text(name)
    with pytest.raises(DatasetError, match=r"train\.txt.*leads out of the data set"):
        read_split(tmp_path, "train")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf\r\n", b"# nothing\n\n", codecs.BOM_UTF16_LE])
def test_an_empty_list_is_named(tmp_path: Path, content: bytes) -> None:
    _data(tmp_path)
    (tmp_path / "train.txt").write_bytes(content)
    with pytest.raises(DatasetError, match=r"train\.txt: lists no patch"):
        read_split(tmp_path, "train")


@pytest.mark.parametrize("other", ["a_0", "a_00", "a_0.tif", "./a_0"])
def test_a_patch_in_two_lists_is_refused_with_both_named(tmp_path: Path, other: str) -> None:
    _data(tmp_path)
    (tmp_path / "train.txt").write_text("a_0\na_1\n")
    (tmp_path / "val.txt").write_text(other)
    for split in ("train", "val"):
        with pytest.raises(DatasetError, match=r"a_0.* is in both lists") as error:
            read_split(tmp_path, split)  # type: ignore[arg-type]  # one of the three
        assert "train.txt" in str(error.value)
        assert "val.txt" in str(error.value)


def test_a_patch_twice_in_a_list_under_two_names_is_refused(tmp_path: Path) -> None:
    _data(tmp_path)
    (tmp_path / "train.txt").write_text("a_1\na_01\n")
    with pytest.raises(DatasetError, match="listed twice"):
        read_split(tmp_path, "train")
    assert check_patches(tmp_path).repeated == ("a_1",)


def test_a_missing_file_is_named_with_the_list(tmp_path: Path) -> None:
    _data(tmp_path)
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbfb_0")
    with pytest.raises(DatasetError, match=r"images/b\.tif: is missing, but .*train\.txt lists the patch b_0"):
        read_split(tmp_path, "train")


def test_two_files_for_one_name_are_refused(tmp_path: Path) -> None:
    _data(_data(tmp_path), "a.TIFF", "a.tif")
    (tmp_path / "train.txt").write_text("a_0")
    with pytest.raises(DatasetError, match="two files for one name"):
        read_split(tmp_path, "train")


def test_a_number_of_thousands_of_digits_is_no_patch(tmp_path: Path) -> None:
    _data(tmp_path)
    (tmp_path / "train.txt").write_text("a_" + "9" * 5000)
    with pytest.raises(DatasetError, match="is not a patch name"):
        read_split(tmp_path, "train")
