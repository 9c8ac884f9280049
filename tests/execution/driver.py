"""Runs one command as gitml does, in a process of its own; the outcome goes into a file.

`python driver.py OUTCOME LOG CAPTURE COMMAND…`
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from gitml.execution.launch import launch


def main() -> None:
    place, log, capture, *argv = sys.argv[1:]
    pids = Path(place).with_suffix(".pid")
    outcome = launch(
        argv,
        cwd=Path.cwd(),
        env=os.environ,
        log=Path(log),
        capture=capture == "capture",
        on_start=lambda pid: print(pid, file=pids.open("w")),
        on_interrupt=lambda: print("interrupted", file=sys.stderr, flush=True),
    )
    Path(place).write_bytes(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
