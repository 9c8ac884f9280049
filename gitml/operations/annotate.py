"""Notes, tags and hiding: events about an experiment, added to its study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gitml.errors import NotFoundError, UsageError
from gitml.experiment.names import is_name, slug
from gitml.experiment.study import record_event, require_free_branch
from gitml.git.repository import configuration, require_identity, truthy
from gitml.history.resolve import resolve
from gitml.history.rows import Row
from gitml.operations.reading import open_reading

_LONGEST_NOTE = 100_000
_LONGEST_TAG = 100


class Annotated(msgspec.Struct, frozen=True):
    """An event that was added: its commit, and the experiment as it is known now."""

    event: str
    row: Row


def note(start: Path, name: str, text: str) -> Annotated:
    """Add a note to an experiment.

    Raises:
        UsageError: if the note is empty or longer than 100,000 characters.
        NotFoundError: if there is no such experiment.
    """
    if not text.strip() or len(text) > _LONGEST_NOTE:
        what = "empty" if not text.strip() else f"longer than {_LONGEST_NOTE:,} characters"
        raise UsageError(f"The note is {what}.")
    return _annotate(start, name, "note", {"text": text})


def tag(start: Path, name: str, tags: Sequence[str], *, remove: Sequence[str] = ()) -> Annotated:
    """Add tags to an experiment, or take them away.

    Raises:
        UsageError: if a tag has spaces, commas or control characters in it, or there is none.
        NotFoundError: if there is no such experiment.
    """
    if not tags and not remove:
        raise UsageError("No tag was named.", hint="gitml exp tag EXP NAME…")
    for word in (*tags, *remove):
        _check_tag(word)
    return _annotate(start, name, "tag", {"add": list(tags), "remove": list(remove)})


def hide(start: Path, name: str, *, hidden: bool = True) -> Annotated:
    """Leave an experiment out of tables from now on, or show it again.

    Raises:
        NotFoundError: if there is no such experiment.
    """
    return _annotate(start, name, "hide", {"hidden": hidden})


def _check_tag(word: str) -> None:
    odd = [char for char in word if char.isspace() or not char.isprintable() or char == ","]
    if not word or odd or word.startswith("-") or len(word) > _LONGEST_TAG:
        raise UsageError(
            f"{word[:_LONGEST_TAG]!r} can't be a tag: it has no spaces or commas, at most "
            f"{_LONGEST_TAG} characters, and doesn't begin with '-'.",
            hint=f"For example: {slug(word)}",
        )


def _annotate(start: Path, name: str, event: str, body: dict[str, Any]) -> Annotated:
    reading = open_reading(start)
    repository = reading.repository
    config = configuration(repository)
    require_identity(repository, config)
    with reading.index() as index:
        if name.endswith("best"):
            reading.declare_goals(index)
        row = resolve(repository, index, name, reading.study)
        if row.position < 0:
            raise NotFoundError(
                f"{row.experiment} is on no study's branch any more, so nothing can be added.",
                hint=f"git branch exp/{slug(row.study)} {row.commit} brings it back.",
            )
        require_free_branch(repository, row.study)
        commit = record_event(
            repository,
            row.study,
            event,
            row.commit,
            row.experiment if is_name(row.experiment) else slug(row.experiment),
            body,
            sign=truthy(config.get("commit.gpgsign", "false")),
        )
        index.refresh()
        return Annotated(commit, index.find(row.commit) or row)
