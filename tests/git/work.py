"""A real repository in a folder of its own, and everything of it that belongs to the user."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository, discover
from gitml.git.snapshot import Snapshot, take_snapshot
from gitml.git.trees import list_tree

LARGE = 1_000_000
BEGIN = {"a.txt": b"a\n", "folder/b.txt": b"b\n", ".gitignore": b"*.log\n"}


class Work:
    """A repository with a work tree."""

    def __init__(self, root: Path, *, object_format: str = "sha1", init: bool = True) -> None:
        self.root = root
        if init:
            root.mkdir(parents=True)
            self.git("init", "-q", f"--object-format={object_format}")

    def run(
        self, *arguments: str | bytes, stdin: bytes = b"", **env: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [b"git", *(os.fsencode(word) for word in arguments)],
            cwd=self.root,
            env={**os.environ, "LC_ALL": "C", **env},
            input=stdin,
            capture_output=True,
            check=False,
        )

    def git(self, *arguments: str | bytes, stdin: bytes = b"") -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, (arguments, done.stderr)
        return os.fsdecode(done.stdout).rstrip("\n")

    def write(self, path: str, data: str | bytes = "x\n") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file

    def commit(self, message: str = "work", **files: str) -> str:
        for path, data in files.items():
            self.write(path.replace("__", "."), data)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    @property
    def repository(self) -> Repository:
        return discover(self.root)

    def snapshot(self, start: str = "", *, large: int = LARGE, **more: object) -> Snapshot:
        repository = discover(self.root / start)
        index = repository.state_dir / "test.index"
        taken = take_snapshot(repository, index, large=large, **more)  # type: ignore[arg-type]
        assert set(taken.entries) == set(list_tree(repository.git, taken.tree))
        return taken

    def files(self, tree: str) -> dict[str, bytes]:
        """Return path → content of a tree; for a gitlink its commit."""
        git = self.repository.git
        found: dict[str, bytes] = {}
        with ObjectReader(git) as reader:
            for entry in list_tree(git, tree):
                link = entry.mode == "160000"
                content = entry.oid.encode() if link else reader.read(entry.oid)
                assert content is not None
                found[entry.path] = content
        return found

    def modes(self, tree: str) -> dict[str, str]:
        return {entry.path: entry.mode for entry in list_tree(self.repository.git, tree)}

    def user_state(self) -> dict[str, object]:
        """Return what belongs to the user: files, index, HEAD, branches, stash, hooks, settings."""
        git_dir = Path(self.git("rev-parse", "--absolute-git-dir"))
        index = git_dir / "index"
        return {
            "files": _files_below(self.root),
            "index": (index.read_bytes(), index.stat().st_mtime_ns) if index.exists() else None,
            "shared indexes": sorted(path.name for path in git_dir.glob("sharedindex.*")),
            "HEAD": (git_dir / "HEAD").read_bytes(),
            "refs": [
                line
                for line in self.git("for-each-ref").splitlines()
                if "refs/heads/exp/" not in line
            ],
            "config": (git_dir / "config").read_bytes() if (git_dir / "config").exists() else b"",
            "stash": self.git("stash", "list"),
        }


def _files_below(root: Path) -> dict[bytes, tuple[int, object]]:
    found: dict[bytes, tuple[int, object]] = {}
    top = os.fsencode(root)
    for folder, folders, files in os.walk(top):
        if b".git" in folders:
            folders.remove(b".git")
        for name in [*files, *folders]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                content = (Path(os.fsdecode(path)).read_bytes(), status.st_mtime_ns)
            found[os.path.relpath(path, top)] = (status.st_mode, content)
    return found
