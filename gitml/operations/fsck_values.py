"""What `gitml fsck` is asked, and what it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from gitml.operations.soundness import Problem, Severity

State = Literal["corrupt", "lost", "unsafe", "not on the remote", "corrupt on the remote"]
SourceKind = Literal["remote", "cache", "file", "git"]


class FsckRequest(msgspec.Struct, frozen=True):
    """What `gitml fsck` was asked.

    Attributes:
        start: Folder where the user stands.
        studies: Only these; empty for all, and for everything that the cache holds.
        fast: Only whether objects are there, and how large they are; none is read.
        remote: Whether to look at everything on a DVC remote, too.
        name: Which remote; the default one when empty.
        deep: With `remote`: read what is there instead of trusting its name.
        repair: Whether to mend what can be mended.
    """

    start: Path
    studies: tuple[str, ...] = ()
    fast: bool = False
    remote: bool = False
    name: str = ""
    deep: bool = False
    repair: bool = False


class Trouble(msgspec.Struct, frozen=True):
    """Something that is wrong with an experiment's commit or record."""

    experiment: str
    commit: str
    study: str
    problem: Problem


class User(msgspec.Struct, frozen=True):
    """An experiment that needs an object, and as what."""

    experiment: str
    commit: str
    study: str
    path: str


class Source(msgspec.Struct, frozen=True):
    """Where a sound copy of an object is.

    Attributes:
        kind: `remote`, `cache` (of another clone), `file` (in a work tree), or `git`.
        where: In words.
        place: Name of the remote, path of the file or folder, or id of the blob.
    """

    kind: SourceKind
    where: str
    place: str


class Fault(msgspec.Struct, frozen=True):
    """An object that isn't what it should be.

    Attributes:
        digest: The object.
        state: `corrupt` (its bytes don't match its name), `lost` (it is neither here nor on the
            remote), `unsafe` (the list of a folder that names paths which must not be written);
            of a remote: `not on the remote`, `corrupt on the remote`.
        size: Its bytes, 0 where they aren't known.
        why: What was seen, where that says more than the state.
        users: The experiments that need it.
        others: What else names it (a branch, a work tree), in words.
        source: Where a sound copy is; None if no one is known.
        repaired: How it was mended; empty if it wasn't.
    """

    digest: str
    state: State
    size: int = 0
    why: str = ""
    users: tuple[User, ...] = ()
    others: tuple[str, ...] = ()
    source: Source | None = None
    repaired: str = ""


class GitProblem(msgspec.Struct, frozen=True):
    """Something besides experiments and objects.

    Attributes:
        topic: `branch`, `pointer`, `index`, `git`, `run`, `left over`.
        severity: An `error` is a finding; a `warning` is good to know.
        message: What; one sentence.
        mend: What to do.
        repaired: Whether it was mended.
    """

    topic: str
    severity: Severity
    message: str
    mend: str = ""
    repaired: bool = False


class RemoteChecked(msgspec.Struct, frozen=True):
    """What was looked at on a DVC remote.

    Attributes:
        name: The remote.
        objects: How many objects should be there.
        read: Whether they were read.
        unsent: Objects of experiments that no Git remote has yet; that they aren't there is fine.
        reached: Whether it could be asked.
    """

    name: str
    objects: int
    read: bool
    unsent: int = 0
    reached: bool = True


class Checked(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        studies: The studies that were looked at.
        experiments: How many experiments.
        objects: How many objects were looked at here.
        size: Their bytes.
        read: Whether they were read; otherwise only their sizes were compared.
        away: Objects that are only on the DVC remote.
        away_size: Their bytes, as far as they are known.
        dropped: Objects that `gitml gc` removed and that nobody is known to have.
        unneeded: Objects here that no experiment needs.
        unneeded_size: Their bytes.
        remote: What was looked at on a remote, or None.
        troubles: What is wrong with experiments.
        faults: What is wrong with objects.
        problems: What is wrong with branches, the index, runs.
        unknown: What can't be told, and why.
        notes: Sentences that users should see.
    """

    studies: tuple[str, ...]
    experiments: int
    objects: int
    size: int
    read: bool
    away: int = 0
    away_size: int = 0
    dropped: int = 0
    unneeded: int = 0
    unneeded_size: int = 0
    remote: RemoteChecked | None = None
    troubles: tuple[Trouble, ...] = ()
    faults: tuple[Fault, ...] = ()
    problems: tuple[GitProblem, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether something is wrong that wasn't mended."""
        return (
            any(one.problem.severity == "error" for one in self.troubles)
            or any(not one.repaired for one in self.faults)
            or any(one.severity == "error" and not one.repaired for one in self.problems)
        )

    @property
    def status(self) -> int:
        """The exit status: 0 all right, 1 something is wrong, 2 it can't be told."""
        if self.found:
            return 1
        return 2 if self.unknown else 0
