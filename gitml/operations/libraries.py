"""The libraries that a repeat of a recorded experiment would have, as far as that can be told.

Before a run that is what the interpreter has. `gitml check` may be asked where nobody trains, with
an interpreter that lacks the libraries altogether: then the project's lock tells what a run would
have. `gitml exp run` never takes the lock's word for it.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from gitml.inputs.libraries import builds_of
from gitml.inputs.manifest import LibrariesInput
from gitml.inputs.versions import equal
from gitml.operations.plan import Plan

_SHOWN = 5


def planned_libraries(plan: Plan, recorded: LibrariesInput) -> LibrariesInput:
    """Return Python and the versions, now, of what a recorded run imported.

    Args:
        plan: What would run. Where it has the project's lock, and the lock pins a library that
            isn't installed, then the interpreter isn't the one that trains: all that the lock pins
            is taken from there, and Python from `.python-version`. So it is where the command
            itself installs what the lock says.
        recorded: What the recorded run imported.
    """
    python = plan.interpreter
    now = msgspec.structs.replace(
        recorded,
        python=python.version if python else "",
        implementation=python.implementation if python else "",
        imported={
            name: plan.installed[name].version
            for name in recorded.imported
            if name in plan.installed
        },
        builds=builds_of(recorded.imported, plan.installed),
    )
    if not plan.synced and not from_lock(plan, recorded.imported):
        return now
    imported, builds = dict(now.imported), dict(now.builds)
    for name, version in recorded.imported.items():
        found = _of_lock(plan, name, version, recorded.builds.get(name, ""))
        if found is not None:
            imported[name], builds[name] = found
    release, own = _python(plan, recorded)
    return msgspec.structs.replace(
        now,
        python=release,
        implementation=own,
        imported=imported,
        builds={name: build for name, build in builds.items() if build},
    )


def from_lock(plan: Plan, imported: Collection[str]) -> list[str]:
    """Return which libraries are not installed, and taken from the project's lock."""
    if plan.lock is None:
        return []
    return [name for name in imported if name not in plan.installed and name in plan.lock.pins]


def library_notes(plan: Plan, recorded: LibrariesInput) -> list[str]:
    """Return sentences on what was compared in place of libraries that are not installed."""
    notes = []
    taken = from_lock(plan, recorded.imported)
    if taken and plan.lock is not None:
        pins = plan.lock.pins
        texts = [f"{name} {_locked(pins[name].versions)}".strip() for name in taken]
        verb = "is" if len(taken) == 1 else "are"
        notes.append(
            f"{_listing(taken)} {verb} not installed here, so what {plan.lock.name} pins was "
            f"compared instead: {_listing(texts)}."
        )
    known = plan.lock.pins if plan.lock is not None else {}
    lost = [n for n in recorded.imported if n not in plan.installed and n not in known]
    if lost:
        verb, them = ("is", "it") if len(lost) == 1 else ("are", "them")
        where = f", and {plan.lock.name} doesn't pin {them}" if plan.lock is not None else ""
        notes.append(
            f"{_listing(lost)} {verb} not installed here{where}, so the libraries can't be "
            f"compared, and a repeat counts as a run in another environment. Install {them}, or "
            "commit a lock (uv.lock, pylock.toml, poetry.lock or requirements.txt), for an answer."
        )
    return notes


def _of_lock(plan: Plan, name: str, version: str, build: str) -> tuple[str, str] | None:
    """Return version and build of a library by the lock: the recorded ones if it allows them."""
    pin = plan.lock.pins.get(name) if plan.lock is not None else None
    if pin is None:
        return None
    versions = pin.versions or ("",)
    same = next((locked for locked in versions if equal(locked, version)), None)
    now = version if same is not None else versions[0]
    commits = [commit[:12] for commit in pin.commits]
    if not commits:
        return now, ""
    return now, build if build in commits else commits[0]


def _python(plan: Plan, recorded: LibrariesInput) -> tuple[str, str]:
    pinned = plan.lock.python if plan.lock is not None else ""
    if pinned:
        same = f"{recorded.python}.".startswith(f"{pinned}.")
        return (recorded.python if same else pinned), recorded.implementation
    if plan.interpreter is None:
        return "", ""
    return plan.interpreter.version, plan.interpreter.implementation


def _locked(versions: tuple[str, ...]) -> str:
    return " or ".join(versions)


def _listing(names: Collection[str]) -> str:
    shown = list(names)[:_SHOWN]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more:,} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
