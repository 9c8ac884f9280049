"""Which files of an experiment's tree count as code, told from its commit alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import PurePosixPath

from gitml import config as configuration
from gitml.config import Config
from gitml.errors import ConfigError, RepositoryError
from gitml.experiment.record import FOLDER, Record
from gitml.git.objects import read_object
from gitml.git.repository import Repository
from gitml.git.trees import list_tree
from gitml.inputs.code import CodeRules, TreeEntry, code_input


def config_of(repository: Repository, commit: str, record: Record) -> Config:
    """Return the configuration that an experiment ran with; the defaults where it isn't here."""
    try:
        data = read_object(repository.git, f"{commit}:{_in(record.project, configuration.FILE)}")
        return configuration.parse(data) if data else Config()
    except (ConfigError, RepositoryError):
        return Config()


def not_code(records: Sequence[Record], config: Config) -> Callable[[str], bool]:
    """Return a function: does a file of the experiments' trees count elsewhere, or not at all?"""
    excluded: set[str] = set()
    for record in records:
        excluded |= _excluded(record, config)
    counts = _rules(records[0], config, excluded).counts()
    opened = {path for record in records for path in record.inputs.code.opened}
    return lambda path: path not in opened and not counts(path)


def other_files(
    repository: Repository, commit: str, record: Record, config: Config, outputs: Collection[str]
) -> tuple[str, ...] | None:
    """Return the files besides the modules that an experiment's code component has.

    Only their digest is recorded; it tells whether the files that are found in the tree are these.

    Args:
        repository: Where.
        commit: The experiment's commit.
        record: Its record.
        config: The configuration that it ran with.
        outputs: Paths that recorded runs wrote.

    Returns:
        Their paths, sorted; None where they can't be told.
    """
    code = record.inputs.code
    if not code.others:
        return ()
    try:
        tree = list_tree(repository.git, commit)
    except RepositoryError:
        return None
    entries = [TreeEntry(entry.path, entry.mode, entry.oid) for entry in tree]
    excluded = _excluded(record, config)
    opened = set(code.opened)
    for left in (frozenset(outputs) - excluded, frozenset[str]()):
        rules = _rules(record, config, excluded, left)
        counts = rules.counts()
        found = [
            entry
            for entry in entries
            if entry.path not in code.modules and (counts(entry.path) or entry.path in opened)
        ]
        made = code_input(
            found,
            rules=rules,
            reached=(),
            opened=opened,
            observed=code.observed,
            syntax_of=lambda path, oid: "",
        )
        if made.others == code.others:
            return tuple(entry.path for entry in found if not _is_module(entry, rules))
    return None


def _is_module(entry: TreeEntry, rules: CodeRules) -> bool:
    return entry.mode in ("100644", "100755") and rules.is_module(entry.path)


def _rules(
    record: Record, config: Config, excluded: Collection[str], left: frozenset[str] = frozenset()
) -> CodeRules:
    return CodeRules(
        inert=config.code_inert,
        project=record.project,
        excluded=frozenset(excluded),
        scripts=frozenset(_in(record.project, word) for word in record.inputs.command.program),
        left=left,
    )


def _excluded(record: Record, config: Config) -> set[str]:
    """Return the files that count elsewhere: data, settings, the split, and what came out."""
    paths = {_in(record.project, path) for path in config.params}
    if config.partition:
        paths.add(_in(record.project, config.partition))
    paths.update(record.inputs.data, [FOLDER])
    for item in record.artifacts:
        paths.update({item.path, f"{item.path}.dvc", item.source} - {""})
        paths.add(str(PurePosixPath(item.path).with_name(".gitignore")))
    return paths


def _in(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))
