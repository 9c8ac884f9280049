"""Writing what a script logs as files: in one step each, and never over another process's.

A process that logs twice under one name replaces what it logged. What another process logged that
has ended is replaced, too: its successor does the same work again. Where the other one still runs
(the ranks of a distributed run, workers of a pool), what this one logs becomes a part beside it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gitml.api.place import writing_folder
from gitml.errors import ArtifactError
from gitml.inputs.examples import shown
from gitml.outputs import made

_RANKS = (
    ("RANK", "WORLD_SIZE"),  # torchrun and most launchers
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
)


def named(name: object, suffix: str) -> str:
    """Return the name of a file: what a user called it, with the suffix that it needs.

    Raises:
        ArtifactError: if it can't name a file.
    """
    if not isinstance(name, str):
        raise ArtifactError(f"The name is {shown(name)}, and not text.")
    full = name if name.lower().endswith(suffix) and name.lower() != suffix else f"{name}{suffix}"
    why = made.why_no_name(name) or made.why_no_name(full)
    if why:
        raise ArtifactError(
            f"{shown(name)} can't name what is logged: {why}.",
            hint="Names are printable, and may have folders: train/confusion.",
        )
    return full


def write(kind: str, name: str, fill: Callable[[BinaryIO], None]) -> Path:
    """Write a file of a kind and return where it is.

    Args:
        kind: One of `gitml.outputs.made.KINDS`.
        name: As `named` returned it.
        fill: Writes the content; what it raises leaves everything as it was.

    Raises:
        StorageError: if it can't be written.
    """
    from gitml.storage.durable import disk_errors, sync_descriptor

    with disk_errors(f"write {kind}/{name}"):
        top = writing_folder() / made.FOLDER
        top.mkdir(exist_ok=True)
        temporary = top / f".{os.getpid()}-{os.urandom(6).hex()}.tmp"
        try:
            with temporary.open("xb", buffering=1 << 18) as file:
                fill(file)
                file.flush()
                sync_descriptor(file.fileno())
            with _lock(top):
                target = _claimed(top, kind, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    return target


def forget(kind: str, name: str) -> None:
    """Remove what this process logged under a name, or a process that has ended.

    Raises:
        StorageError: if it can't be removed.
    """
    from gitml.storage.durable import disk_errors

    top = writing_folder() / made.FOLDER
    if (top / kind).is_dir():
        with disk_errors(f"remove {kind}/{name}"), _lock(top):
            _claimed(top, kind, name).unlink(missing_ok=True)


def rank() -> int | None:
    """Return the rank of this process in a distributed run; None outside of one."""
    distributed = sys.modules.get("torch.distributed")
    with suppress(AttributeError, RuntimeError, ValueError):
        if distributed is not None and distributed.is_initialized():
            return int(distributed.get_rank()) if distributed.get_world_size() > 1 else None
    for variable, size in _RANKS:
        with suppress(ValueError):
            if int(os.environ.get(size, "1")) > 1 and variable in os.environ:
                return int(os.environ[variable])
    return None


def _claimed(top: Path, kind: str, name: str) -> Path:
    """Return where this process may write `name`, and remember that it is its own."""
    from gitml.execution.processes import boot_id, machine, start_time

    pid, where, own_rank = os.getpid(), machine(), rank()
    mine = "\n".join((str(pid), start_time(pid), boot_id(), where))
    ranked = f"rank{own_rank}" if own_rank else ""
    own = f"process{pid}-{hashlib.sha256(where.encode()).hexdigest()[:6]}"
    for label in (ranked, f"{ranked}-{own}".lstrip("-")):
        owner = top / ".owners" / hashlib.sha256(f"{kind}\n{name}\n{label}".encode()).hexdigest()
        known = owner.read_text() if owner.exists() else ""
        if known == mine or label.endswith(own) or not _runs(known, ranked=own_rank is not None):
            break
    owner.parent.mkdir(exist_ok=True)
    if known != mine:
        owner.write_text(mine)
    return top / kind / made.PARTS / name / label if label else top / kind / name


def _runs(owner: str, *, ranked: bool) -> bool:
    """Whether the process that wrote a file still runs.

    What another machine does can't be seen. There can be no second process of one rank, though.
    """
    from gitml.execution.processes import boot_id, machine, start_time

    pid, started, boot, where = (owner.split("\n") + [""] * 4)[:4]
    if not pid.isdecimal():
        return False
    if where != machine():
        return not ranked
    return boot == boot_id() and start_time(int(pid)) == started != ""


@contextmanager
def _lock(top: Path) -> Iterator[None]:
    """Let one process at a time decide whose a name is; on a filesystem without locks, all."""
    import fcntl

    with (top / ".lock").open("ab") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
