"""`python -m trainer.commands`: the same as `partialseg`."""

from __future__ import annotations

import sys

from trainer.commands.partialseg import main

if __name__ == "__main__":
    sys.exit(main())
