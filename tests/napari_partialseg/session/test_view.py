"""The part in view follows from camera and canvas."""

from __future__ import annotations

from annotations.region import Region
from napari_partialseg.session.view import region_in_view


def test_one_screen_pixel_per_image_pixel():
    assert region_in_view((50.0, 100.0), 1.0, (20.0, 40.0), (1.0, 1.0)) == Region(40, 80, 21, 41)


def test_zoom_and_scale():
    # 2 screen pixels per metre, pixels of half a metre: a canvas of 200 shows 100 m, 200 pixels
    region = region_in_view((100.0, 100.0), 2.0, (200.0, 200.0), (0.5, 0.5))
    assert (region.top, region.height) == (100, 201)
