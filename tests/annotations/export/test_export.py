from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio import features

from annotations.classes import LANDCOVER_AI
from annotations.errors import LabelError, PartialSegError
from annotations.export.geotiff import write_class_map, write_confidence, write_labels, write_style
from annotations.export.polygons import class_polygons, write_polygons
from annotations.images.gdal_raster import open_dataset
from annotations.images.georeference import Georeference
from annotations.region import Region
from annotations.store.mask import read_mask

UTM = Georeference(rasterio.crs.CRS.from_epsg(32640).to_wkt(), (0.5, 0.0, 340000.0, 0.0, -0.5, 2780000.0))
MAPS = arrays(np.uint8, (9, 11), elements=st.sampled_from([0, 1, 2, 255]))


def a_map(shape=(700, 900), seed=0):
    small = np.random.default_rng(seed).integers(0, 6, (shape[0] // 10, shape[1] // 10)).astype(np.uint8)
    small[small == 5] = 255
    return np.kron(small, np.ones((10, 10), np.uint8))


def test_gdal_reads_back_what_a_gis_needs(tmp_path):
    classes = a_map()
    write_class_map(tmp_path / "map.tif", classes, scheme=LANDCOVER_AI, georeference=UTM)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.crs.to_epsg() == 32640
        assert tuple(dataset.transform)[:6] == UTM.transform
        assert (dataset.nodata, dataset.dtypes, dataset.block_shapes) == (255, ("uint8",), [(512, 512)])
        assert dataset.compression.value == "DEFLATE"
        np.testing.assert_array_equal(dataset.read(1), classes)
        np.testing.assert_array_equal(dataset.read_masks(1) > 0, classes != 255)
        table = dataset.colormap(1)
        assert [table[i][:3] for i in range(5)] == [c.rgb for c in LANDCOVER_AI.classes]
    # GDAL's own translation into text shows that it has the names.
    rasterio.shutil.copy(tmp_path / "map.tif", tmp_path / "map.vrt", driver="VRT")
    names = ElementTree.parse(tmp_path / "map.vrt").findall(".//CategoryNames/Category")
    assert tuple(n.text for n in names) == LANDCOVER_AI.names
    assert {p.name for p in tmp_path.iterdir()} == {"map.tif", "map.tif.aux.xml", "map.vrt"}


def test_blocks_in_any_order_give_the_same_map_and_gaps_are_nodata(tmp_path):
    classes = a_map()
    tiles = [t.clipped(classes.shape) for t in Region.whole(classes.shape).tiles(300)]
    tiles = [tiles[i] for i in np.random.default_rng(0).permutation(len(tiles))]
    left_out = tiles.pop()
    blocks = ((t, classes[t.slices]) for t in tiles)
    write_class_map(tmp_path / "m.tif", blocks, shape=classes.shape, scheme=LANDCOVER_AI, georeference=None)
    classes[left_out.slices] = 255
    with open_dataset(tmp_path / "m.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), classes)
        assert dataset.crs is None


def test_labels_and_confidence(tmp_path):
    labels = a_map().view(np.int8)  # 255 is -1
    write_labels(tmp_path / "l.tif", labels, scheme=LANDCOVER_AI, georeference=UTM)
    with rasterio.open(tmp_path / "l.tif") as dataset:
        assert (dataset.dtypes, dataset.nodata, dataset.crs.to_epsg()) == (("int16",), -1, 32640)
        np.testing.assert_array_equal(dataset.read(1), labels)
    np.testing.assert_array_equal(read_mask(tmp_path / "l.tif", n_classes=5), labels)
    confidence = np.arange(256, dtype=np.uint8).reshape(16, 16)
    write_confidence(tmp_path / "c.tif", confidence, georeference=UTM)
    with rasterio.open(tmp_path / "c.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), confidence)
        # Where there is no prediction the confidence is 0, and no predicted pixel is: one of n classes is 1/n sure.
        assert dataset.nodata == 0
        np.testing.assert_array_equal(dataset.read_masks(1) > 0, confidence > 0)


def test_a_failed_export_leaves_the_old_file_and_nothing_else(tmp_path):
    write_class_map(tmp_path / "m.tif", a_map(), scheme=LANDCOVER_AI, georeference=UTM)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    wrong = a_map()
    wrong[600, 7] = 5
    with pytest.raises(LabelError, match=r"m\.tif: class 5 at pixel \(600, 7\)"):
        write_class_map(tmp_path / "m.tif", wrong, scheme=LANDCOVER_AI, georeference=UTM)
    with pytest.raises(LabelError, match="class 5"):
        write_polygons(tmp_path / "m.gpkg", wrong, LANDCOVER_AI, UTM)
    with pytest.raises(PartialSegError, match=r"nowhere.*could not be written"):
        write_class_map(tmp_path / "nowhere" / "m.tif", a_map(), scheme=LANDCOVER_AI, georeference=UTM)
    with pytest.raises(PartialSegError, match="nowhere"):
        write_polygons(tmp_path / "nowhere" / "m.gpkg", a_map(), LANDCOVER_AI, UTM)
    with pytest.raises(PartialSegError, match=r"\.gpkg or \.geojson"):
        write_polygons(tmp_path / "m.shp", a_map(), LANDCOVER_AI, UTM)

    def blocks():
        yield Region(0, 0, 10, 10), np.zeros((10, 10), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_class_map(tmp_path / "m.tif", blocks(), shape=(99, 99), scheme=LANDCOVER_AI, georeference=UTM)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_the_style_lists_every_class(tmp_path):
    write_style(tmp_path / "m.qml", LANDCOVER_AI)
    entries = ElementTree.parse(tmp_path / "m.qml").findall(".//paletteEntry")
    assert [(e.get("value"), e.get("color"), e.get("label")) for e in entries] == [
        (str(i), c.colour, c.name) for i, c in enumerate(LANDCOVER_AI.classes)
    ]


def burnt(polygons, values, shape):
    if not len(polygons):
        return np.full(shape, 255, np.uint8)
    return features.rasterize(zip(polygons, values.tolist(), strict=True), shape, fill=255, dtype="uint8")


@given(MAPS)
def test_polygons_are_the_map_and_share_their_edges(classes):
    polygons, values = class_polygons(classes)
    assert shapely.area(polygons).sum() == (classes != 255).sum()
    assert shapely.is_valid(polygons).all()
    if len(polygons):
        assert shapely.coverage_is_valid(polygons)
    np.testing.assert_array_equal(burnt(polygons, values, classes.shape), classes)


@settings(max_examples=25)
@given(MAPS, st.floats(0.5, 4))
def test_simplified_polygons_still_share_their_edges_and_cover_the_same(classes, tolerance):
    before, _ = class_polygons(classes)
    after, _ = class_polygons(classes, simplify_px=tolerance)
    if len(before):
        assert shapely.coverage_is_valid(after)
        assert shapely.area(after).sum() == pytest.approx((classes != 255).sum())
        assert shapely.get_num_coordinates(after).sum() <= shapely.get_num_coordinates(before).sum()


def test_small_areas_go_to_their_neighbour_but_gaps_stay():
    classes = np.zeros((20, 20), np.uint8)
    classes[5, 5], classes[10:16, 10:16], classes[2, 15], classes[12, 12] = 1, 2, 255, 255
    polygons, values = class_polygons(classes, min_area_px=5)
    expected = classes.copy()
    expected[5, 5] = 0
    np.testing.assert_array_equal(burnt(polygons, values, classes.shape), expected)


def test_polygon_files_lie_where_the_map_lies(tmp_path):
    classes = a_map((60, 80))
    path = tmp_path / "m.gpkg"
    count = write_polygons(path, classes, LANDCOVER_AI, UTM)
    meta, _, geometry, columns = pyogrio.raw.read(path)
    fields = dict(zip(meta["fields"].tolist(), columns, strict=True))
    assert meta["crs"] == "EPSG:32640"
    assert len(geometry) == count
    shapes = shapely.from_wkb(geometry)
    assert shapely.bounds(shapely.union_all(shapes)).tolist()[::3] == pytest.approx([340000, 2780000])
    # UTM's scale on the ground, 0.9996 (1 + (x / R)^2 / 2) in the series of any textbook, where the map lies.
    scale = 0.9996 * (1 + (160_000 / 0.9996 / 6_367_500) ** 2 / 2)
    assert fields["area_m2"].sum() == pytest.approx((classes != 255).sum() * 0.25 / scale**2, rel=1e-5)
    assert {LANDCOVER_AI[c].name for c in fields["class"]} == set(fields["name"])
    back = features.rasterize(
        zip(shapes, fields["class"].tolist(), strict=True), classes.shape, fill=255, transform=UTM.affine, dtype="uint8"
    )
    np.testing.assert_array_equal(back, classes)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ["gpkg", "geojson"])
def test_polygons_without_a_crs_lie_below_zero_as_a_gis_shows_the_image(tmp_path, ending):
    path = tmp_path / f"m.{ending}"
    write_polygons(path, np.zeros((30, 500), np.uint8), LANDCOVER_AI, None)
    info = pyogrio.read_info(path)
    assert info["total_bounds"] == (0, -30, 500, 0)
    assert info["crs"] is None or info["crs"].startswith("LOCAL_CS")  # never 500 degrees of WGS 84
    meta, _, _, columns = pyogrio.raw.read(path)
    assert dict(zip(meta["fields"], columns, strict=True))["area_px"].tolist() == [15000]
