"""What is seen beside the canvas."""
