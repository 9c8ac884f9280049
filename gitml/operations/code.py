"""Reading code from Git for its digests, and what the project says about its files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType

from gitml.execution.trace import Trace
from gitml.git.objects import ObjectReader
from gitml.inputs.code import CodeRules, editable_digest
from gitml.inputs.code_change import ImportContext, words_in
from gitml.inputs.distribution import Distribution
from gitml.inputs.libraries import editable_owners
from gitml.inputs.manifest import Manifest
from gitml.inputs.syntax import syntax_digest
from gitml.inputs.syntax_cache import SyntaxCache
from gitml.operations.project import Project


def code_rules(
    project: Project, excluded: Iterable[str] = (), scripts: Iterable[str] = ()
) -> CodeRules:
    """Return which files of the project count as code.

    Args:
        project: Where.
        excluded: Files and folders that count elsewhere, or not at all.
        scripts: Words of the command that may be Python files without the suffix.
    """
    partition = project.config.partition
    own = [project.in_repository(partition)] if partition else []
    return CodeRules(
        inert=project.config.code_inert,
        project=project.folder,
        excluded=frozenset([*excluded, *own]),
        scripts=frozenset(project.in_repository(word) for word in scripts),
    )


def import_context(
    project: Project,
    recorded: Manifest,
    installed: Mapping[str, Distribution],
    syntax: SyntaxReader,
) -> ImportContext:
    """Return what is known about the imports of a recorded run, to judge files that are new."""
    folders = {"", project.folder, project.in_repository("src")}
    for word in recorded.command.program:
        path = project.in_repository(word)
        if path in recorded.code.modules:
            folders.add(os.path.dirname(path))
    return ImportContext(
        roots=tuple(sorted(folders)),
        imported=frozenset(
            top
            for name in recorded.libraries.imported
            if name in installed
            for top in installed[name].top_level
        ),
        mentioned=lambda: words_in(
            syntax.contents(module.content for module in recorded.code.modules.values())
        ),
    )


class SyntaxReader:
    """Syntax-tree digests of files in Git; a context manager that opens Git only when needed."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._cache = SyntaxCache(project.state_dir / "syntax.db")
        self._reader: ObjectReader | None = None

    def __enter__(self) -> SyntaxReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._reader is not None:
            self._reader.__exit__(kind, error, trace)
        self._cache.save()

    def digest(self, path: str, oid: str) -> str:
        """Return the digest of a file's meaning: its syntax tree, or its bytes."""
        return self._cache.digest(path, oid, lambda: next(iter(self.contents([oid])), b""))

    def contents(self, oids: Iterable[str]) -> Collection[bytes]:
        """Return the contents of those objects that are here."""
        if self._reader is None:
            self._reader = ObjectReader(self._project.repository.git)
        return [data for data in self._reader.read_many(oids) if data is not None]

    def editable(self, installed: Mapping[str, Distribution], trace: Trace) -> dict[str, str]:
        """Return a digest of the sources of each distribution that was imported from a folder.

        The project itself, installed editable, is left out: its files are in the snapshot.
        """
        root = str(self._project.repository.root)
        owners = editable_owners(trace.modules, installed, root)
        return {
            name: editable_digest(
                (path[len(installed[name].folder) :], syntax_digest(Path(path).read_bytes()))
                for path in sorted(paths)
                if os.path.isfile(path)
            )
            for name, paths in owners.items()
        }
