from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import Affine

from annotations.errors import LabelError, RasterError
from annotations.region import Region
from trainer.config import FitConfig, LabelConfig, ModelConfig
from trainer.fit.patches import batches, dataset_normalisation, labelled_counts, read_all, resize
from trainer.landcover_ai import DatasetError, patch_region, read_patches, read_split

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 1100, 1500  # 3 x 3 cells, of which 2 x 2 are whole


def write(path: Path, pixels: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    options = {"crs": "EPSG:32640", "transform": Affine(0.5, 0, 3e5, 0, -0.5, 3e6), "compress": "deflate", **options}
    with rasterio.open(
        path, "w", "GTiff", bands.shape[2], bands.shape[1], len(bands), dtype=pixels.dtype, **options
    ) as f:
        f.write(bands)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two orthophotos whose pixel values tell where they are, and masks that say the same."""
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    for number, stem in enumerate(("a-1", "b_2")):
        truth = ((rows // 64 + columns // 64 + number) % 5).astype(np.uint8)
        image = np.stack([truth * 40, np.full_like(truth, 10 * number), (rows // 8 + 0 * columns).astype(np.uint8)], -1)
        write(tmp_path / "images" / f"{stem}.tif", image)
        truth[:100, :100] = 255
        write(tmp_path / "masks" / f"{stem}.tif", truth, nodata=255)
    (tmp_path / "train.txt").write_text("a-1_0\nb_2_4\r\na-1_1\nb_2_0\n\n")
    (tmp_path / "val.txt").write_text("a-1_3\n")
    return tmp_path


@given(height=st.integers(1, 2000), width=st.integers(1, 2000))
def test_cells_are_counted_row_by_row_the_cut_off_ones_included(height: int, width: int) -> None:
    number = 0
    for top in range(0, height, 512):
        for left in range(0, width, 512):
            if top + 512 <= height and left + 512 <= width:
                assert patch_region(number, (height, width)) == Region(top, left, 512, 512)
            else:
                with pytest.raises(ValueError, match="cut off"):
                    patch_region(number, (height, width))
            number += 1
    with pytest.raises(ValueError, match="has cells 0 to"):
        patch_region(number, (height, width))


def test_patches_are_read_from_their_places(folder: Path) -> None:
    patches = read_split(folder, "train")
    assert [p.name for p in patches] == ["a-1_0", "b_2_4", "a-1_1", "b_2_0"]
    assert [p.region for p in patches[:2]] == [Region(0, 0, 512, 512), Region(512, 512, 512, 512)]
    for patch, pixels, truth in read_patches(patches, 5):
        with rasterio.open(patch.image) as source:
            np.testing.assert_array_equal(pixels, np.moveaxis(source.read(), 0, -1)[patch.region.slices])
        known = truth >= 0
        np.testing.assert_array_equal(pixels[..., 0][known], 40 * truth[known].astype(int))
        assert (~known).sum() == (10_000 if patch.region.top == patch.region.left == 0 else 0)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("a-1_9", r"train.txt: there is no patch a-1_9 in .*a-1.tif: .* has cells 0 to 8"),
        ("a-1_2", r"there is no patch a-1_2 .* cut off"),
        ("a-1_x", "'a-1_x' is not a patch name"),
        ("c_0", r"images/c.tif: is missing, but .*train.txt lists the patch c_0"),
        ("a-1_0 a-1_0", "the patch a-1_0 is listed twice"),
        ("", "lists no patch"),
    ],
)
def test_a_wrong_list_is_named(folder: Path, listed: str, message: str) -> None:
    (folder / "train.txt").write_text(listed)
    with pytest.raises(DatasetError, match=message):
        read_split(folder, "train")


def test_missing_and_unfitting_files_are_named(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"test.txt: is missing"):
        read_split(folder, "test")
    mask = folder / "masks" / "b_2.tif"
    write(mask, np.zeros((600, 1500), np.uint8))
    with pytest.raises(DatasetError, match=r"b_2.tif: is 600 x 1500 pixels, but .*b_2.tif is 1100 x 1500"):
        read_split(folder, "train")
    write(mask, np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(DatasetError, match="has 3 bands, but a mask has one"):
        read_split(folder, "train")
    mask.unlink()
    with pytest.raises(DatasetError, match=r"masks/b_2.tif: is missing"):
        read_split(folder, "train")
    write(mask, np.zeros(SIZE, np.uint8))
    image = folder / "images" / "b_2.tif"
    write(image, np.zeros((*SIZE, 4), np.uint8), photometric="MINISBLACK")
    with pytest.raises(DatasetError, match=r"b_2.tif: has 4 bands of uint8, but .*a-1.tif has 3"):
        list(read_patches(read_split(folder, "train"), 5))
    image.write_bytes(b"II*\0nonsense")
    with pytest.raises(RasterError, match=r"b_2.tif"):
        read_split(folder, "train")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_a_label_above_the_scheme_is_named_with_file_and_place(folder: Path, dtype: type) -> None:
    truth = np.zeros(SIZE, dtype)
    truth[700, 600] = 5
    write(folder / "masks" / "b_2.tif", truth)
    with pytest.raises(LabelError, match=r"b_2.tif: value 5 at row 700, column 600 \(patch b_2_4\) is not one of"):
        list(read_patches(read_split(folder, "train"), 5))


def test_labels_are_the_same_whatever_is_read_with_them(folder: Path) -> None:
    config = FitConfig(model=ModelConfig(levels=3), input_size=512, seed=5)
    patches = read_split(folder, "train")
    read = read_all(patches, config, 5)
    choices = LabelConfig(fraction=0.1), LabelConfig(fraction=1.0), LabelConfig(fraction=0.1, per="all")
    tenth, all_pixels, of_all = (read.labelled(choice, config.seed)[0] for choice in choices)
    again, _ = read_all(patches, config, 5).labelled(LabelConfig(fraction=0.1), config.seed)
    assert torch.equal(tenth.labels, again.labels)
    assert tenth.images is all_pixels.images
    for index, name in enumerate(tenth.names):
        known = all_pixels.labels[index] >= 0
        drawn = tenth.labels[index] >= 0
        assert int(drawn.sum()) == round(0.1 * int(known.sum()))
        assert torch.equal(tenth.labels[index][drawn], all_pixels.labels[index][drawn])
        assert int((of_all.labels[index] >= 0).sum()) == round(0.1 * 512 * 512), name
    other_seed, _ = read.labelled(LabelConfig(fraction=0.1), 6)
    assert not torch.equal(other_seed.labels, tenth.labels)
    assert not torch.equal(tenth.labels[0] >= 0, tenth.labels[1] >= 0)  # each patch has its own
    assert labelled_counts(tenth, 5) == [int((tenth.labels == k).sum()) for k in range(5)]


def test_resized_labels_stay_under_their_pixels(folder: Path) -> None:
    config = FitConfig(model=ModelConfig(levels=3), input_size=192)
    small, _ = read_all(read_split(folder, "train"), config, 5).labelled(None, 0)
    assert small.images.shape == (4, 3, 192, 192)
    known = small.labels >= 0
    agrees = (small.images[:, 0].float() - 40 * small.labels.float()).abs() < 1
    assert float(agrees[known].float().mean()) > 0.8  # all but the borders between the squares


def test_resize_takes_pixels_from_their_centres() -> None:
    labels = torch.arange(64, dtype=torch.int8).view(1, 8, 8)
    assert torch.equal(resize(labels, 8, labels=True), labels)
    assert torch.equal(resize(labels, 2, labels=True)[0], labels[0, 2::4, 2::4])
    images = torch.full((1, 3, 8, 8), 37, dtype=torch.uint8)
    assert torch.equal(resize(images, 6, labels=False), images[..., :6, :6])


def test_normalisation_of_the_data_set(folder: Path) -> None:
    config = FitConfig(model=ModelConfig(levels=3), input_size=128)
    patches, _ = read_all(read_split(folder, "train"), config, 5).labelled(None, 0)
    normalised = dataset_normalisation(config, patches).apply(patches.images)
    np.testing.assert_allclose(normalised.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(normalised.std((0, 2, 3)), 1, atol=1e-3)


def test_batches_come_in_order(folder: Path) -> None:
    config = FitConfig(model=ModelConfig(levels=3), input_size=128)
    patches, _ = read_all(read_split(folder, "train"), config, 5).labelled(None, 0)
    wanted = [np.array([3, 0]), np.array([1]), np.array([2, 2, 1])]
    for (images, labels), indices in zip(batches(patches, wanted), wanted, strict=True):
        assert torch.equal(images, patches.images[indices])
        assert torch.equal(labels, patches.labels[indices])
    assert list(batches(patches, [])) == []


def test_the_real_data(shared_data: Path) -> None:
    splits = {split: read_split(shared_data / "dubai", split) for split in ("train", "val", "test")}
    assert {split: len(patches) for split, patches in splits.items()} == {"train": 102, "val": 22, "test": 23}
    (_, pixels, truth), *_ = read_patches(splits["val"][:1], 5)
    assert pixels.shape == (512, 512, 3)
    assert set(np.unique(truth)) <= {-1, 0, 1, 2, 3, 4}
