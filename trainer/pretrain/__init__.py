"""How the backbone's weights are made: feature maps on which a linear head learns from few strokes."""
