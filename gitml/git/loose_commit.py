"""Writing an unsigned commit as a loose object, as `git commit-tree` does, without starting Git."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

from gitml.git.command import Git
from gitml.git.loose import has_loose, write_loose

# Characters that Git takes off the ends of a name are not at its ends, and none that it takes out.
_ENDS = r"""[^\x00-\x20\x7f.,:;<>"\\']"""
_PLAIN = re.compile(rf"{_ENDS}(?:[^\x00-\x1f\x7f<>]*{_ENDS})?")


def write_commit(
    git: Git, tree: str, parents: Sequence[str], message: str, config: Mapping[str, str]
) -> str | None:
    """Write a commit of now and return its id; None where that is left to Git.

    Args:
        git: Runner in the repository.
        tree: Of the commit.
        parents: Commits that exist.
        message: Whole.
        config: Git's configuration, which says who the author is where the environment doesn't.
    """
    people = [_person(git.environment, config, role) for role in ("author", "committer")]
    if not all(people) or "\0" in message or not has_loose(git, [tree]):
        return None
    now = time.time()
    shift = time.localtime(now).tm_gmtoff // 60
    moment = f"{int(now)} {'-' if shift < 0 else '+'}{abs(shift) // 60:02}{abs(shift) % 60:02}"
    lines = [f"tree {tree}"]
    lines += [f"parent {parent}" for parent in dict.fromkeys(parents)]
    lines += [f"author {people[0]} {moment}", f"committer {people[1]} {moment}", "", message]
    try:
        data = "\n".join(lines).encode()
    except UnicodeEncodeError:
        return None
    written = write_loose(git, [data], b"commit")
    return written[0] if written else None


def _person(environment: Mapping[str, str], config: Mapping[str, str], role: str) -> str:
    """Return `Name <mail>`; empty where only Git can tell, or would write it in another way."""
    if f"GIT_{role.upper()}_DATE" in environment:
        return ""
    found = []
    for what in ("name", "email"):
        known = config.get(f"{role}.{what}") or config.get(f"user.{what}") or ""
        value = environment.get(f"GIT_{role.upper()}_{what.upper()}", known)
        if not _PLAIN.fullmatch(value):
            return ""
        found.append(value)
    return f"{found[0]} <{found[1]}>"
