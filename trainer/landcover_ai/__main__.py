"""`python -m trainer.landcover_ai`: LandCover.ai, fetched, checked and cut."""

from __future__ import annotations

import sys

from trainer.landcover_ai.command import main

if __name__ == "__main__":
    sys.exit(main())
