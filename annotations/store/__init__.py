"""Labels on disk: written by one thread, compared with what was saved when they are opened."""
