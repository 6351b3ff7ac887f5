"""Speed and responsiveness, each figure with its command; see docs/benchmarks.md."""
