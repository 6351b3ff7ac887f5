"""Files that hold several rasters, pages or sources: netCDF, HDF5, GRIB, GeoPackage, TIFF, VRT."""

from __future__ import annotations

import base64
import os
import struct
import zlib

import numpy as np
import pytest
import rasterio
import tifffile
from raster_helpers import noise, save, vrt, whole
from rasterio.enums import Resampling

from annotations.errors import RasterError
from annotations.images import probe
from annotations.images.gdal_raster import quiet_gdal
from annotations.images.orthophoto import open_orthophoto


def netcdf(path, names):
    """A netCDF-3 file of 4 x 5 floats for each name."""

    def text(s):
        return struct.pack(">i", len(s)) + s.encode() + b"\0" * (-len(s) % 4)

    dims = struct.pack(">ii", 10, 2) + text("y") + struct.pack(">i", 4) + text("x") + struct.pack(">i", 5)
    none = struct.pack(">ii", 0, 0)

    def variable(name, begin):
        return text(name) + struct.pack(">iii", 2, 0, 1) + none + struct.pack(">iii", 5, 80, begin)

    head = b"CDF\x01" + struct.pack(">i", 0) + dims + none + struct.pack(">ii", 11, len(names))
    size = len(head) + sum(len(variable(n, 0)) for n in names)
    body = b"".join(variable(n, size + 80 * i) for i, n in enumerate(names))
    path.write_bytes(head + body + np.arange(20 * len(names), dtype=">f4").tobytes())
    return path


def test_containers_name_what_they_hold(tmp_path):
    with pytest.raises(RasterError, match=r"c\.nc.*2 rasters") as caught:
        open_orthophoto(netcdf(tmp_path / "c.nc", ["red_band", "height"]))
    for part in ("red_band", "height", "gdal_translate"):
        assert part in str(caught.value)
    one = open_orthophoto(netcdf(tmp_path / "one.nc", ["height"]))
    assert (one.shape, one.bands) == ((4, 5), 1)


# Written once by h5py: one or two data sets of 3 x 4 x 5 bytes; as netCDF 4, of 4 x 5 with dimensions.
HDF5 = {
    "one.h5": (
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KbDhQ+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrSPV/NACzx4AFQnMwjIKRCDxcHQNA"
        "dASUD0ulJ5hQ1WXmJqanIqVHDwrtZWRghZjFCONbQGhmiAAzVB00eQJVMxAQFwAbJQA3kgMqzwHmMzExMUJEITkGaA00yduguaxgQOIh"
        "2M/fBZSjYflQgXk0bY6CUTBkASMTMwsrGzsHJxc3Dy8fv4CgkLCIqJi4hKSUtIysnLyCopKyiqqauoamlraOrp6+gaGRsYmpmbmFpZU1"
        "AIgyNKw="
    ),
    "two.h5": (
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KKjhQ+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrSPV/NACzx4AFQnMwjIKRCDxcHQNA"
        "dASUrwClTzChqitKTYlPSsxLgfEzUjPTM0oQ6dOCRHsZGVghehlhfIgJjMwQAWaoOmjyBKpmICAuADZKAG4kB1SeA8xnYmJihIhCcgzQ"
        "GmiSt0FzWcGAxEOwn78LIwMTPD9XsOJXD8uvCsyjaXhwpSubQZWuRsFAJUQmZhZWNnYOTi5uHl4+fgFBIWERUTFxCUkpaRlZOXkFRSVl"
        "FVU1dQ1NLW0dXT19A0MjYxNTM3MLSytrSvQCAJ86QcE="
    ),
    "one4.nc": (
        "eNrtWTFPwkAUfnfQWhCkiBFwkcHBkZFNCBxCAsVQBjchgQiDOMiAk4z6T/wJjIz+JDe8tu9KWwPEmBgi94XweHfv3bt7/V6bPt5qlWo8"
        "ehYFC5oGYdDBiyVinvXrYr6LkqB8RflOxTix5zI4nsT1g3adNmOW9TIAEScfdqQGEvuIGivdWPIW9RzKD+q3e0Y5RTkcjO6HkxU/Cz+M"
        "SyDi+BKhO0wmxBlAWroyxOetmWTuHMdykNYg/YLzCmewNU8pJQ6fnfVCRFDbX38xyGNclRtoUG6UTJPrKbQU56rUm8ww6y3jziyXGoz7"
        "XaKfYvsZpSYD9KMeP5EvHeMWsFAX7g78FWcarQqxT4n1rm7OnzjNVNlsJ6LkQvvB5228Uly+/JZXOqb25E95NQ3w6nMLr6x9+POBcai/"
        "zpRAva3yo9uuq71rW/JysSYvXYyf4GtlPOdv1M0OQBZjpDGCuF7iNkQ9z8OCtvrt1R2bzA6xcXbFv4r8U/yuz4r8IoTCinqgRaKHsfhR"
        "Qk8ep67LrQbxFDhZU8c0MB68DywS8tkmISEhISEhISEhISEhIbGriMEc3/sTMIEMtFmVtZlRZtgnOaVOa6Dfm/SeBpOt64l+Sn/0MBg/"
        "jR7Hgb7BOlgxRD/M3g/2Y0Q/wv1fQv0f+xf6FwC6b3g="
    ),
    "two4.nc": (
        "eNrtWbFuGkEQnV3uyJngcNhROLvJFSlcpqQLCNY20vmIOBfpbCJQTBEi2RSkiku782fkE/IJlP4je4+dgbuzDopIyE7mCTHMzuzO7twb"
        "Vgy3x+3D7dJ+CWI4DljgQhIPiMBP62Q/RylQ3qD8LWlczG0ejldx/azfaU+p2PshA4rz0TLSAcb/iGPV/BzLL8QHlDOZ9vuJcorycjg4"
        "+9ofD8h+MRx9u5gs+XqwJq6ALeMrSDdMFsIMIC0XsqDtsaXqv8cxH2oO1H6h3dYMju1SSmH4bNYrCKJ2uv7KeFIBRe3gQCtoRpHWd9GT"
        "ztHunKgw6nTDs6jVDJSed4Dz7Pm8sHmiAOfJxDzKl4txZ/tGv1/sIF1xUdhtC30yytufvdX5o7q/Ka72o1NP7dV+tBu/8LL5vI5X9oIv"
        "f8srF1P2dqO8mmZ4VfdW8yreRzofGEem68zO1NsyP+586nLvzpq8fMjJyznGr+i1vMT5g050CrCHMWoYgZ4XfQ3JxH1Yd5afk7pMVcZz"
        "wPUn/dbQr8ZT/bqhH0LBsouvnK3S6/L2m4pb3dk9anUDkShckVOfMjNO9W3l+Ns5/oS7Ct+FDAaDwWAwGAwGg8FgbAplmOHv/gpMwIOe"
        "OlQ9FbYU9kneSdMaGPQn/avhZO161E8ZjL4Px1ejH+NMHyAP7qKX4Jv95PRjqP9IfQrqW4oXmv/N98vqJsEb6JdZGd3s2fsn+QgZPjIY"
        "DMbzv4Ce/ifwCF2zfS0="
    ),
}


