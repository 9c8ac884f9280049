"""`python -m gitml` is the same as `gitml`."""

from __future__ import annotations

import sys

from gitml.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
