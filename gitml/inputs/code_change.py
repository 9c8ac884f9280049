"""What a change of files between two snapshots means for a run that was recorded on the first.

This verifies a candidate of "seen before?" from a Git diff alone: a module that changed counts
only if the recorded run reached it, and a new one only if the run would have picked it up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Literal

import msgspec

from gitml.inputs.code import CodeRules, SyntaxOf
from gitml.inputs.manifest import CodeInput

Names = Callable[[], Collection[str]]

_WORD = re.compile(rb"[^\W\d]\w*")


class CodeChange(msgspec.Struct, frozen=True):
    """One file that differs.

    Attributes:
        path: From the repository's root.
        kind: `formatting` is a change of a module that leaves its syntax tree as it was.
        counts: Whether it can change the result of the recorded run.
    """

    path: str
    kind: Literal["added", "removed", "changed", "formatting"]
    counts: bool


class ImportContext(msgspec.Struct, frozen=True):
    """What is known about the recorded run's imports, to judge files that are new.

    Attributes:
        roots: Folders on the run's module path (the script's folder, the project's, `src`), from
            the repository's root.
        imported: Top-level names that the run imported from libraries.
        mentioned: Gives the identifiers in the sources that the run reached (`words_in`), asked
            only when a Python file is new: `try: import local_settings` would now succeed.
        folders: Gives the folders that there were already, asked as seldom: a new one can be
            imported like a module.
    """

    roots: tuple[str, ...] = ("",)
    imported: frozenset[str] = frozenset()
    mentioned: Names | None = None
    folders: Names | None = None


def which_changed(
    changes: Iterable[tuple[str, str | None, str | None]],
    recorded: CodeInput,
    rules: CodeRules,
    syntax_of: SyntaxOf,
    context: ImportContext | None = None,
    links: Collection[str] = (),
) -> list[CodeChange]:
    """Return what each changed file means for the recorded run.

    Args:
        changes: (path, object id before or None, object id now or None) from a Git diff.
        recorded: The code component of the recorded run.
        rules: What the project says about its files.
        syntax_of: (path, object id) → syntax digest, asked for modules that were reached.
        context: What is known about imports.
        links: Those of the paths that are symbolic links or submodules, before or now: they lead
            to other files, so they count whatever they are called.
    """
    context = context or ImportContext()
    counts = rules.counts()
    opened = frozenset(recorded.opened)
    newcomer = _Newcomer(recorded, context)
    found = []
    for path, old, new in changes:
        module = recorded.modules.get(path)
        if module is not None and new is not None:
            same = module.content == new or module.syntax == syntax_of(path, new)
            found.append(CodeChange(path, "formatting" if same else "changed", not same))
            continue
        kind: Literal["added", "removed", "changed"]
        kind = "added" if old is None else "removed" if new is None else "changed"
        if module is not None or path in opened:
            matters = True
        elif not counts(path):
            matters = False
        elif recorded.observed and rules.is_module(path) and path not in links:
            matters = kind != "changed" and newcomer.counts(path, kind)
        else:
            matters = True
        found.append(CodeChange(path, kind, matters))
    return found


def words_in(sources: Iterable[bytes]) -> frozenset[str]:
    """Return all identifiers in some sources, wherever they stand."""
    words: set[bytes] = set()
    for source in sources:
        words.update(_WORD.findall(source))
    return frozenset(word.decode("utf-8", "replace") for word in words)


class _Newcomer:
    """Says whether a Python file that the run never reached would be picked up, or is missed."""

    def __init__(self, recorded: CodeInput, context: ImportContext) -> None:
        self._listed = frozenset(recorded.listed)
        self._modules = recorded.modules
        self._context = context
        self._words: Collection[str] | None = None
        self._before: Collection[str] | None = None
        folders = set()
        for path in recorded.modules:
            parts = path.split("/")
            folders |= {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        self._folders = folders

    def counts(self, path: str, kind: str) -> bool:
        folder, _, file = path.rpartition("/")
        if self._is_listed(folder, file):
            return True
        if kind == "removed":
            return False
        stem = file.rpartition(".")[0]
        # A new `__init__.py` is about the folder it is in: `pkg/__init__.py` is the module `pkg`.
        subject = folder if stem == "__init__" else f"{folder}/{stem}".lstrip("/")
        home, _, name = subject.rpartition("/")
        return (
            subject in self._folders
            or f"{subject}.py" in self._modules
            or f"{subject}/__init__.py" in self._modules
            or (home in self._context.roots and self._shadows(name))
            or name in self._mentioned()
            or any(part in self._mentioned() for part in self._new_folders(folder))
        )

    def _new_folders(self, folder: str) -> Collection[str]:
        """Return the names of the folders in a path that weren't there before."""
        if self._context.folders is None or not folder:
            return ()
        parts = folder.split("/")
        above = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        if self._before is None:
            self._before = frozenset(self._context.folders())
        return [path.rpartition("/")[2] for path in above if path not in self._before]

    def _is_listed(self, folder: str, file: str) -> bool:
        """Return whether a program that listed what it listed would come across a file."""
        if folder in self._listed:
            return True
        parent = folder.rpartition("/")[0]
        if file == "__init__.py" and folder and parent in self._listed:
            return True
        # A folder that was walked through, not just listed, would be walked through here too.
        above = folder
        while above:
            above = above.rpartition("/")[0]
            prefix = f"{above}/" if above else ""
            if above in self._listed and any(
                one != above and one.startswith(prefix) for one in self._listed
            ):
                return True
        return False

    def _shadows(self, name: str) -> bool:
        import sys

        return (
            name in ("sitecustomize", "usercustomize")
            or name in sys.stdlib_module_names
            or name in self._context.imported
            or any(f"/{name}.py" in f"/{path}" for path in self._modules)
            or any(folder.rpartition("/")[2] == name for folder in self._folders)
        )

    def _mentioned(self) -> Collection[str]:
        if self._words is None:
            ask = self._context.mentioned
            self._words = frozenset(ask()) if ask is not None else frozenset()
        return self._words
