"""From what people type (a name, `latest`, `study:best`, a Git revision) to one experiment."""

from __future__ import annotations

from typing import NoReturn

from gitml.errors import NotFoundError, UsageError
from gitml.experiment.message import FROM, parse
from gitml.experiment.names import default_study
from gitml.git.log import read_commit
from gitml.git.repository import Repository
from gitml.history.index import Index
from gitml.history.rows import Row
from gitml.history.unindexed import read_unindexed

_LONGEST = 1_000
_LISTED = 5
_HEX = frozenset("0123456789abcdef")


def resolve(repository: Repository, index: Index, text: str, study: str = "") -> Row:
    """Return the one experiment that `text` names.

    In this order: `latest` and `best` of the current study, `<study>:latest`, `<study>:best` and
    `<study>:<name>`, a full commit id, a name in the current study, a name in any study, and any
    Git revision of an experiment, of an event after it, or of a commit that was made from it.

    Args:
        repository: Where.
        index: What is recorded.
        text: What somebody typed.
        study: The current study; by default the branch's.

    Raises:
        NotFoundError: if there is no such experiment; the hint has the nearest names.
        UsageError: if several are meant.
    """
    current = study or default_study(repository.branch, "")
    if not _is_sane(text):
        raise NotFoundError(f"There is no experiment {text[:60]!r}.")
    if text in ("latest", "best"):
        return _special(index, current, text)
    named, colon, rest = text.rpartition(":")
    if colon and named.removeprefix("exp/") in index.studies():
        return _in_study(index, named.removeprefix("exp/"), rest)
    found = _by_id(repository, index, text) or _by_name(index, current, text)
    found = found or _by_revision(repository, index, text)
    if found is None:
        _not_found(index, current, text)
    return found


def _is_sane(text: str) -> bool:
    """Whether Git and the index can be asked for it."""
    odd = any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)
    return bool(text) and len(text) <= _LONGEST and not odd


def _special(index: Index, study: str, which: str) -> Row:
    found = index.latest(study) if which == "latest" else index.best(study)
    if found is not None:
        return found
    if not index.count(study):
        others = [name for name, count in index.studies().items() if count]
        raise NotFoundError(
            f"The study {study} has no experiments.",
            hint=f"There are experiments in: {', '.join(others[:_LISTED])}." if others else "",
        )
    goals = index.goals(study)
    if goals.goal:
        raise NotFoundError(
            f"No completed experiment of the study {study} has the metric {goals.primary}."
        )
    raise NotFoundError(
        f"What is best in the study {study} isn't known: no primary metric is declared.",
        hint="Add to gitml.yaml, for example: metrics: {accuracy: {goal: max, primary: true}}",
    )


def _in_study(index: Index, study: str, name: str) -> Row:
    if name in ("latest", "best"):
        return _special(index, study, name)
    found = [row for row in index.by_name(name) if row.study == study]
    if not found:
        _not_found(index, study, name)
    return _only(found, name)


def _by_id(repository: Repository, index: Index, text: str) -> Row | None:
    # A full id means the commit, whatever an experiment calls itself.
    if len(text) == len(repository.zero) and set(text) <= _HEX:
        return index.find(text)
    return None


def _by_name(index: Index, current: str, name: str) -> Row | None:
    found = index.by_name(name)
    here = [row for row in found if row.study == current]
    return _only(here or found, name) if found else None


def _only(found: list[Row], name: str) -> Row:
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{row.study} {row.commit[:12]}" for row in found[:_LISTED])
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    raise UsageError(
        f"{len(found)} experiments are called {name!r}: {listed}{more}.",
        hint="Name its commit, or its study: <study>:<name>.",
    )


def _by_revision(repository: Repository, index: Index, text: str) -> Row | None:
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
    # A partial clone would ask its remote for any id that somebody types.
    done = repository.git.with_environment({"GIT_NO_LAZY_FETCH": "1"}).attempt(*arguments)
    oid = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode or not oid:
        return None
    found = index.find(oid) or index.nearest_on_line(oid) or read_unindexed(repository, oid)
    if found is not None:
        return found
    commit = read_commit(repository.git, oid)
    origin = parse(commit.message).trailers.get(FROM, "") if commit else ""
    if len(origin) == len(repository.zero) and set(origin) <= _HEX:
        found = index.find(origin) or read_unindexed(repository, origin)
    if found is None:
        raise NotFoundError(
            f"{text!r} is the commit {oid[:12]}, and that is no experiment.",
            hint="`gitml exp list --all` shows the experiments.",
        )
    return found


def _not_found(index: Index, study: str, text: str) -> NoReturn:
    model, at, _ = text.partition("@")
    if at and model and not text.startswith("@") and "@{" not in text:
        raise NotFoundError(
            f"There is no experiment {text!r}, and no version or stage of a model {model!r}.",
            hint="`gitml model list` shows what is registered.",
        )
    raise NotFoundError(f"There is no experiment {text!r}.", hint=_nearest(index, study, text))


def _nearest(index: Index, study: str, text: str) -> str:
    from difflib import get_close_matches

    wanted = text.rpartition(":")[2]
    for names in (index.names(study), index.names()):
        near = get_close_matches(wanted, sorted(names), 3)
        if near:
            return f"Did you mean {' or '.join(near)}?"
    if not index.count():
        return "Nothing is recorded yet; `gitml exp run` records an experiment."
    return "`gitml exp list --all` shows the experiments."