def hdf5(folder, name):
    path = folder / name
    path.write_bytes(zlib.decompress(base64.b64decode(HDF5[name])))
    return path


def grib(path, messages):
    """A GRIB 1 file of 4 x 5 heights, of 8 bits, for each message."""

    def size(n):
        return n.to_bytes(3, "big")

    def section(body):
        return size(len(body) + 3) + body

    about = section(bytes([2, 7, 0, 255, 0x80, 7, 1, 0, 0, 24, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0]))
    grid = bytes([0, 255, 0]) + struct.pack(">HH", 5, 4) + size(52000) + size(5000) + b"\x80"
    grid = section(grid + size(49000) + size(9000) + struct.pack(">HH", 1000, 1000) + bytes(5))
    content = b""
    for n in range(messages):
        values = section(bytes([8, 0, 0, 0, 0, 0, 0, 8, *range(20 * n, 20 * n + 20), 0]))
        body = about + grid + values + b"7777"
        content += b"GRIB" + size(len(body) + 8) + b"\x01" + body
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["one.h5", "one4.nc"])
def test_hdf5_and_netcdf_4_of_one_raster(tmp_path, name):
    ortho = open_orthophoto(hdf5(tmp_path, name))
    values = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    # The coordinates of the netCDF count upwards, so its first row is the southernmost.
    expected = np.moveaxis(values, 0, -1) if name == "one.h5" else values[0, ::-1, :, None]
    np.testing.assert_array_equal(whole(ortho), expected)
    assert any("3 layers are taken as bands" in note for note in ortho.notes) == (name == "one.h5")


@pytest.mark.parametrize("name", ["two.h5", "two4.nc"])
def test_hdf5_and_netcdf_4_of_several_rasters_name_them(tmp_path, name):
    with pytest.raises(RasterError, match=r"container of 2 rasters") as caught:
        open_orthophoto(hdf5(tmp_path, name))
    assert all(part in str(caught.value) for part in (name, "red_band", "height", "gdal_translate"))


def test_grib_messages_are_bands(tmp_path):
    ortho = open_orthophoto(grib(tmp_path / "a.grib", 2))
    np.testing.assert_array_equal(whole(ortho), np.arange(40).reshape(2, 4, 5).transpose(1, 2, 0))
    assert ortho.georeference.transform == pytest.approx((1, 0, 4.5, 0, -1, 52.5))
    assert any("2 layers are taken as bands" in note and "messages" in note for note in ortho.notes)
    assert open_orthophoto(grib(tmp_path / "b.grib", 1)).bands == 1


