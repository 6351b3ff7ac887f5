"""The map that grows: arrays that two processes share, and what is kept of them."""
