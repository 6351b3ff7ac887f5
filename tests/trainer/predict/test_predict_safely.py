"""What predicting from the command line refuses, keeps and leaves behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from annotations.classes import LANDCOVER_AI
from annotations.disk.files import replacing
from annotations.disk.leftovers import sweep_leftovers
from annotations.project.project import Project
from trainer.checkpoint import Checkpoint, load_checkpoint, raw_state_dict, save_checkpoint
from trainer.config import ModelConfig
from trainer.imagery import Imagery
from trainer.models import build_model
from trainer.normalisation import Normalisation
from trainer.predict import command as predict_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
LEARNT = Imagery("uint8", ("red", "green", "blue"), (0.25, 0.25), "metre")


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Callable[..., Path]:
    def make(imagery: Imagery | None = LEARNT, mean: float = 120.0, std: float = 50.0, bands: int = 3) -> Path:
        import torch

        torch.manual_seed(0)
        config = ModelConfig(width=4, levels=3)
        model = build_model(config, bands, 5)
        normalisation = Normalisation((mean,) * bands, (std,) * bands)
        weights = raw_state_dict(model)
        path = tmp_path / "best_model.pth"
        save_checkpoint(path, Checkpoint(config, bands, LANDCOVER_AI, normalisation, weights, imagery=imagery))
        return path

    return make


def pixels(bands: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    values = np.random.default_rng(seed).integers(0, 255, (bands, 64, 96)).astype(np.uint8)
    values[:, 32:] //= 3
    return values


def write(path: Path, values: NDArray[Any], size: float = 0.25, names: tuple[str, ...] = (), **options: Any) -> Path:
    profile = {"crs": "EPSG:28992", "transform": Affine(size, 0, 155000, 0, -size, 463000), **options}
    if not names and len(values) == 3:
        profile.setdefault("photometric", "rgb")
    count, height, width = values.shape
    with rasterio.open(path, "w", "GTiff", width, height, count, dtype=values.dtype, **profile) as file:
        file.write(values)
        for band, name in enumerate(names, 1):
            file.set_band_description(band, name)
    return path


def run(*arguments: object) -> int:
    return predict_command.main([str(a) for a in (*arguments, "--threads", "1", "--block", "64")])


MISFITS = {
    "dtype": (pixels().astype(np.uint16), {}, "uint16 (16 bits)"),
    "dtype and range": (pixels().astype(np.uint16) * 257, {}, "values of up to about"),
    "float": (pixels().astype(np.float32) / 255, {}, "float32 (32 bits)"),
    "resolution": (pixels(), {"size": 0.5}, " m, but the network learnt on pixels of 0.25 m"),
    "finer": (pixels(), {"size": 0.1}, " m, but the network learnt on pixels of 0.25 m"),
    "order": (pixels(), {"names": ("blue", "green", "red")}, "in this order the bands blue, green, red"),
    "names": (pixels(), {"names": ("nir", "red", "green")}, "the bands nir, red, green"),
    "more bands": (pixels(4), {"photometric": "MINISBLACK"}, "has 4 bands, but"),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_an_image_of_another_kind_is_refused_and_with_the_flag_mapped_with_a_warning(
    kind: str, tmp_path: Path, make_checkpoint: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    values, options, text = MISFITS[kind]
    checkpoint, image, output = (
        make_checkpoint(),
        write(tmp_path / "image.tif", values, **options),
        tmp_path / "map.tif",
    )
    assert run(checkpoint, image, output) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {image}: ")
    assert text in said
    assert "--allow-misfit" in said
    assert not output.exists()
    assert run(checkpoint, image, output, "--allow-misfit") == 0
    assert f"warning: {image}: " in capsys.readouterr().err
    assert output.is_file()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": 0.3},
        {"names": ("red", "green", "blue")},
        {"names": ("Red", "GREEN", " blue ")},
        {"names": ("band 1", "band 2", "band 3")},
        {"crs": None, "transform": Affine(25, 0, 0, 0, -25, 0)},  # units of nobody knows what
        # The same ground and size in degrees, and in the stretched metres of a Mercator projection at 52 degrees.
        {"crs": "EPSG:4326", "transform": Affine(0.25 / 68500, 0, 5.38, 0, -0.25 / 111300, 52.15)},
        {"crs": "EPSG:3857", "transform": Affine(0.407, 0, 599000, 0, -0.407, 6826000)},
        {"crs": "EPSG:2263", "transform": Affine(0.82, 0, 984000, 0, -0.82, 208000)},  # feet
    ],
)
def test_an_image_of_the_same_kind_is_mapped_without_a_word(
    options: dict[str, Any], tmp_path: Path, make_checkpoint: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    image = write(tmp_path / "image.tif", pixels(), **options)
    assert run(make_checkpoint(), image, tmp_path / "map.tif") == 0
    assert "warning" not in capsys.readouterr().err


def test_another_type_is_mapped_with_its_own_normalisation_when_forced(
    tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    values = pixels()
    means, deviations = values.mean((1, 2)), values.std((1, 2))
    checkpoint = make_checkpoint()
    content = load_checkpoint(checkpoint)
    own = Normalisation(tuple(map(float, means)), tuple(map(float, deviations)))
    rest = content.model, 3, LANDCOVER_AI, own, content.state_dict
    save_checkpoint(checkpoint, Checkpoint(*rest, imagery=LEARNT))
    write(tmp_path / "8.tif", values)
    write(tmp_path / "16.tif", values.astype(np.uint16) * 257)
    assert run(checkpoint, tmp_path / "8.tif", tmp_path / "map8.tif") == 0
    assert run(checkpoint, tmp_path / "16.tif", tmp_path / "map16.tif", "--force") == 0
    with rasterio.open(tmp_path / "map8.tif") as one, rasterio.open(tmp_path / "map16.tif") as other:
        assert (one.read(1) == other.read(1)).mean() > 0.999


def test_bands_in_another_order_are_taken_by_their_names_when_forced(
    tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    checkpoint, values = make_checkpoint(), pixels()
    write(tmp_path / "rgb.tif", values, names=("red", "green", "blue"))
    write(tmp_path / "other.tif", np.stack([*values[::-1], values[0]]), names=("blue", "green", "red", "nir"))
    assert run(checkpoint, tmp_path / "rgb.tif", tmp_path / "a.tif") == 0
    assert run(checkpoint, tmp_path / "other.tif", tmp_path / "b.tif", "--allow-misfit") == 0
    with rasterio.open(tmp_path / "a.tif") as one, rasterio.open(tmp_path / "b.tif") as other:
        assert (one.read(1) == other.read(1)).all()


def test_too_few_bands_are_refused_even_when_forced(
    tmp_path: Path, make_checkpoint: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    image = write(tmp_path / "image.tif", pixels(1))
    assert run(make_checkpoint(), image, tmp_path / "map.tif", "--allow-misfit") == 2
    assert "has 1 bands, but" in capsys.readouterr().err


def test_a_checkpoint_of_before_tells_by_its_normalisation_alone(
    tmp_path: Path, make_checkpoint: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = make_checkpoint(imagery=None)
    import torch

    content = torch.load(checkpoint)
    del content["imagery"]
    torch.save(content, checkpoint)
    assert load_checkpoint(checkpoint).imagery is None
    write(tmp_path / "8.tif", pixels(), size=3)
    write(tmp_path / "16.tif", pixels().astype(np.uint16) * 257)
    assert run(checkpoint, tmp_path / "8.tif", tmp_path / "map.tif") == 0
    assert run(checkpoint, tmp_path / "16.tif", tmp_path / "map16.tif") == 2
    assert "values of up to about" in capsys.readouterr().err


def test_the_style_names_every_class_and_colour(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> None:
    assert run(make_checkpoint(), write(tmp_path / "image.tif", pixels()), tmp_path / "map.tif") == 0
    entries = ElementTree.parse(tmp_path / "map.qml").iter("paletteEntry")  # written just now
    found = [(e.get("value"), e.get("label"), e.get("color")) for e in entries]
    expected = [(str(i), c.name, c.colour.lower()) for i, c in enumerate(LANDCOVER_AI.classes)]
    assert found[: len(expected)] == expected


def _alias(kind: str, path: Path, folder: Path) -> Path:
    other = folder / "alias.tif"
    if kind == "hard link":
        os.link(path, other)
    elif kind == "symbolic link":
        other.symlink_to(path)
    else:
        return folder / "sub" / ".." / path.name
    return other


@pytest.mark.parametrize("kind", ["itself", "hard link", "symbolic link", "confidence", "source", "checkpoint"])
def test_nothing_that_is_read_is_written_to(
    kind: str, tmp_path: Path, make_checkpoint: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    image = tile = write(tmp_path / "image.tif", pixels())
    checkpoint = make_checkpoint()
    arguments: list[object] = []
    output = tmp_path / "map.tif"
    if kind == "confidence":
        arguments = ["--confidence", _alias("itself", image, tmp_path)]
    elif kind == "checkpoint":
        checkpoint = checkpoint.rename(tmp_path / "net.tif")
        output = checkpoint
    elif kind == "source":
        image = tmp_path / "mosaic.vrt"
        band = (
            "<VRTRasterBand dataType='Byte' band='{0}'><SimpleSource><SourceFilename relativeToVRT='1'>image.tif"
            "</SourceFilename><SourceBand>{0}</SourceBand></SimpleSource></VRTRasterBand>"
        )
        bands = "".join(map(band.format, (1, 2, 3)))
        image.write_text(f"<VRTDataset rasterXSize='96' rasterYSize='64'>{bands}</VRTDataset>")
        output = tile
    else:
        output = _alias(kind, image, tmp_path)
    before = {path: path.read_bytes() for path in (image, tile, checkpoint)}
    assert run(checkpoint, image, output, *arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("which", ["map", "confidence"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sub/../image.tif", "is the orthophoto itself"),
        ("hard.tif", "is the orthophoto itself"),
        ("link.tif", "is the orthophoto itself"),
        ("folder.tif", "is a folder"),
        ("to_folder.tif", "is a folder"),
        ("pipe.tif", "is a device"),
        ("image.tif.tif", "belongs to"),
        ("nowhere/map.tif", "there is no folder"),
        ("x" * 252 + ".tif", "the name is 256 bytes long"),
        ("p.partialseg/images/map.tif", "keeps its own data in"),
    ],
)
def test_a_name_that_will_not_do_is_said_before_anything_is_computed(
    which: str,
    name: str,
    text: str,
    tmp_path: Path,
    make_checkpoint: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, checkpoint = write(tmp_path / "image.tif", pixels()), make_checkpoint()
    for folder in ("sub", "folder.tif"):
        (tmp_path / folder).mkdir()
    Project.create(tmp_path / "p.partialseg", LANDCOVER_AI).close()
    os.link(image, tmp_path / "hard.tif")
    (tmp_path / "link.tif").symlink_to(image)
    (tmp_path / "to_folder.tif").symlink_to(tmp_path / "folder.tif")
    os.mkfifo(tmp_path / "pipe.tif")
    before, content = sorted(tmp_path.rglob("*")), image.read_bytes()
    monkeypatch.setattr(predict_command, "load_checkpoint", None)
    wanted = [tmp_path / name] if which == "map" else [tmp_path / "map.tif", "--confidence", tmp_path / name]
    assert run(checkpoint, image, *wanted) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / name}: ")
    assert text in said
    assert (sorted(tmp_path.rglob("*")), image.read_bytes()) == (before, content)


def test_the_longest_names_that_a_folder_takes_are_written(
    tmp_path: Path, make_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, home = write(tmp_path / "image.tif", pixels()), tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    longest, sure = "m" * 243 + ".tif", "s" * 251 + ".tif"  # beside a map there is NAME.tif.aux.xml
    assert run(make_checkpoint(), image, home / longest, f"--confidence=~/{sure}") == 0
    assert set(os.listdir(home)) == {longest, f"{longest}.aux.xml", "m" * 243 + ".qml", sure}
    with rasterio.open(home / sure) as dataset:
        assert dataset.read(1).min() > 0


def test_map_and_confidence_cannot_be_one_file(
    tmp_path: Path, make_checkpoint: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    image, output = write(tmp_path / "image.tif", pixels()), tmp_path / "map.tif"
    assert run(make_checkpoint(), image, output, "--confidence", tmp_path / "." / "map.tif") == 2
    assert "give the confidence another name" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--block", "0"),
        ("--block", "-64"),
        ("--block", "100"),
        ("--batch-size", "0"),
        ("--batch-size", "-1"),
        ("--threads", "-1"),
    ],
)
def test_a_number_out_of_range_is_a_sentence(
    wrong: tuple[str, str], tmp_path: Path, make_checkpoint: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    image = write(tmp_path / "image.tif", pixels())
    arguments = [str(make_checkpoint()), str(image), str(tmp_path / "map.tif"), *wrong]
    assert predict_command.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert wrong[1] in said
    assert not (tmp_path / "map.tif").exists()


def test_what_cannot_be_read_is_blamed_and_not_the_map(
    tmp_path: Path, make_checkpoint: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    image = write(tmp_path / "image.tif", pixels(), compress="deflate")
    content = bytearray(image.read_bytes())
    with rasterio.open(image) as dataset:
        at = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    content[at : at + 64] = b"\xff" * 64
    image.write_bytes(content)
    assert run(make_checkpoint(), image, tmp_path / "map.tif") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {image}: ")
    assert "map.tif" not in said
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def _limited() -> None:
    # As a full disk: a file longer than this cannot be had, and nobody is told by a signal.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))


def test_no_room_for_the_confidence_is_a_sentence(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> None:
    image, output = write(tmp_path / "image.tif", pixels()), tmp_path / "map.tif"
    command = [sys.executable, "-m", "trainer.predict", make_checkpoint(), image, output]
    done = subprocess.run(
        [*map(str, command), "--confidence", str(tmp_path / "sure.tif"), "--threads", "1"],
        capture_output=True,
        text=True,
        preexec_fn=_limited,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "sure.tif: the confidence cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best_model.pth", "image.tif"]


def test_what_a_killed_run_left_is_swept_and_what_lives_is_not(
    tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    child = (
        "import os, sys; from pathlib import Path; from annotations.disk.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as part:\n"
        "    part.write_text('half'); print(part, flush=True); os.kill(os.getpid(), 9)"
    )

    def killed(name: str) -> Path:
        command = [sys.executable, "-c", child, str(tmp_path / name)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
        assert ended.returncode == -signal.SIGKILL
        return Path(ended.stdout.strip())

    assert not killed("[the map] " + "x" * 80 + ".tif").name.startswith(".[")
    assert len(sweep_leftovers(tmp_path, ["[the map] " + "x" * 80 + ".tif"])) == 1
    left = [killed("map.tif"), killed("other.tif")]
    assert all(path.is_file() for path in left)
    with replacing(tmp_path / "map.tif") as living:
        living.write_text("at work")
        assert sweep_leftovers(tmp_path, ["map.tif"]) == [left[0]]
        assert living.is_file()
        assert left[1].is_file()
    (tmp_path / "map.tif").unlink()
    foreign = tmp_path / f".map-{2**22 + 5}-0-0123456789abcdef.tif"  # of another machine, a moment ago
    foreign.write_text("at work elsewhere")
    assert sweep_leftovers(tmp_path) == [left[1]]
    os.utime(foreign, (0, 0))
    image = write(tmp_path / "image.tif", pixels())
    assert run(make_checkpoint(), image, tmp_path / "map.tif") == 0
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
