"""Files of the project side by side, without those that stand under another heading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from gitml import config
from gitml.comparison.result import Code
from gitml.errors import ConfigError
from gitml.experiment.record import FOLDER, Record
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository
from gitml.git.trees import Change, count_lines, diff_trees

_SETTINGS_SUFFIXES = (".yaml", ".yml", ".json", ".toml")


def compare_code(
    repository: Repository, commits: Sequence[str], records: Sequence[Record]
) -> tuple[Code, ...]:
    """Return the files that differ between the commits of experiments.

    Left out are the record, parameter files, data, artifacts and their pointers.
    """
    git = repository.git
    first, others = commits[0], commits[1:]
    found: dict[str, list[Change | None]] = {}
    for place, commit in enumerate(others):
        for change in diff_trees(git, first, commit) if commit != first else ():
            found.setdefault(change.path, [None] * len(others))[place] = change
    elsewhere = _Elsewhere(records)
    paths = [path for path in found if path not in elsewhere]
    if any(path.endswith(_SETTINGS_SUFFIXES) for path in paths):
        settings = _settings_files(repository, commits, records)
        paths = [path for path in paths if path not in settings]
    two = len(commits) == 2
    lines = count_lines(git, first, commits[1]) if two and paths else {}
    return tuple(_row(path, found[path], records, lines.get(path)) for path in sorted(paths))


class _Elsewhere:
    """The paths that are data, artifacts or gitml's own."""

    def __init__(self, records: Sequence[Record]) -> None:
        paths: set[str] = set()
        ignores: set[str] = set()
        for record in records:
            paths.update(record.inputs.data)
            for item in record.artifacts:
                paths.update({item.path, item.source} - {""})
                if item.storage == "dvc":
                    ignores.add(str(PurePosixPath(item.path).with_name(".gitignore")))
        self._paths = paths | {f"{path}.dvc" for path in paths} | ignores
        self._folders = (f"{FOLDER}/", *(f"{path}/" for path in paths))

    def __contains__(self, path: str) -> bool:
        return path in self._paths or path.startswith(self._folders)


def _settings_files(
    repository: Repository, commits: Sequence[str], records: Sequence[Record]
) -> set[str]:
    """Return the parameter files, as each experiment's own gitml.yaml declares them."""
    names = [
        f"{commit}:{_in(record.project, name)}"
        for commit, record in zip(commits, records, strict=True)
        for name in (config.FILE, config.DVC_FILE)
    ]
    found: set[str] = set()
    with ObjectReader(repository.git) as reader:
        contents = list(reader.read_many(names))
    for record, own, pipeline in zip(records, contents[::2], contents[1::2], strict=True):
        try:
            declared = config.parse(own) if own else config.Config()
            declared = config.from_dvc_yaml(pipeline, declared) if pipeline else declared
        except ConfigError:
            declared = config.Config()
        found.update(_in(record.project, path) for path in declared.params)
    return found


def _in(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _row(
    path: str,
    changes: Sequence[Change | None],
    records: Sequence[Record],
    lines: tuple[int, int] | None,
) -> Code:
    known = next(change for change in changes if change is not None)
    values = (known.old, *(known.old if change is None else change.new for change in changes))
    return Code(
        path=path,
        change="differs" if len(changes) > 1 else _change(known),
        added=lines[0] if lines else None,
        removed=lines[1] if lines else None,
        values=tuple(value or None for value in values),
        counts=_counts(path, records),
    )


def _change(change: Change) -> str:
    if not change.old:
        return "added"
    if not change.new:
        return "removed"
    return "mode" if change.old == change.new else "modified"


def _counts(path: str, records: Sequence[Record]) -> bool | None:
    """Whether a file that differs can have changed a result, as far as the manifests tell."""
    codes = [record.inputs.code for record in records]
    syntaxes = {code.modules[path].syntax if path in code.modules else None for code in codes}
    if syntaxes != {None}:
        return len(syntaxes) > 1
    if path.endswith(".py") and all(code.observed for code in codes):
        return False
    if len({code.others for code in codes}) == 1:
        return False
    return None
