from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from landcover_helpers import raster
from PIL import Image as Picture

from annotations.errors import LabelError, RasterError
from trainer.landcover_ai import DatasetError, Patch, patch_region, read_patches, read_split
from trainer.landcover_ai.command import main
from trainer.landcover_ai.cut import cut_orthophotos

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.landcover_ai.cut import ImageFormat

SIZES = {"M-34-a": (600, 1500), "N-33_b": (1100, 530)}  # 2 x 3 cells, of which 0 and 1 are whole; 3 x 2: 0 and 2
WHOLE = ["M-34-a_0", "M-34-a_1", "N-33_b_0", "N-33_b_2"]


def landscape(shape: tuple[int, int], bands: int = 3) -> np.ndarray:
    """Return soft hills with a little grain, as aerial images are, and with a place for each colour."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    hills = [96 + 60 * np.sin(rows / (30 + 7 * k)) * np.cos(columns / (41 - 5 * k)) for k in range(bands)]
    return (np.stack(hills, -1) + np.random.default_rng(0).normal(0, 2, (*shape, bands))).round().astype(np.uint8)


def write(folder: Path, stem: str, image: np.ndarray, truth: np.ndarray, **options: object) -> None:
    for name, pixels in (("images", image), ("masks", truth)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{stem}.tif").write_bytes(raster(pixels, **(options if name == "masks" else {})))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    for number, (stem, shape) in enumerate(SIZES.items()):
        truth = np.random.default_rng(number).integers(0, 5, shape, dtype=np.uint8)
        truth[:50, :20] = 255
        write(data, stem, landscape(shape), truth)
    (data / "train.txt").write_text("N-33_b_2\nM-34-a_0\n")
    (data / "val.txt").write_text("M-34-a_1\n")
    (data / "test.txt").write_text("N-33_b_0\n")
    return data


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def source(folder: Path, kind: str, name: str) -> np.ndarray:
    """Return what the patch of that name is in the orthophoto, by the numbering that is tested elsewhere."""
    stem, _, number = name.rpartition("_")
    with rasterio.open(folder / kind / f"{stem}.tif") as file:
        return np.moveaxis(file.read(), 0, -1)[patch_region(int(number), file.shape).slices]


@pytest.mark.parametrize("image_format", ["jpeg", "png"])
def test_each_whole_cell_becomes_two_files(folder: Path, image_format: ImageFormat) -> None:
    ending = {"jpeg": ".jpg", "png": ".png"}[image_format]
    result = cut_orthophotos(folder, image_format=image_format)
    assert (result.output, result.written, result.kept) == (folder / "output", 4, 0)
    assert names(folder / "output") == {f"{name}{end}" for name in WHOLE for end in (ending, "_m.png")}
    for name in WHOLE:
        # Another library reads them, as other programs do.
        with Picture.open(folder / "output" / f"{name}{ending}") as picture:
            image = np.asarray(picture)
        with Picture.open(folder / "output" / f"{name}_m.png") as picture:
            assert picture.mode == "L"
            np.testing.assert_array_equal(np.asarray(picture), source(folder, "masks", name)[..., 0])
        error = np.square(image.astype(float) - source(folder, "images", name)).mean()
        if image_format == "png":
            assert error == 0
        else:
            assert 10 * np.log10(255**2 / error) > 40  # PSNR in dB


def test_jpegs_are_made_as_opencv_makes_them(folder: Path, tmp_path: Path) -> None:
    cut_orthophotos(folder)
    other = tmp_path / "other.jpg"
    Picture.fromarray(source(folder, "images", "M-34-a_1")).save(other, quality=95, subsampling="4:2:0")
    with Picture.open(folder / "output" / "M-34-a_1.jpg") as ours, Picture.open(other) as theirs:
        assert ours.layer == theirs.layer
        assert ours.quantization == theirs.quantization
        difference = np.asarray(ours).astype(int) - np.asarray(theirs)
    assert np.abs(difference).mean() < 0.5


def test_what_is_there_is_kept(folder: Path) -> None:
    cut_orthophotos(folder)
    output = folder / "output"
    before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    (output / "M-34-a_1.jpg").unlink()
    (output / "N-33_b_0_m.png").write_bytes(b"")
    result = cut_orthophotos(folder)
    assert (result.written, result.kept) == (2, 2)
    changed = {path.name for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert changed == {"M-34-a_1.jpg", "N-33_b_0_m.png"}
    (output / "M-34-a_0.jpg").write_bytes(b"torn")
    assert cut_orthophotos(folder).written == 0
    assert cut_orthophotos(folder, overwrite=True).written == 4
    assert len(list(read_patches(read_split(folder / "output", "train"), 5))) == 2


def test_an_interrupted_run_leaves_no_half_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced = []

    def replace(old: Path, new: Path) -> None:
        if len(replaced) == 3:
            raise KeyboardInterrupt
        replaced.append(new)
        os.rename(old, new)

    with monkeypatch.context() as patch:
        patch.setattr("annotations.disk.files.os.replace", replace)
        assert main(["cut", str(folder)]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err
    assert names(folder / "output") == {"M-34-a_0.jpg", "M-34-a_0_m.png", "M-34-a_1.jpg"}
    assert main(["cut", str(folder)]) == 0
    assert "output: 3 patches written, 1 were there already" in capsys.readouterr().out


def test_cut_patches_read_as_the_orthophotos_do(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No data is no label: by the mask's own mark, and by the image's.
    truth = np.random.default_rng(5).integers(0, 5, (512, 512), dtype=np.uint8)
    write(folder, "z", landscape((512, 512)), truth, nodata=0)
    image = landscape((512, 512))
    image[100:200, 300:400] = 0
    (folder / "images" / "z.tif").write_bytes(raster(image, nodata=0))
    (folder / "val.txt").write_text("z_0\nM-34-a_1\n")
    expected = {split: list(read_patches(read_split(folder, split), 5)) for split in ("train", "val", "test")}
    cut_orthophotos(folder, tmp_path / "elsewhere", image_format="png")
    cut_orthophotos(folder)
    for name in ("images", "masks"):
        (folder / name).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for place in (folder, folder / "output", tmp_path / "elsewhere", type(folder)("data/output")):
        for split, patches in expected.items():
            found = list(read_patches(read_split(place, split), 5))
            assert [patch.name for patch, *_ in found] == [patch.name for patch, *_ in patches]
            for (patch, pixels, labels), (_, original, original_labels) in zip(found, patches, strict=True):
                assert patch == Patch(patch.name, patch.image, patch.mask, patch_region(0, (512, 512)))
                np.testing.assert_array_equal(labels, original_labels)
                assert np.abs(pixels.astype(int) - original).mean() < (0.1 if place.name == "elsewhere" else 3)
    assert not list(tmp_path.rglob("*.aux.xml"))


def test_masks_of_the_data_sets_own_script_have_three_bands(folder: Path) -> None:
    expected = [truth for *_, truth in read_patches(read_split(folder, "train"), 5)]
    cut_orthophotos(folder)
    (folder / "images").rename(folder / "old")
    for path in (folder / "output").glob("*_m.png"):
        with Picture.open(path) as picture:
            thrice = picture.convert("RGB")
        thrice.save(path)
    for (*_, truth), wanted in zip(read_patches(read_split(folder, "train"), 5), expected, strict=True):
        np.testing.assert_array_equal(truth, wanted)
    Picture.fromarray(landscape((512, 512))).save(folder / "output" / "N-33_b_2_m.png")
    with pytest.raises(DatasetError, match=r"N-33_b_2_m.png: has 3 bands that differ, but a mask holds class numbers"):
        list(read_patches(read_split(folder, "train"), 5))


def test_faults_of_cut_patches_are_named(folder: Path) -> None:
    cut_orthophotos(folder)
    (folder / "images").rename(folder / "old")
    image, mask = folder / "output" / "N-33_b_2.jpg", folder / "output" / "N-33_b_2_m.png"
    for path in (image, mask):
        content = path.read_bytes()
        Picture.new("L" if path == mask else "RGB", (256, 512)).save(path)
        with pytest.raises(DatasetError, match=rf"{path.name}: is 512 x 256 pixels, but a patch is 512 x 512"):
            list(read_patches(read_split(folder, "train"), 5))
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(RasterError, match=rf"{path.name}: the file is cut off"):
            list(read_patches(read_split(folder, "train"), 5))
        path.unlink()
        with pytest.raises(DatasetError, match=r"N-33_b_2.jpg or its mask N-33_b_2_m.png: is missing, but .*train.txt"):
            read_split(folder, "train")
        path.write_bytes(content)
    assert len(read_split(folder, "train")) == 2


def test_what_cannot_be_cut_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = np.zeros((512, 512), np.uint8)
    for stem in SIZES:
        (folder / "images" / f"{stem}.tif").unlink()
    write(folder, "four", landscape((512, 512)), truth)
    (folder / "images" / "four.tif").write_bytes(raster(landscape((512, 512), 4), photometric="MINISBLACK"))
    with pytest.raises(DatasetError, match=r"four.tif: has 4 bands of uint8, but a JPEG image holds 1 or 3 of uint8"):
        cut_orthophotos(folder)
    write(folder, "four", landscape((512, 512)).astype(np.uint16) * 200, truth)
    with pytest.raises(DatasetError, match=r"has 3 bands of uint16, .* or --format png"):
        cut_orthophotos(folder)
    assert cut_orthophotos(folder, image_format="png").written == 1
    write(folder, "four", landscape((512, 512)), truth + 200)
    with pytest.raises(LabelError, match=r"four.tif: value 200 at row 0, column 0"):
        cut_orthophotos(folder, overwrite=True)
    (folder / "masks" / "four.tif").unlink()
    with pytest.raises(DatasetError, match=r"masks/four.tif: is missing, but .*images/four.tif is there"):
        cut_orthophotos(folder)
    assert main(["cut", str(tmp_path / "nowhere")]) == 2
    assert "error: " in (error := capsys.readouterr().err) and "holds no orthophoto" in error
    (tmp_path / "file").write_text("")
    write(folder, "four", landscape((512, 512)), truth)
    assert main(["cut", str(folder), "--output", str(tmp_path / "file")]) == 2
    assert f"{tmp_path / 'file'}: cannot be written" in capsys.readouterr().err
