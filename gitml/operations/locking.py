"""The lock file of an experiment, with the archives that anything on this machine knows.

The project's own lock comes first, then uv's cache, which is asked once for each environment. The
answer is remembered, since an environment stays what it is for many runs.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from gitml.inputs.lock import LockFile, environment_digest, locked_distributions, render_lock
from gitml.inputs.project_lock import find_project_lock
from gitml.inputs.remembered import recall, remember, state_of
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.values import digest

_FOLDER = "locks"
_VERSION = 1
_KEPT = 50


class _Known(msgspec.Struct, frozen=True):
    version: int
    lock: LockFile


def lock_of(project: Project, plan: Plan, python: str) -> LockFile:
    """Return the lock of everything that is installed in the interpreter of a run.

    Args:
        project: Where; its own lock knows archives.
        plan: Of the run, with the interpreter that it really had.
        python: Version of that interpreter.
    """
    root = str(project.repository.root)
    present = locked_distributions(plan.installed.values(), root)
    own = find_project_lock(dict.fromkeys([project.root, project.repository.root]))
    state = [str(own), state_of(own)] if own is not None else []
    key = digest([python, environment_digest(present), state]).removeprefix("sha256:")
    folder = project.state_dir / _FOLDER
    file = folder / f"{key[:32]}.json"
    known = recall(file, _Known)
    if known is not None and known.version == _VERSION:
        return known.lock
    sources = [own] if own is not None else []
    lock = render_lock(python, present, sources, root)
    if lock.unlocked and plan.interpreter is not None:
        lock = _with_uv(project, plan, python, sources, lock)
    _make_room(folder)
    remember(file, _Known(_VERSION, lock))
    return lock


def _with_uv(
    project: Project, plan: Plan, python: str, sources: list[Path], lock: LockFile
) -> LockFile:
    """Return the lock with what uv's cache knows besides."""
    from gitml.execution.uv_cache import archives_from_cache

    loose = {
        name: plan.installed[name].version
        for name in lock.unlocked
        if plan.installed[name].source == "index"
    }
    executable = plan.interpreter.executable if plan.interpreter is not None else ""
    found = archives_from_cache(loose, executable, project.root) if loose else b""
    if not found:
        return lock
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gitml-lock-") as folder:
        path = Path(folder) / "pylock.toml"
        path.write_bytes(found)
        return render_lock(
            python, plan.installed.values(), [*sources, path], str(project.repository.root)
        )


def _make_room(folder: Path) -> None:
    try:
        files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in files[:-_KEPT]:
            path.unlink(missing_ok=True)
    except OSError:
        return
