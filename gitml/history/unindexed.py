"""Experiments outside of the index: read from one commit, whatever branch it is on."""

from __future__ import annotations

import json

from gitml.errors import NotFoundError
from gitml.experiment.message import parse
from gitml.experiment.record import PATH
from gitml.git.log import read_commit
from gitml.git.objects import read_object
from gitml.git.repository import Repository
from gitml.history.reading import interpret
from gitml.history.rows import Row
from gitml.history.walk import Step


def read_unindexed(repository: Repository, commit: str) -> Row | None:
    """Return the experiment that a commit is though no study's branch reaches it, or None."""
    try:
        step = _step(repository, commit)
    except NotFoundError:
        return None
    if step.header.kind != "experiment":
        return None
    found = interpret(step, read_object(repository.git, f"{commit}:{PATH}"))
    return Row(
        commit=commit,
        experiment=found.name,
        study=found.recorded,
        status=found.status,
        created=found.created,
        started=found.started,
        committed=found.committed,
        position=-1,
        author=found.author,
        mail=found.mail,
        params=json.loads(found.params),
        metrics=json.loads(found.metrics),
        fingerprint=found.fingerprint,
        lookup=found.lookup,
        digests=json.loads(found.digests),
        reusable=found.reusable,
        seconds=found.seconds,
        base=found.base,
        primary=found.primary_metric,
        complete=found.complete,
        problem=found.problem,
    )


def _step(repository: Repository, commit: str) -> Step:
    found = read_commit(repository.git, commit)
    if found is None:
        raise NotFoundError(f"There is no commit {commit[:60]!r}.")
    return Step(found, parse(found.message), found.parents[:1])
