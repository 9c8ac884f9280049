"""Bringing what `gitml check --since` looks at into a clone that has only some of it, in bulk.

Trees and small text files come, a few requests for all experiments together; no artifact does.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence

from gitml import config as configuration_file
from gitml.config import Config
from gitml.experiment.record import LOCK_PATH, PARTITION_PATH, PATH, Record
from gitml.git.fetching import WITHOUT_FILES, fetch_objects
from gitml.git.log import read_commits
from gitml.git.repository import Repository
from gitml.git.trees import Entry
from gitml.history.index import Index, Row
from gitml.operations.fetching import Brought
from gitml.operations.pipeline import LOCK
from gitml.operations.soundness import Contents, Problem, read_record, read_tree
from gitml.operations.soundness_files import read_config

_PREFIX = "exp/"
_NAMES = (configuration_file.FILE, configuration_file.DVC_FILE, LOCK)


def bring_evidence(
    repository: Repository, index: Index, brought: Brought, rows: Sequence[Row]
) -> bool:
    """Bring the trees of experiments and the files in them that are looked at.

    Args:
        repository: Where.
        index: Learns what the records say.
        brought: Where the rest can be had.
        rows: The experiments.

    Returns:
        Whether the index knows more of them now.

    Raises:
        RepositoryError: if something can't be fetched.
    """
    if not rows or not brought.lean or not brought.remote:
        return False

    def fetch(oids: Iterable[str]) -> None:
        fetch_objects(
            repository, brought.remote, sorted(set(oids)), _PREFIX, leave_out=WITHOUT_FILES
        )

    git = repository.git
    commits = read_commits(git, [row.commit for row in rows])
    fetch(commit.tree for commit in commits)
    trees = [read_tree(git, commit) for commit in commits]
    fetch(entry.oid for tree in trees for path, entry in tree.items() if _is_known(path))
    _bring_named(repository, trees, fetch)
    incomplete = [row.commit for row in rows if not row.complete]
    index.complete(incomplete)
    return bool(incomplete)


def _bring_named(
    repository: Repository,
    trees: Sequence[dict[str, Entry]],
    fetch: Callable[[Iterable[str]], None],
) -> None:
    """Bring the files that records and configurations name."""
    wanted: set[str] = set()
    with Contents(repository.git) as contents:
        for tree in trees:
            record = read_record(tree, contents)
            if isinstance(record, Problem):
                continue
            config = read_config(record.project, tree, contents)
            names = _named(record, Config() if isinstance(config, Problem) else config)
            wanted |= {tree[name].oid for name in names if name in tree}
    fetch(wanted)


def _is_known(path: str) -> bool:
    name = path.rpartition("/")[2]
    return path in (PATH, LOCK_PATH, PARTITION_PATH) or name in _NAMES or name.endswith(".dvc")


def _named(record: Record, config: Config) -> list[str]:
    """Return the paths of the files that a record is compared with."""
    own = [*config.params, *([config.partition] if config.partition else [])]
    metrics = [item.path for item in record.artifacts if item.role == "metrics"]
    paths = [posixpath.normpath(posixpath.join(record.project, name)) for name in own]
    return [*paths, *metrics, *record.inputs.code.modules]
