"""Small results as a few lines of text: init, apply, push, pull, recover, notes and tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gitml.values import Scalar
from gitml.views import values

if TYPE_CHECKING:
    from gitml.history.rows import Row
    from gitml.inputs.difference import Difference
    from gitml.operations.annotate import Annotated
    from gitml.operations.apply import Applied
    from gitml.operations.init import Initialised
    from gitml.operations.recover import Recovered
    from gitml.operations.share import Shared

_LABEL = 10
_METRICS_SHOWN = 6


def labelled(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return indented lines `label  text`; pairs without text are left out."""
    return [f"  {label:<{_LABEL}}{text}".rstrip() for label, text in pairs if text]


def who(row: Row) -> str:
    """Return `a1b2c3d on exp/main, 2 days ago by Ann Lee`."""
    author = f" by {values.escape(row.author)}" if row.author else ""
    study = values.escape(row.study)
    return f"{values.commit(row.commit)} on exp/{study}, {values.age(row.created)}{author}"


def metrics(found: dict[str, Scalar], primary: str = "") -> str:
    """Return `accuracy 0.98, loss 0.05 and 3 more`, the primary metric first."""
    names = sorted(found, key=lambda name: name != primary)
    shown = [f"{values.escape(name)} {values.scalar(found[name])}" for name in names]
    more = len(shown) - _METRICS_SHOWN
    text = ", ".join(shown[:_METRICS_SHOWN])
    return f"{text} and {more} more" if more > 0 else text


def differences(found: Iterable[Difference]) -> str:
    """Return differing inputs on one line: `lr 0.1 → 0.01, formatting of train.py`."""
    from gitml.inputs.sameness import describe

    return values.escape(describe(found))


def annotated(done: Annotated, verb: str) -> str:
    """Return what was said about an experiment (`verb`: `noted`, `tagged`, `hidden` …)."""
    row = done.row
    lines = [f"{values.escape(row.experiment)} is {verb} ({values.commit(row.commit)})."]
    note = values.escape(row.notes[-1]) if row.notes and verb == "noted" else ""
    tags = values.listing(row.tags, 20) if verb == "tagged" else ""
    return "\n".join([*lines, *labelled([("note", note), ("tags", tags)])])


def initialised(done: Initialised) -> str:
    """Return what `gitml init` did."""
    folder = values.escape(str(done.folder))
    start = f" from the template {values.escape(done.template)}" if done.template else ""
    lines = [f"{folder} is a gitml project{start}."]
    lines += labelled(
        [
            ("made", values.listing(done.created, 12)),
            ("kept", values.listing(done.kept, 12)),
            ("commit", values.commit(done.commit)),
        ]
    )
    return "\n".join(lines)


def applied(done: Applied) -> str:
    """Return what `gitml exp apply` brought."""
    name = values.escape(done.experiment)
    count = len(done.files) + len(done.restored)
    if not count and not done.new_commit:
        return f"{name} ({values.commit(done.commit_id)}) is what the work tree has already."
    lines = [f"{name} ({values.commit(done.commit_id)}) is in the work tree."]
    lines += labelled(
        [
            ("files", values.listing(done.files, 8)),
            ("restored", values.listing(done.restored, 8)),
            ("commit", values.commit(done.new_commit)),
        ]
    )
    return "\n".join(lines)


def shared(done: Shared, verb: str) -> str:
    """Return what was pushed or pulled (`verb`: `sent` or `fetched`)."""
    studies = values.listing(done.studies, 8) or "no study"
    what = f"{values.plural(done.experiments, 'experiment')}, "
    what += values.plural(done.sent_objects, "object")
    way = "to" if verb == "sent" else "from"
    where = f" {way} {values.escape(done.remote)}" if done.remote else ""
    return f"{verb} {studies}{where}: {what}"


def recovered(found: Sequence[Recovered]) -> str:
    """Return what became of interrupted runs, one a line."""
    if not found:
        return "No run was interrupted."
    lines = []
    for item in found:
        name = values.escape(item.experiment or item.run_id)
        at = f" as {values.commit(item.commit)}" if item.commit else ""
        more = f" (gitml exp run --resume {name})" if item.outcome == "interrupted" else ""
        lines.append(f"{name}: {values.escape(item.outcome)}{at}{more}")
    return "\n".join(lines)
