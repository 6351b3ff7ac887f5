"""`python -m trainer.pretrain OUTPUT`: make the weights of the backbone."""

from __future__ import annotations

import sys

from trainer.pretrain.command import main

if __name__ == "__main__":
    sys.exit(main())
