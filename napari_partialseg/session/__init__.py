"""An orthophoto open in the viewer: its layers, its labels and its worker."""
