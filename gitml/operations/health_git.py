"""What `gitml doctor` looks at in Git: version, state, identity, signing, hooks, refs, locks."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gitml.errors import GitmlError
from gitml.experiment.names import BRANCHES
from gitml.git.command import Git, GitFailed
from gitml.git.commits import checked_out_at, commit_tree, read_ref
from gitml.git.log import list_refs
from gitml.git.repository import (
    in_progress,
    require_identity,
    truthy,
    unmerged_paths,
)
from gitml.operations.health import Finding, Scene

# `rev-parse --path-format` came with 2.31; `worktree list -z` and `core.fsync` with 2.36.
OLDEST = (2, 31)
COMPLETE = (2, 36)
STALE_SECONDS = 600

# Hooks that Git runs for what gitml does, with what they can stop.
_HOOKS = {
    "reference-transaction": "may refuse to record an experiment",
    "pre-push": "runs at `gitml exp push` and may refuse it",
}


def version() -> Iterator[Finding]:
    """Say whether Git is there, and new enough."""
    try:
        said = Git(Path("/")).text("--version")
    except GitmlError as error:
        yield Finding("error", "git", error.message, error.hint)
        return
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None:
        yield Finding("warning", "git", f"git says an odd version: {said}")
        return
    number = (int(found[1]), int(found[2]))
    if number < OLDEST:
        yield Finding(
            "error", "git", f"{said} is too old", "Install Git 2.36 or newer (2.31 is the least)."
        )
    elif number < COMPLETE:
        yield Finding(
            "warning",
            "git",
            f"{said} doesn't sync what it writes, and hides which branches are checked out "
            "in other work trees",
            "Install Git 2.36 or newer.",
        )
    else:
        yield Finding("ok", "git", said)


def state(scene: Scene) -> Iterator[Finding]:
    """Say what state the repository is in."""
    repository = scene.repository
    if repository.bare:
        yield Finding(
            "note",
            "repository",
            "bare: experiments can be read here, but not run",
            "Clone it, and run in the clone.",
        )
        return
    busy = in_progress(repository)
    conflicts = unmerged_paths(repository)
    if conflicts:
        more = f" and {len(conflicts) - 1} more" if len(conflicts) > 1 else ""
        yield Finding(
            "error",
            "repository",
            f"{conflicts[0]}{more} has conflicts, so no snapshot can be taken",
            "Resolve them and `git add` the files, or abort what Git is in the middle of.",
        )
    elif busy:
        yield Finding(
            "error",
            "repository",
            f"Git is in the middle of {busy}, so no experiment can be run",
            "Finish it or abort it first (git status says how).",
        )
    elif not repository.head:
        yield Finding(
            "note",
            "repository",
            "there is no commit yet, so experiments have no base",
            "git add -A && git commit -m 'Start'",
        )
    else:
        where = f"branch {repository.branch}" if repository.branch else "detached HEAD"
        yield Finding("ok", "repository", f"{repository.root}, {where}")
    if (repository.common_dir / "shallow").exists():
        yield Finding(
            "note",
            "repository",
            "this is a shallow clone: studies are fetched in full, their bases may be missing",
            "git fetch --unshallow",
        )


def identity(scene: Scene) -> Iterator[Finding]:
    """Say whether a commit can be made."""
    try:
        require_identity(scene.repository, scene.git_config)
    except GitmlError as error:
        yield Finding("error", "identity", error.message, error.hint)
        return
    said = scene.repository.git.attempt("var", "GIT_AUTHOR_IDENT").stdout
    name = said.decode("utf-8", "replace").rpartition(">")[0]
    yield Finding("ok", "identity", f"{name}>" if name else "set")


def signing(scene: Scene) -> Iterator[Finding]:
    """Make a signature, as recording would; the object goes into a temporary folder."""
    if not truthy(scene.git_config.get("commit.gpgsign", "false")):
        return
    repository = scene.repository
    with tempfile.TemporaryDirectory(prefix="gitml-doctor-") as folder:
        git = Git(
            repository.root,
            env={
                "GIT_OBJECT_DIRECTORY": folder,
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(repository.common_dir / "objects"),
            },
        )
        try:
            tree = git.text("mktree")
            commit_tree(git, tree, [], "gitml doctor: can this be signed?", sign=True)
        except GitmlError as error:
            said = error.stderr if isinstance(error, GitFailed) else error.message
            yield Finding(
                "error",
                "signing",
                f"commit.gpgSign is set, but a commit can't be signed: {said.strip()}",
                "Mend user.signingKey (and gpg.format), unlock the key, "
                "or `git config commit.gpgSign false`.",
            )
            return
    yield Finding("ok", "signing", "commits can be signed")


def hooks(scene: Scene) -> Iterator[Finding]:
    """Name the hooks that Git runs for what gitml does."""
    said = scene.repository.git.attempt("rev-parse", "--git-path", "hooks").stdout
    folder = scene.repository.root / os.fsdecode(said).rstrip("\n")
    for name, effect in _HOOKS.items():
        path = folder / name
        if path.is_file() and os.access(path, os.X_OK):
            yield Finding("note", "hooks", f"the hook {name} {effect}", f"It is {path}.")


def branches(scene: Scene) -> Iterator[Finding]:
    """Look for what keeps studies from being written."""
    repository = scene.repository
    if read_ref(repository.git, "refs/heads/exp"):
        yield Finding(
            "error",
            "branches",
            "a branch is named exp, so no branch exp/<study> can be made",
            "git branch -m exp exp-old",
        )
    studies = list_refs(repository.git, BRANCHES)
    for ref in studies:
        place = checked_out_at(repository, ref)
        if place is not None:
            yield Finding(
                "warning",
                "branches",
                f"{ref.removeprefix('refs/heads/')} is checked out in {place}, so it takes no "
                "new experiments",
                "git switch to another branch there",
            )
    folded: dict[str, str] = {}
    for ref in studies:
        other = folded.setdefault(ref.casefold(), ref)
        if other != ref:
            yield Finding(
                "warning",
                "branches",
                f"{ref} and {other} differ only in case: they are one on macOS and Windows",
            )


def locks(scene: Scene) -> Iterator[Finding]:
    """Look for locks of references that a killed git left behind."""
    common = scene.repository.common_dir
    candidates = [common / "packed-refs.lock"]
    candidates += sorted((common / "refs" / "heads" / "exp").rglob("*.lock"))
    for path in candidates:
        try:
            seconds = time.time() - path.stat().st_mtime
        except OSError:
            continue
        if seconds < STALE_SECONDS:
            yield Finding(
                "note", "locks", f"{path} is held since {seconds:.0f} s; Git may be at work"
            )
        else:
            yield Finding(
                "error",
                "locks",
                f"{path} was left behind {seconds / 60:.0f} min ago, so its branch can't move",
                f"If no git is running in this repository: rm '{path}'",
            )
