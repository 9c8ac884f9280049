"""Is what experiments need on a DVC remote, and is it what its name says there?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from gitml.errors import StorageError
from gitml.operations.dropped import read_dropped
from gitml.operations.fsck_objects import Asker, Objects
from gitml.operations.fsck_values import Fault, FsckRequest, RemoteChecked, Source, State, User
from gitml.operations.needs import Need, agreed_size, newest
from gitml.operations.project import Project
from gitml.storage.place import Storage
from gitml.storage.remote_upkeep import unsound_on

Progress = Callable[[int, int], None]


class OnRemote(msgspec.Struct, frozen=True):
    """What was found on a remote.

    Attributes:
        checked: What was looked at.
        faults: What is wrong.
        unknown: Why it can't be told; empty when it can.
    """

    checked: RemoteChecked
    faults: tuple[Fault, ...] = ()
    unknown: str = ""


def look_at_remote(
    project: Project,
    storage: Storage,
    found: Objects,
    request: FsckRequest,
    progress: Progress | None = None,
) -> OnRemote:
    """Look for everything that experiments need on a remote.

    That what nobody has published isn't there is fine, unless the list of its folder is: such a
    list promises the files.

    Args:
        project: Where.
        storage: The cache.
        found: What is needed, and what is here.
        request: What was asked.
        progress: Takes (done, total) in bytes.

    Raises:
        StorageError: if no remote is configured.
    """
    asker = Asker(storage, request.name)
    if not asker.name:
        raise StorageError(
            "There is no DVC remote to look at.", hint="dvc remote add --default NAME URL"
        )
    needs = found.needs
    there = asker.has(needs, needs)
    if asker.problem:
        checked = RemoteChecked(asker.name, len(needs), read=False, reached=False)
        return OnRemote(checked, unknown=asker.problem)
    published = _published(project)
    dropped = _dropped(project, asker.name, found.uses)
    faults: list[Fault] = []
    unsent = 0
    for digest in sorted(needs.keys() - there - dropped - found.lost - found.dropped):
        some = [*found.uses.get(digest, ()), *found.named.get(digest, ())]
        if any(need.commit in published for need in some) or _promised(some, digest, there):
            faults.append(_fault(digest, "not on the remote", "", found))
        else:
            unsent += 1
    read = request.deep and not request.fast
    if read:
        sizes = {digest: _size(digest, found) for digest in there}
        remote = asker.open()
        assert remote is not None
        for digest, why in sorted(unsound_on(storage, remote, sizes, progress).items()):
            faults.append(_fault(digest, "corrupt on the remote", why, found))
    checked = RemoteChecked(asker.name, len(needs), read=read, unsent=unsent)
    return OnRemote(checked, tuple(faults))


def users_of(needs: Sequence[Need]) -> tuple[User, ...]:
    """Return the experiments that need an object, each with the first of its paths."""
    found: dict[str, User] = {}
    for need in needs:
        found.setdefault(need.commit, User(need.experiment, need.commit, need.study, need.path))
    return tuple(found.values())


def named_by(found: Objects, digest: str) -> list[str]:
    """Return the branches and tags that name an object, in words."""
    return list(dict.fromkeys(need.experiment for need in found.named.get(digest, ())))


def _published(project: Project) -> set[str]:
    """Return the commits that a Git remote is known to have."""
    return set(project.repository.git.text("rev-list", "--remotes").split())


def _promised(needs: Sequence[Need], digest: str, there: set[str]) -> bool:
    return any(need.digest != digest and need.digest in there for need in needs)


def _dropped(project: Project, remote: str, uses: Mapping[str, Sequence[Need]]) -> set[str]:
    """Return what `gitml gc` removed from a remote and no experiment stored anew since."""
    return {
        digest
        for digest, removals in read_dropped(project.repository).items()
        if any(
            one.place == "remote" and one.remote == remote and one.at > newest(uses[digest])
            for one in removals
            if digest in uses
        )
    }


def _fault(digest: str, state: State, why: str, found: Objects) -> Fault:
    sound = digest in found.here and digest not in found.bad
    source = Source("cache", "the cache here", found.here[digest].path) if sound else None
    return Fault(
        digest=digest,
        state=state,
        size=_size(digest, found),
        why=why,
        users=users_of(found.uses.get(digest, ())),
        others=tuple(named_by(found, digest)),
        source=source,
    )


def _size(digest: str, found: Objects) -> int:
    held = found.here.get(digest)
    if held is not None and digest not in found.bad:
        return held.size
    return agreed_size(found.uses.get(digest) or found.named.get(digest) or ()) or 0
