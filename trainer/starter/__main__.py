"""`python -m trainer.starter DATA`: make the weights that the live learner starts from."""

from __future__ import annotations

import sys

from trainer.starter.command import main

if __name__ == "__main__":
    sys.exit(main())
