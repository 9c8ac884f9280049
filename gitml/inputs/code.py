"""The code that counts: modules that a run reached, by syntax, and every other file, by content.

Only *Python modules* are narrowed to what was seen, since reads by native code are not seen.
Everything else in the snapshot counts unless it is inert.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable

import msgspec

from gitml.inputs.inert import Rule, inert_rule
from gitml.inputs.manifest import CodeInput, ModuleInput
from gitml.values import digest

_REGULAR = ("100644", "100755")
_PYTHON = (".py", ".pyw")

SyntaxOf = Callable[[str, str], str]


class TreeEntry(msgspec.Struct, frozen=True):
    """One file of a snapshot.

    Attributes:
        path: From the repository's root.
        mode: As Git writes it: `100644`, `100755`, `120000` (link), `160000` (submodule).
        oid: Git's object id.
    """

    path: str
    mode: str
    oid: str


class CodeRules(msgspec.Struct, frozen=True):
    """What a project says about its files.

    Attributes:
        inert: The project's own patterns (`code: {inert: […]}`), relative to its folder.
        project: Its folder, relative to the repository's root.
        excluded: Files that count elsewhere or not at all: parameter files, the partition's file,
            outputs; from the repository's root. A folder means everything in it.
        scripts: Files without `.py` that are Python all the same, as the command names them.
        left: Files that earlier runs wrote: they count only where a run opened them.
    """

    inert: tuple[str, ...] = ()
    project: str = ""
    excluded: frozenset[str] = frozenset()
    scripts: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()

    def counts(self) -> Rule:
        """Return a function: does a file count that no run was seen to open, be it no module?"""
        inert = inert_rule(self.inert, self.project)
        excluded, left = self.excluded, self.left
        folders = tuple(f"{path}/" for path in excluded)
        prefix = f"{self.project}/" if self.project else ""

        def counts(path: str) -> bool:
            return (
                path.startswith(prefix)
                and path not in excluded
                and path not in left
                and not path.startswith(folders)
                and not inert(path)
            )

        return counts

    def is_module(self, path: str) -> bool:
        """Return whether a file is Python, so that it counts only where a run reached it."""
        return path.endswith(_PYTHON) or path in self.scripts


def code_input(
    entries: Iterable[TreeEntry],
    *,
    rules: CodeRules,
    reached: Collection[str],
    opened: Collection[str],
    observed: bool,
    listed: Collection[str] = (),
    syntax_of: SyntaxOf,
) -> CodeInput:
    """Return the code component of a run.

    Args:
        entries: The snapshot's files.
        rules: What the project says about its files.
        reached: Python files that the run executed, from the repository's root.
        opened: All files of the snapshot that the run opened, so that inert ones count too. A
            Python file that was only read as text counts by its bytes: its comments may be data.
        observed: Whether the run was observed. If not, everything counts.
        listed: Folders of the repository that the program listed itself.
        syntax_of: (path, object id) → syntax digest.
    """
    counts = rules.counts()
    seen = frozenset(reached) | frozenset(opened)
    excluded = rules.excluded
    modules: dict[str, ModuleInput] = {}
    others: list[str] = []
    inert_opened: list[str] = []
    for entry in entries:
        path = entry.path
        was_seen = path in seen
        wanted = counts(path)
        if not wanted:
            if not was_seen or path in excluded or _under(path, excluded):
                continue
            if not rules.is_module(path):
                inert_opened.append(path)
        if entry.mode in _REGULAR and _by_syntax(path, rules, was_seen):
            if was_seen and path not in reached and path.endswith(_PYTHON):
                modules[path] = ModuleInput(entry.oid, digest(["text", entry.oid]))
            elif was_seen or not observed:
                modules[path] = ModuleInput(entry.oid, syntax_of(path, entry.oid))
            continue
        others.append(f"{path}\0{entry.mode} {entry.oid}\n")
    return CodeInput(
        modules=modules,
        others=_digest(others),
        observed=observed,
        listed=tuple(sorted(listed)),
        opened=tuple(sorted(inert_opened)),
    )


def blob_id(data: bytes, *, sha256: bool = False) -> str:
    """Return the id that Git gives a file's bytes.

    Format: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    algorithm = hashlib.sha256 if sha256 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(data) + data).hexdigest()


def editable_digest(sources: Iterable[tuple[str, str]]) -> str:
    """Return one digest over the (relative path, syntax digest) pairs of an editable install."""
    return _digest([f"{path}\0{syntax}\n" for path, syntax in sources])


def _by_syntax(path: str, rules: CodeRules, was_seen: bool) -> bool:
    return rules.is_module(path) or (was_seen and path.endswith(".ipynb"))


def _under(path: str, folders: Collection[str]) -> bool:
    parent = path
    while "/" in parent:
        parent = parent.rpartition("/")[0]
        if parent in folders:
            return True
    return False


def _digest(lines: list[str]) -> str:
    if not lines:
        return ""
    text = "".join(sorted(lines)).encode("utf-8", "surrogateescape")
    return "sha256:" + hashlib.sha256(text).hexdigest()
