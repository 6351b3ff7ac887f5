"""`python -m trainer.predict CHECKPOINT ORTHOPHOTO MAP`: a checkpoint and an orthophoto give a map."""

from __future__ import annotations

import sys

from trainer.predict.command import main

if __name__ == "__main__":
    sys.exit(main())
