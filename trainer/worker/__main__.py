"""`python -P -m trainer.worker`: the worker process, started by the viewer."""

from __future__ import annotations

import os
import sys

from trainer.worker.process import main

if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the inbox thread may still sit in a read that nothing interrupts
