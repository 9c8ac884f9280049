"""Reading code from Git for its digests, and what the project says about its files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType

from gitml.execution.trace import Trace
from gitml.git.objects import ObjectReader
from gitml.inputs.code import CodeRules, blob_id, editable_digest
from gitml.inputs.code_change import ImportContext, words_in
from gitml.inputs.distribution import Distribution
from gitml.inputs.libraries import editable_owners
from gitml.inputs.manifest import Manifest, ModuleInput
from gitml.inputs.syntax_cache import SyntaxCache
from gitml.operations.project import Project


def code_rules(
    project: Project,
    excluded: Iterable[str] = (),
    scripts: Iterable[str] = (),
    left: Iterable[str] = (),
) -> CodeRules:
    """Return which files of the project count as code.

    Args:
        project: Where.
        excluded: Files and folders that count elsewhere, or not at all.
        scripts: Words of the command that may be Python files without the suffix.
        left: Files that earlier runs wrote.
    """
    partition = project.config.partition
    own = [project.in_repository(partition)] if partition else []
    return CodeRules(
        inert=project.config.code_inert,
        project=project.folder,
        excluded=frozenset([*excluded, *own]),
        scripts=frozenset(project.in_repository(word) for word in scripts),
        left=frozenset(left),
    )


def import_context(
    project: Project,
    recorded: Manifest,
    installed: Mapping[str, Distribution],
    syntax: SyntaxReader,
) -> ImportContext:
    """Return what is known about the imports of a recorded run, to judge files that are new."""
    return ImportContext(
        roots=import_folders(project, recorded.command.program, recorded.code.modules),
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


def import_folders(
    project: Project, program: Iterable[str], modules: Collection[str]
) -> tuple[str, ...]:
    """Return the folders that a program most likely finds its modules in."""
    folders = {"", project.folder, project.in_repository("src")}
    paths = (project.in_repository(word) for word in program)
    folders.update(os.path.dirname(path) for path in paths if path in modules)
    return tuple(sorted(folders))


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

    def module(self, path: Path) -> ModuleInput | None:
        """Return a module as it is on disk, where it is no part of a snapshot; None if it isn't."""
        try:
            data = path.read_bytes()
        except OSError:
            return None
        oid = blob_id(data, sha256=self._project.repository.object_format == "sha256")
        return ModuleInput(oid, self._cache.digest(path.name, oid, lambda: data))

    def editable(self, folder: str, files: Iterable[str]) -> str:
        """Return a digest of some sources of a distribution that is installed from a folder."""
        found = ((file, self.module(Path(folder) / file)) for file in files)
        return editable_digest((file, module.syntax) for file, module in found if module)


def editable_sources(
    project: Project, installed: Mapping[str, Distribution], trace: Trace
) -> dict[str, tuple[str, ...]]:
    """Return the files that were reached of each distribution that is installed from a folder.

    The project itself, installed editable, is left out: its files are in the snapshot.
    """
    owners = editable_owners(trace.modules, installed, str(project.repository.root))
    return {
        name: tuple(os.path.relpath(path, installed[name].folder) for path in sorted(paths))
        for name, paths in owners.items()
    }
