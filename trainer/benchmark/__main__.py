"""`python -m trainer.benchmark`: the grid of networks on sparse labels of a data set."""

from __future__ import annotations

import sys

from trainer.benchmark.command import main

if __name__ == "__main__":
    sys.exit(main())
