"""`python -m gitml` is the same as `gitml`."""

from __future__ import annotations

from gitml.cli.main import enter

if __name__ == "__main__":
    enter()
