"""How the map is drawn: hidden, on one side of a line, as outlines. Decided pixel by pixel on the graphics card.

Where vispy looks up the value of a map's pixel, a few more lines of shader may throw the pixel away. So nothing of the
data or of the layer is touched, a change costs no more than drawing the canvas once, whatever the size of the image,
and all of it holds while the view moves and tiles stream in. What lost: napari's `contour` dilates the whole image at
each refresh (1.2 s at 9636 x 9095); its clipping planes lie in the image, not on the screen, and would have to follow
each move of the view; `visible` has the layer uploaded anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vispy.visuals.shaders import Function

from napari_partialseg.looking.canvas import node_of

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

__all__ = ["MapLook"]

_NOWHERE: Final = (2.0, 2.0, -1.0, -1.0)
_EVERYWHERE: Final = 1e9
_LINE_WIDTH: Final = 1.5  # on each side of a border, in pixels of the screen
_LOOKUP: Final = """
vec4 look_up(vec2 place) {
    vec2 along = vec2(dFdx(place.x), dFdy(place.y)) * $line;
    if (place.x < 0.0 || place.x > 1.0 || place.y < 0.0 || place.y > 1.0) discard;
    if ($hidden > 0.5 || gl_FragCoord.x > $split) discard;
    vec4 hole = $hole;
    if (place.x >= hole.x && place.y >= hole.y && place.x < hole.z && place.y < hole.w) discard;
    vec4 here = texture2D($texture, place);
    if ($line > 0.0
        && texture2D($texture, place + vec2(along.x, 0.0)).r == here.r
        && texture2D($texture, place - vec2(along.x, 0.0)).r == here.r
        && texture2D($texture, place + vec2(0.0, along.y)).r == here.r
        && texture2D($texture, place - vec2(0.0, along.y)).r == here.r) discard;
    return here;
}
"""


class MapLook:
    """The look of layers that show a map, one for all of them.

    Parameters
    ----------
    viewer : Viewer
        Which shows them. Where it has no window nothing is drawn and nothing happens.

    Attributes
    ----------
    hidden : bool
        Whether nothing of the map is drawn.
    split : float or None
        The map is drawn to the left of this column of the canvas alone, in physical pixels of the screen; None for all.
    outlined : bool
        Whether only the borders of its areas are drawn, each in the colour of its class.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._lookups: dict[Labels, tuple[Any, Function]] = {}
        self._holes: dict[Labels, tuple[float, float, float, float]] = {}
        self.hidden = False
        self.split: float | None = None
        self.outlined = False

    def show(self, *, hidden: bool | None = None, outlined: bool | None = None) -> None:
        """Change what is given."""
        self.hidden = self.hidden if hidden is None else hidden
        self.outlined = self.outlined if outlined is None else outlined
        self._apply()

    def split_at(self, column: float | None) -> None:
        """Draw the map to the left of a column of the canvas, in physical pixels; None draws all of it."""
        self.split = column
        self._apply()

    def cut_out(self, layer: Labels, hole: tuple[float, float, float, float] | None) -> None:
        """Leave a part of one layer out, where another stands in for it.

        Parameters
        ----------
        layer : Labels
            One that was taken in.
        hole : tuple of float, optional
            (left, top, right, bottom) as shares of the layer's width and height; None for nothing.
        """
        self._holes[layer] = _NOWHERE if hole is None else hole
        self._apply()

    def take(self, layer: Labels) -> bool:
        """Give a layer this look from now on; return whether it is drawn, and so has it.

        To be called again once napari draws the layer anew, as after it was put back into the viewer.
        """
        node = node_of(self._viewer, layer)
        functions = getattr(node, "_interpolation_fun", None)
        if functions is None:
            return False
        if layer not in self._lookups or self._lookups[layer][0] is not node:
            lookup = Function(_LOOKUP)
            self._lookups[layer] = node, lookup
            self._set(layer)
            functions["nearest"] = lookup  # vispy builds its program of what it finds here, whenever it does
            _build(node)
        return True

    def drop(self, layer: Labels) -> None:
        """Leave a layer to vispy."""
        self._holes.pop(layer, None)
        node, _ = self._lookups.pop(layer, (None, None))
        if node is not None:
            node._interpolation_fun["nearest"] = Function(node._func_templates["texture_lookup"])
            _build(node)

    def _apply(self) -> None:
        for layer, (node, _) in self._lookups.items():
            self._set(layer)
            node.update()

    def _set(self, layer: Labels) -> None:
        lookup = self._lookups[layer][1]
        lookup["hidden"] = float(self.hidden)
        lookup["split"] = _EVERYWHERE if self.split is None else float(self.split)
        lookup["line"] = _LINE_WIDTH if self.outlined else 0.0
        lookup["hole"] = self._holes.get(layer, _NOWHERE)


def _build(node: Any) -> None:
    node._need_interpolation_update = True
    node.update()