@pytest.mark.parametrize("name", ["two4.nc", "one.h5", "a.grib"])
def test_containers_that_are_cut_off_are_refused(tmp_path, name):
    path = grib(tmp_path / name, 1) if name == "a.grib" else hdf5(tmp_path, name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RasterError, match=name):
        whole(open_orthophoto(path))


def test_a_netcdf_that_crashes_its_library_is_refused(tmp_path):
    path = netcdf(tmp_path / "a.nc", ["height", "red"])
    content = bytearray(path.read_bytes())
    for place, value in {39: 21, 52: 8, 83: 8, 84: 8, 131: 13, 147: 4, 153: 96, 166: 8, 228: 69}.items():
        content[place] = value
    path.write_bytes(content)
    with pytest.raises(RasterError, match=r"a\.nc"):  # in this process it would be the last line
        open_orthophoto(path)


@pytest.mark.parametrize("name", ["one.h5", "one4.nc"])
def test_files_whose_library_crashes_or_never_comes_back_are_refused(tmp_path, monkeypatch, name):
    path = hdf5(tmp_path, name)
    monkeypatch.setattr(probe, "_ATTEMPT", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(RasterError, match=rf"{name}.*HDF5.*signal 11.*copy or download"):
        open_orthophoto(path)
    monkeypatch.setattr(probe, "_ATTEMPT", "while True: pass")
    monkeypatch.setattr(probe, "_SECONDS", 0.3)
    with pytest.raises(RasterError, match=rf"{name}.*within 0\.3 seconds.*copy or download"):
        open_orthophoto(path)
    monkeypatch.setattr(probe, "_ATTEMPT", "")
    assert open_orthophoto(path).shape == (4, 5)


def test_a_geopackage_of_several_rasters(tmp_path):
    path = tmp_path / "g.gpkg"
    for name in ("summer", "winter"):
        save(
            path,
            noise(3, (256, 256)),
            driver="GPKG",
            raster_table=name,
            append_subdataset="YES" if path.exists() else "NO",
            crs="EPSG:3857",
            transform=rasterio.Affine(1, 0, 0, 0, -1, 256),
        )
    with pytest.raises(RasterError, match="summer") as caught:
        open_orthophoto(path)
    assert "winter" in str(caught.value) and "gdal_translate" in str(caught.value)


def test_pages_of_a_tiff(tmp_path):
    pages = noise(3, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", np.moveaxis(pages, -1, 0), photometric="minisblack")
    ortho = open_orthophoto(tmp_path / "p.tif")
    np.testing.assert_array_equal(whole(ortho), pages[..., :1])
    assert any("3 pages" in note and "first" in note for note in ortho.notes)


def test_overviews_are_no_pages(tmp_path):
    path = save(tmp_path / "o.tif", noise(3, (600, 600)))
    with quiet_gdal():
        dataset = rasterio.open(path, "r+")
    with dataset:
        dataset.build_overviews([2, 4], Resampling.average)
    ortho = open_orthophoto(path)
    assert ortho.notes == () and ortho.thumbnail(150)[0].shape == (150, 150, 3)


def test_ome_tiffs_by_their_axes(tmp_path):
    stack = noise(4, dtype=np.uint16)
    planes = np.moveaxis(stack, -1, 0)
    tifffile.imwrite(
        tmp_path / "c.ome.tif",
        planes,
        photometric="minisblack",
        metadata={"axes": "CYX", "Channel": {"Name": ["blue", "green", "red", "nir"]}},
    )
    ortho = open_orthophoto(tmp_path / "c.ome.tif")
    assert ortho.band_names == ("blue", "green", "red", "nir")
    np.testing.assert_array_equal(whole(ortho), stack)
    for axes in ("ZYX", "TYX"):
        tifffile.imwrite(tmp_path / "z.ome.tif", planes, photometric="minisblack", metadata={"axes": axes})
        with pytest.raises(RasterError, match=r"z\.ome\.tif.*OME-TIFF.*(times|depths)"):
            open_orthophoto(tmp_path / "z.ome.tif")


def test_a_missing_tile_of_a_vrt_is_named(tmp_path):
    save(tmp_path / "tile_1.tif", noise(1))
    path = vrt(tmp_path / "m.vrt", (70, 90), ("Byte", "tile_1.tif", 1, ""), ("Byte", "tile_2.tif", 1, ""))
    with pytest.raises(RasterError, match=r"m\.vrt.*tile_2\.tif"):
        open_orthophoto(path)
    save(tmp_path / "tile_2.tif", noise(1, seed=1))
    ortho = open_orthophoto(path)
    assert whole(ortho).shape == (70, 90, 2)
    ortho.close()
    (tmp_path / "tile_1.tif").unlink()  # its drive goes while it is open
    with pytest.raises(RasterError, match=r"m\.vrt.*tile_1\.tif"):
        whole(ortho)


def test_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    for path in (tmp_path / "pipe.tif", "/dev/zero", tmp_path / ("n" * 300), "a\0b.tif", tmp_path / "a.tif" / "b.tif"):
        with pytest.raises(RasterError):
            open_orthophoto(path)
