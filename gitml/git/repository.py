"""Finding the repository and saying what state it is in."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from gitml.errors import NotFoundError, RepositoryError
from gitml.git.command import Git, GitFailed, split_nul

_IN_PROGRESS = (
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("BISECT_LOG", "a bisect"),
)

_FACTS = ("--show-object-format", "--is-bare-repository", "--is-inside-work-tree")
_PLACES = ("--git-dir", "--git-common-dir", "--show-prefix")


class Repository(msgspec.Struct, frozen=True):
    """A Git repository as it is now.

    Attributes:
        root: Top folder of the work tree (of the Git folder for a bare repository).
        git_dir: This work tree's Git folder.
        common_dir: The Git folder that all work trees share.
        object_format: `sha1` or `sha256`.
        head: Commit that is checked out, or empty when there are none yet.
        branch: Branch that is checked out, or empty on a detached HEAD.
        bare: Whether there is no work tree.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    object_format: str
    head: str
    branch: str
    bare: bool

    @property
    def git(self) -> Git:
        """A runner in the root folder."""
        return Git(self.root)

    @property
    def zero(self) -> str:
        """The object id that stands for "none"."""
        return "0" * (64 if self.object_format == "sha256" else 40)

    @property
    def state_dir(self) -> Path:
        """Where gitml keeps what is derived or temporary: `<common dir>/gitml`."""
        return self.common_dir / "gitml"


def discover(start: Path) -> Repository:
    """Return the innermost repository that `start` lies in.

    Raises:
        NotFoundError: if there is none.
        RepositoryError: if Git refuses to read it.
    """
    git = Git(start)
    done = git.attempt("rev-parse", "--path-format=absolute", *_FACTS, *_PLACES)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        if "not a git repository" in said:
            raise NotFoundError(
                f"{start} is not in a Git repository.",
                hint="Run `gitml init` (or `git init`) first.",
            )
        raise GitFailed(("rev-parse",), done.returncode, said)
    object_format, bare, inside, *places = os.fsdecode(done.stdout).split("\n")
    if len(places) != len(_PLACES) + 1:  # a folder's name holds a newline
        places = [_ask(git, place) for place in _PLACES]
    git_dir, common_dir, prefix = places[:3]
    if inside == "true":
        root = start.resolve()
        for _ in Path(prefix).parts:
            root = root.parent
    elif bare == "true":
        root = Path(git_dir)
    else:
        raise RepositoryError(
            f"{start} is inside a Git folder, not in a work tree.",
            hint="Change to the project's folder first.",
        )
    head, branch = _read_head(Path(git_dir), Path(common_dir), git)
    return Repository(
        root=root,
        git_dir=Path(git_dir),
        common_dir=Path(common_dir),
        object_format=object_format,
        head=head,
        branch=branch,
        bare=bare == "true",
    )


def _ask(git: Git, place: str) -> str:
    output = git.run("rev-parse", "--path-format=absolute", place)
    return os.fsdecode(output.removesuffix(b"\n"))


def _read_head(git_dir: Path, common_dir: Path, git: Git) -> tuple[str, str]:
    """Return (commit, branch); plain files are read directly since that saves two Git calls."""
    try:
        text = (git_dir / "HEAD").read_text("utf-8", "surrogateescape").strip()
    except OSError as error:
        raise RepositoryError(f"HEAD can't be read: {error}") from error
    if not text.startswith("ref: "):
        return text, ""
    ref = text[5:]
    branch = ref.removeprefix("refs/heads/")
    try:
        oid = (common_dir / ref).read_text().strip()
        if len(oid) in (40, 64) and not set(oid) - set("0123456789abcdef"):
            return oid, branch
    except (OSError, UnicodeDecodeError):
        pass
    done = git.attempt("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if ref == "refs/heads/.invalid":  # reftable keeps HEAD elsewhere
        branch = git.attempt("symbolic-ref", "--short", "-q", "HEAD").stdout.decode().strip()
    return done.stdout.decode().strip(), branch


def require_work_tree(repository: Repository) -> None:
    """Raise `RepositoryError` for a bare repository."""
    if repository.bare:
        raise RepositoryError(
            "This is a bare repository, and running an experiment needs a work tree.",
            hint="Clone it, then run in the clone. Reading (list, show, diff) works here.",
        )


def in_progress(repository: Repository) -> str:
    """Return what Git is in the middle of ("a merge", "a rebase" …), or empty."""
    for name, what in _IN_PROGRESS:
        if (repository.git_dir / name).exists():
            return what
    return ""


def unmerged_paths(repository: Repository) -> list[str]:
    """Return the paths that have conflicts."""
    entries = split_nul(repository.git.run("ls-files", "-u", "-z"))
    return sorted({entry.partition("\t")[2] for entry in entries})


def configuration(repository: Repository) -> dict[str, str]:
    """Return Git's configuration; of several values of a key the last one.

    A key without a value is `true`, as Git reads it.
    """
    found: dict[str, str] = {}
    for item in split_nul(repository.git.run("config", "--list", "-z")):
        key, assigned, value = item.partition("\n")
        found[key] = value if assigned else "true"
    return found


def truthy(value: str | None) -> bool:
    """Return a Git configuration value as a boolean; an empty value is false, as in Git."""
    if value is None:
        return False
    return value.lower() in ("true", "yes", "on") or value.strip("+-0").isdigit()


def require_identity(repository: Repository, config: dict[str, str]) -> None:
    """Make sure that a commit can be made, before hours of training rather than after.

    Raises:
        RepositoryError: if Git knows no name or mail address.
    """
    environment = repository.git.environment
    named = all(
        environment.get(f"GIT_{role}_{what}") or config.get(f"user.{what.lower()}")
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    )
    if named or all(
        repository.git.succeeds("var", f"GIT_{role}_IDENT") for role in ("AUTHOR", "COMMITTER")
    ):
        return
    raise RepositoryError(
        "Git doesn't know who you are, so the experiment could not be committed.",
        hint="git config user.name 'Your Name' and git config user.email you@example.org",
    )
