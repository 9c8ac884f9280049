"""Where the Python API writes: the folder of the run, or one of its own outside of `exp run`.

In it, `history.jsonl` has what `log` was given and `summary.jsonl` what `summary` was given, one
line a call. `made/<kind>/<name>` are figures, tables, predictions and so on, which are recorded as
`.gitml/<kind>/<name>`; `weights/` has the receipts of `save_weights`.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

RUN_VARIABLE = "GITML_RUN_DIR"
OUTSIDE_VARIABLE = "GITML_OUTSIDE_DIR"  # child processes of a script share its folder
OUTSIDE = ".gitml/outside"

_lock = threading.RLock()  # a handler of a signal may log, too


def _renew() -> None:
    global _lock
    _lock = threading.RLock()


# Another thread of the parent may have held it.
os.register_at_fork(after_in_child=_renew)


def run_folder() -> Path | None:
    """Return the folder of the run that this process belongs to, or None outside of one."""
    named = os.environ.get(RUN_VARIABLE, "")
    return Path(named) if named and os.path.isdir(named) else None


def writing_folder() -> Path:
    """Return the folder to write to; outside of a run it is made below the working directory.

    Its name is new, so nothing that an earlier run of the script left is overwritten.
    """
    found = run_folder()
    if found is not None:
        return found
    with _lock:
        known = os.environ.get(OUTSIDE_VARIABLE, "")
        if not known or not os.path.isdir(known):
            known = os.environ[OUTSIDE_VARIABLE] = str(_new_folder())
        return Path(known)


def _new_folder() -> Path:
    above = Path.cwd() / OUTSIDE
    above.mkdir(parents=True, exist_ok=True)
    ignore = above / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for number in range(1000):
        folder = above / (f"{stamp}-{os.getpid()}" + (f"-{number}" if number else ""))
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{above} has no name left for a run of this second.")
