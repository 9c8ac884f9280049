"""`gitml exp show`: everything about one experiment, as a sheet that one can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gitml.experiment.record import Record
from gitml.inputs.manifest import COMPONENTS, Manifest
from gitml.values import Scalar, flatten
from gitml.views import values
from gitml.views.curves import sparkline
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table

if TYPE_CHECKING:
    from gitml.history.rows import Event, Row

_DIGEST = 12
_LIBRARIES = 12
_CURVE = 24


def sections(
    record: Record,
    *,
    row: Row | None = None,
    events: Sequence[Event] = (),
    history: Mapping[str, Sequence[float]] | None = None,
) -> list[Section]:
    """Return the sections of the sheet.

    Args:
        record: The experiment's record.
        row: What the index knows about it: commit, author, tags.
        events: What was said about it since.
        history: Metric → its values over steps, for the curves.
    """
    return [
        Section(lines=tuple(_head(record, row))),
        _metrics(record, history or {}),
        _settings(record),
        _inputs(record),
        _data(record),
        _libraries(record),
        _artifacts(record),
        _environment(record),
        Section("Warnings", lines=tuple(values.escape(text) for text in record.warnings)),
        Section("Reruns", lines=tuple(_reruns(events))),
        _events(events),
    ]


def _head(record: Record, row: Row | None) -> list[str]:
    author = f" by {values.escape(row.author)}" if row is not None and row.author else ""
    created = f"{values.time(record.created)} ({values.age(record.created)})"
    took = values.duration(record.seconds)
    lines = [f"{values.escape(record.name)}: {_status(record)} in {took}, {created}{author}"]
    study = values.escape(record.study)
    lines.append(f"commit   {row.commit} on exp/{study}" if row else f"study    exp/{study}")
    if record.base:
        branch = f" ({values.escape(record.branch)})" if record.branch else ""
        lines.append(f"base     {record.base}{branch}")
    folder = record.inputs.command.folder
    where = f"   (in {values.escape(folder)})" if folder else ""
    lines.append(f"command  {values.command(record.argv)}{where}")
    if row is not None and row.tags:
        lines.append(f"tags     {values.listing(row.tags, 20)}")
    if row is not None and row.hidden:
        lines.append("hidden   yes: tables leave it out")
    for origin in record.init_from:
        name = values.escape(origin.experiment)
        lines.append(f"from     {name} ({values.commit(origin.commit)}): it read its outputs")
    if record.nearest is not None:
        near = record.nearest
        name = values.escape(near.experiment)
        lines.append(f"nearest  {name} ({values.commit(near.commit)}), {values.escape(near.level)}")
    return lines


def _status(record: Record) -> str:
    if record.status == "completed":
        return "completed"
    return f"failed with status {record.exit_status}"


def _metrics(record: Record, history: Mapping[str, Sequence[float]]) -> Section:
    names = sorted(record.metrics, key=lambda name: name != record.primary)
    rows = []
    for name in names:
        goal = record.goals.get(name, "")
        said = ", ".join(filter(None, [goal, "primary" if name == record.primary else ""]))
        curve = sparkline(history.get(name, ()), _CURVE)
        rows.append((name, record.metrics[name], _plain(said), _plain(curve)))
    only_curves = [name for name in history if name not in record.metrics]
    rows += [
        (name, None, _plain(""), _plain(sparkline(history[name], _CURVE))) for name in only_curves
    ]
    columns = (
        Column("metric", keep=FIXED),
        Column("value", keep=FIXED),
        Column("goal", keep=60),
        Column("over steps", keep=50),
    )
    return Section("Metrics", Table(columns, tuple(rows), headed=False))


def _settings(record: Record) -> Section:
    counted = record.inputs.settings
    rows = tuple(
        (name, _text(value), _plain(_kind(name, record.inputs, counted)))
        for name, value in record.params.items()
    )
    columns = (Column("setting", keep=FIXED), Column("value", keep=FIXED), Column("", keep=60))
    return Section("Settings", Table(columns, rows, headed=False))


def _kind(name: str, inputs: Manifest, counted: Mapping[str, Scalar]) -> str:
    if name in inputs.masked:
        return "masked"
    if name in inputs.seeds:
        return "seed"
    return "" if name in counted else "doesn't count"


def _inputs(record: Record) -> Section:
    inputs = record.inputs
    modules = values.plural(len(inputs.code.modules), "Python file")
    said = {
        "command": values.command(inputs.command.program),
        "settings": values.plural(len(inputs.settings), "setting"),
        "code": f"{modules} {'that the run reached' if inputs.code.observed else 'tracked'}",
        "data": values.plural(len(inputs.data), "input"),
        "partition": ", ".join(
            f"{values.escape(name)} {part.count:,}" for name, part in inputs.partition.parts.items()
        ),
        "libraries": values.plural(len(inputs.libraries.imported), "library", "libraries"),
    }
    rows = tuple(
        (name, _plain(_short(record.digests.get(name, ""))), _plain(said[name]))
        for name in COMPONENTS
        if name != "partition" or inputs.partition.parts
    )
    columns = (Column("input", keep=FIXED), Column("digest"), Column("what", keep=FIXED))
    lines = [f"fingerprint {record.fingerprint}"]
    if record.changed:
        lines.append(f"changed while it ran: {values.listing(record.changed, 8)}")
    return Section("Inputs", Table(columns, rows, headed=False), tuple(lines))


def _data(record: Record) -> Section:
    rows = tuple(
        (
            name,
            item.kind,
            _size(item.size, item.files),
            _plain(_short(item.digest)),
            _plain("" if item.restorable else "not restorable"),
        )
        for name, item in record.inputs.data.items()
    )
    columns = (
        Column("path", keep=FIXED, middle=True),
        Column("kind", keep=80),
        Column("size", keep=70),
        Column("digest", keep=60),
        Column("", keep=90),
    )
    return Section("Data", Table(columns, rows, headed=False))


def _libraries(record: Record) -> Section:
    inputs = record.inputs.libraries
    shown = [f"{name} {version}" for name, version in inputs.imported.items()]
    lines = []
    if inputs.python:
        lines.append(f"{inputs.implementation or 'python'} {inputs.python}")
    if shown:
        lines.append(values.listing(shown, _LIBRARIES))
    lock = record.libraries
    if lock.state != "none":
        pins = values.plural(len(lock.packages), "package")
        loose = f", {len(lock.unlocked):,} of them without a source" if lock.unlocked else ""
        lines.append(f"lock file {lock.state}: {pins}{loose}")
    return Section("Libraries", lines=tuple(values.escape(line) for line in lines))


def _artifacts(record: Record) -> Section:
    rows = tuple(
        (
            artifact.path,
            artifact.role,
            _size(artifact.size, artifact.files),
            artifact.storage,
            _plain(_short(artifact.digest)),
            _plain(values.escape(artifact.note)),
        )
        for artifact in record.artifacts
    )
    columns = (
        Column("path", keep=FIXED, middle=True),
        Column("role", keep=90),
        Column("size", keep=80),
        Column("storage", keep=40),
        Column("digest", keep=30),
        Column("note", keep=50),
    )
    return Section("Artifacts", Table(columns, rows, headed=False))


def _environment(record: Record) -> Section:
    facts = flatten(record.environment)
    rows = [(name, _fact(name, value)) for name, value in facts.items() if name]
    for number, part in enumerate(record.segments if len(record.segments) > 1 else (), 1):
        ended = values.time(part.ended) if part.ended else "cut off"
        said = f"{values.time(part.started)} to {ended} on {values.escape(part.host)}"
        rows.append((f"segment {number}", _plain(said)))
    if record.network:
        rows.append(("network", _plain("the run used the network")))
    columns = (Column("fact", keep=FIXED), Column("value", keep=FIXED))
    return Section("Environment", Table(columns, tuple(rows), headed=False))


def _reruns(events: Sequence[Event]) -> list[str]:
    if not any(event.kind == "rerun" for event in events):
        return []
    from gitml.history.attestations import from_events
    from gitml.views.rerun import attested

    return attested(from_events(events))


def _events(events: Sequence[Event]) -> Section:
    lines = []
    for event in events:
        if event.kind == "rerun":
            continue
        body = ", ".join(_said(key, value) for key, value in event.body.items() if value != [])
        who = values.escape(event.author)
        lines.append(
            f"{values.age_of(event.committed)}, {who}: {values.escape(event.kind)} {body}".rstrip()
        )
    return Section("Since then", lines=tuple(lines))


def _said(key: str, value: object) -> str:
    """Return one entry of an event's body; the text of a note needs no name."""
    if isinstance(value, list):
        return f"{values.escape(key)} {values.listing([str(item) for item in value], 10)}"
    text = values.scalar(value) if isinstance(value, Scalar) else values.escape(str(value))
    return text if key == "text" else f"{values.escape(key)} {text}"


def _plain(text: str) -> Cell:
    return Cell(text, text)


def _text(value: Scalar) -> Cell:
    """Return a value that is aligned as text, since a column of settings mixes types."""
    return Cell(values.scalar(value), values.precise(value))


def _fact(name: str, value: Scalar) -> Cell:
    if name == "memory" and isinstance(value, int):
        return _plain(values.size(value))
    return _text(value)


def _size(size: int, files: int) -> Cell:
    many = f", {values.plural(files, 'file')}" if files else ""
    return Cell(f"{values.size(size)}{many}", f"{size}")


def _short(digest: str) -> str:
    return values.escape(digest.removeprefix("sha256:")[:_DIGEST])
