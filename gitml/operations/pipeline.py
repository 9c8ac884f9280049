"""What DVC's pipelines keep track of by themselves: the outputs that `dvc.lock` files name."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from gitml.bounded_yaml import load
from gitml.errors import ConfigError
from gitml.experiment.record import Record
from gitml.git.objects import ObjectReader
from gitml.operations.project import Project
from gitml.storage.objects import holds
from gitml.storage.paths import is_digest

LOCK = "dvc.lock"


def locked_outputs(data: bytes, where: str) -> dict[str, str]:
    """Return path from the repository's root → digest of every output that a `dvc.lock` names.

    A file that can't be read names none; DVC will say what is wrong with it.

    Args:
        data: Its bytes.
        where: Its path from the repository's root.
    """
    try:
        tree = load(data, where)
    except ConfigError:
        return {}
    folder = posixpath.dirname(where)
    return {
        posixpath.normpath(posixpath.join(folder, out["path"])): out["md5"]
        for out in _outputs(tree)
        if isinstance(out.get("path"), str)
        and isinstance(out.get("md5"), str)
        and is_digest(out["md5"])
    }


def locked_here(project: Project, records: Mapping[str, Record]) -> dict[str, str]:
    """Return digest → `experiment: path` of what pipelines made, as far as it is in the cache.

    Args:
        project: Where.
        records: Commit → record of the experiments.
    """
    storage = project.storage
    if storage is None or not records:
        return {}
    found: dict[str, str] = {}
    places = {commit: posixpath.join(record.project, LOCK) for commit, record in records.items()}
    with ObjectReader(project.repository.git) as reader:
        names = [f"{commit}:{place}" for commit, place in places.items()]
        for commit, data in zip(places, reader.read_many(names), strict=True):
            for path, digest in locked_outputs(data or b"", places[commit]).items():
                if holds(storage, digest):
                    found[digest] = f"{records[commit].name}: {path}"
    return found


def _outputs(tree: Any) -> Iterator[dict[str, Any]]:
    stages = tree.get("stages") if isinstance(tree, dict) else None
    for stage in stages.values() if isinstance(stages, dict) else ():
        outs = stage.get("outs") if isinstance(stage, dict) else None
        for out in outs if isinstance(outs, list) else ():
            if isinstance(out, dict):
                yield out
