"""Looking at the map: blinked, swiped, outlined, smoothed; the legend, and what lies under the pointer."""
