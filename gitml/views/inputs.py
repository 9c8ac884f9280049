"""`gitml exp show EXP --inputs`: every input of an experiment, component by component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitml.experiment.record import Record
from gitml.values import Scalar
from gitml.views import explanation, values
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table

if TYPE_CHECKING:
    from gitml.operations.inputs_shown import InputsShown

_DIGEST = 12
_FILES = 200


def sections(shown: InputsShown) -> list[Section]:
    """Return the sections of the sheet: the inputs, then the nearest experiments."""
    record = shown.record
    return [
        Section(lines=tuple(_head(shown))),
        _command(record),
        _settings(record),
        _code(shown),
        _surroundings(record),
        _data(record),
        _partition(record),
        _libraries(record),
        *explanation.sections(shown.explanation, planned=record.name),
    ]


def document(shown: InputsShown) -> dict[str, Any]:
    """Return the document of `exp show --inputs --json`."""
    from gitml.views.documents import plain

    record = shown.record
    return {
        "experiment": record.name,
        "commit": shown.row.commit,
        "study": shown.row.study,
        "fingerprint": record.fingerprint,
        "digests": dict(record.digests),
        "inputs": plain(record.inputs),
        "files": None if shown.files is None else list(shown.files),
        "explanation": explanation.document(shown.explanation),
    }


def _head(shown: InputsShown) -> list[str]:
    record, row = shown.record, shown.row
    lines = [
        f"{values.escape(record.name)} ({values.commit(row.commit)} on exp/"
        f"{values.escape(row.study)}), {values.age(record.created)}",
        f"fingerprint {values.escape(record.fingerprint)}",
    ]
    if record.changed:
        lines.append(f"changed while it ran: {values.listing(record.changed, 8)}")
    return lines


def _command(record: Record) -> Section:
    command = record.inputs.command
    lines = [f"{values.command(command.program)}  (in {values.escape(command.folder or '.')})"]
    if tuple(record.argv) != command.program:
        lines.append(f"given as {values.command(record.argv)}")
    return Section(_title("Command", record, "command"), lines=tuple(lines))


def _settings(record: Record) -> Section:
    inputs = record.inputs
    rows = []
    for name, value in record.params.items():
        kind = "seed" if name in inputs.seeds else ""
        kind = kind if name in inputs.settings else "doesn't count"
        kind = "masked" if name in inputs.masked else kind
        rows.append((name, Cell(values.scalar(value), values.precise(value)), _plain(kind)))
    columns = (Column("setting", keep=FIXED), Column("value", keep=FIXED), Column("", keep=60))
    return _section(_title("Settings", record, "settings"), columns, rows)


def _code(shown: InputsShown) -> Section:
    from gitml.operations.explain_record import scripts_of

    record, code = shown.record, shown.record.inputs.code
    scripts = scripts_of(record)
    seen = "reached by the run" if code.observed else "tracked (the run wasn't observed)"
    rows: list[tuple[Cell | Scalar, ...]] = []
    for path, module in code.modules.items():
        how = "the script of the command" if path in scripts else seen
        rows.append((path, _plain(how), _plain(_short(module.syntax))))
    for path in (shown.files or ())[:_FILES]:
        how = "opened by the run" if path in code.opened else "tracked"
        rows.append((path, _plain(how), _plain("")))
    rows += [
        (name, _plain("editable install"), _plain(_short(digest)))
        for name, digest in code.editable.items()
    ]
    lines = []
    if shown.files is None:
        lines.append(f"other tracked files, digest {_short(code.others)}")
    elif len(shown.files) > _FILES:
        more = values.plural(len(shown.files) - _FILES, "more tracked file")
        lines.append(f"… and {more} (--json has all)")
    columns = (
        Column("path", keep=FIXED, middle=True),
        Column("how", keep=FIXED),
        Column("digest", keep=60),
    )
    return _section(_title("Code", record, "code"), columns, rows, lines)


def _surroundings(record: Record) -> Section:
    """What isn't there, but would count if it were."""
    code = record.inputs.code
    listed = _plain("the run listed it, so what comes up in it counts")
    vain = _plain("the run looked for it in vain, so it counts once it is there")
    rows = [(f"{folder or '.'}/", listed) for folder in sorted({*code.listed, *code.names})]
    rows += [(path, vain) for path in code.absent]
    columns = (Column("path", keep=FIXED, middle=True), Column("how", keep=FIXED))
    return _section("Beside the files", columns, rows)


def _data(record: Record) -> Section:
    rows = []
    for name, item in record.inputs.data.items():
        files = f", {values.plural(item.files, 'file')}" if item.files else ""
        size = f"{values.size(item.size)}{files}" if item.size or item.files else ""
        rows.append(
            (
                name,
                item.kind,
                _plain(size),
                _plain(_short(item.digest)),
                _plain("declared or tracked" if item.declared else "read by the run"),
                _plain("restorable" if item.restorable else "not restorable"),
            )
        )
    columns = (
        Column("path", keep=FIXED, middle=True),
        Column("kind", keep=80),
        Column("size", keep=70),
        Column("digest", keep=60),
        Column("how", keep=50),
        Column("", keep=90),
    )
    return _section(_title("Data", record, "data"), columns, rows)


def _partition(record: Record) -> Section:
    partition = record.inputs.partition
    rows = [
        (name, _plain(values.plural(part.count, "example")), _plain(_short(part.digest)))
        for name, part in partition.parts.items()
    ]
    columns = (
        Column("part", keep=FIXED),
        Column("examples", keep=FIXED),
        Column("digest", keep=60),
    )
    facts = {"from": partition.source, "method": partition.method, "seed": partition.seed}
    said = ", ".join(
        f"{name} {values.scalar(value)}" for name, value in facts.items() if value not in ("", None)
    )
    title = _title("Partition", record, "partition")
    return _section(title, columns, rows, [said] if said and rows else [])


def _libraries(record: Record) -> Section:
    inputs = record.inputs.libraries
    rows = []
    if inputs.python:
        rows.append((inputs.implementation or "python", _plain(values.escape(inputs.python))))
    rows += [
        (name, _plain(values.escape(version))) for name, version in sorted(inputs.imported.items())
    ]
    columns = (Column("library", keep=FIXED), Column("version", keep=FIXED))
    return _section(_title("Libraries", record, "libraries"), columns, rows)


def _section(
    title: str,
    columns: tuple[Column, ...],
    rows: Sequence[tuple[Cell | Scalar, ...]],
    lines: Sequence[str] = (),
) -> Section:
    return Section(title, Table(columns, tuple(rows), headed=False), tuple(lines))


def _title(word: str, record: Record, component: str) -> str:
    digest = _short(record.digests.get(component, ""))
    return f"{word} {digest}".rstrip()


def _plain(text: str) -> Cell:
    return Cell(text, text)


def _short(digest: str) -> str:
    return values.escape(digest.removeprefix("sha256:")[:_DIGEST])
