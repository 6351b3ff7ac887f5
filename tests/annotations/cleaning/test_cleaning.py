"""What may be asked for, in pixels and square metres, and a part of a map beside the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from scipy import ndimage

from annotations.cleaning.cleaning import AS_IT_IS, Cleaning, cleaned, cleaned_view, pixel_area
from annotations.errors import PartialSegError
from annotations.images.georeference import Georeference
from annotations.region import Region


def _map(seed=0, size=200, blur=2.0):
    rng = np.random.default_rng(seed)
    classes = np.stack([ndimage.gaussian_filter(rng.normal(size=(size, size)), blur) for _ in range(4)]).argmax(0)
    classes[:20, :30] = 255
    return classes.astype(np.uint8)


@pytest.mark.parametrize(
    ("window", "smallest"), [(2, 0), (0, 0), (17, 0), (3.0, 0), (True, 0), (1, -1), (1, np.nan), (1, np.inf)]
)
def test_other_numbers_are_refused(window, smallest):
    with pytest.raises(PartialSegError, match="map"):
        Cleaning(window, smallest)


def test_square_metres_become_pixels():
    assert Cleaning(1, 10.0).least_pixels(0.25) == 40
    assert Cleaning(1, 10.1).least_pixels(0.25) == 41
    assert Cleaning(1, 0.3).least_pixels(0.1) == 3  # not 4 by rounding
    assert Cleaning(1, 12.0).least_pixels(None) == 12
    assert not AS_IT_IS
    assert AS_IT_IS.told(0.25) == ""
    assert "5 x 5" in Cleaning(5).told(None)
    assert "10 m2 (40 pixels)" in Cleaning(1, 10.0).told(0.25)


def test_the_area_of_a_pixel():
    utm = Georeference(CRS.from_epsg(32632).to_wkt(), (0.5, 0, 5e5, 0, -0.5, 5.4e6))
    assert pixel_area(utm, (100, 100)) == pytest.approx(0.25, rel=1e-3)  # the projection's scale is 0.9996 there
    degrees = Georeference(CRS.from_epsg(4326).to_wkt(), (1e-5, 0, 9.0, 0, -1e-5, 60.0))
    assert pixel_area(degrees, (2, 2)) == pytest.approx(1.113195 * 1.114125 * 0.5, rel=0.005)  # metres of 1e-5 degrees
    assert pixel_area(None, (2, 2)) is None
    assert pixel_area(Georeference("", (1, 0, 0, 0, -1, 0)), (2, 2)) is None


def test_the_map_itself_stays_and_so_does_what_is_not_predicted():
    classes = _map()
    before = classes.copy()
    result = cleaned(classes, Cleaning(5, 40), None)
    assert np.array_equal(classes, before)
    assert np.array_equal(result == 255, classes == 255)
    assert (result != classes).mean() > 0.05
    assert np.array_equal(cleaned(classes, AS_IT_IS, None), classes)


@given(st.integers(0, 100), st.sampled_from([1, 3, 7]), st.sampled_from([0, 6]))
def test_a_part_is_smoothed_as_in_the_whole(seed, window, smallest):
    rng = np.random.default_rng(seed)
    classes = np.zeros((150, 150), np.uint8)
    classes[:, 70:] = 1
    specks = ndimage.binary_dilation(rng.random((150, 150)) < 0.003)
    classes[specks] = 2
    cleaning = Cleaning(window, smallest)
    whole = cleaned(classes, cleaning, None)
    top, left = rng.integers(0, 90, 2)
    view = Region(int(top), int(left), 50, 60)
    part = cleaned_view(classes, cleaning, None, view)
    assert part.shape == view.shape
    assert (part != whole[view.slices]).mean() < (0.005 if smallest else 1e-9)


def test_what_progress_raises_ends_the_work():
    def stop(part):
        raise PartialSegError(f"stopped at {part}")

    with pytest.raises(PartialSegError, match="stopped"):
        cleaned(_map(), Cleaning(3, 20), None, progress=stop)
