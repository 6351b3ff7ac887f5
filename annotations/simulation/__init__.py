"""Labels taken from a ground truth: random pixels, and strokes and clicks as a person might make them."""
