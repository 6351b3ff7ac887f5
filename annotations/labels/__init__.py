"""Labels in hand: points, strokes, counts, and the one history of all that changes them."""
