"""The messages of commits on a study's line: for people above, for machines in the trailers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from gitml.experiment.record import Record
from gitml.inputs.manifest import COMPONENTS
from gitml.values import Scalar, canonical

EXPERIMENT = "Gitml-Experiment"
FINGERPRINT = "Gitml-Fingerprint"
STATUS = "Gitml-Status"
LOOKUP = "Gitml-Lookup"
RUN = "Gitml-Run"
EVENT = "Gitml-Event"
ABOUT = "Gitml-About"
STUDY = "Gitml-Study"
FROM = "Gitml-From"

Kind = Literal["experiment", "event", "root", "other"]

_TRAILER = re.compile(r"(Gitml-[A-Za-z]+): (.*)")
_SHOWN = 8
_IN_SUBJECT = 3
_RATE = re.compile(r"(?:^|[._-])(?:lr|learning.?rate)(?:$|[._-])")
_MAX_MESSAGE = 1 << 20


class Header(msgspec.Struct, frozen=True):
    """What the trailers of a commit say.

    Attributes:
        kind: `experiment`, `event` (see `event`), `root` (a study's beginning) or `other`.
        trailers: Trailer name → value.
        event: `join`, `note`, `tag`, `hide`, `rerun`, `evaluation`, or empty.
        body: The JSON body of an event.
    """

    kind: Kind
    trailers: dict[str, str] = {}
    event: str = ""
    body: dict[str, Any] = {}


def compose(record: Record, telling: Sequence[str] = ()) -> str:
    """Return the commit message of an experiment.

    `telling` names the settings that tell it from the nearest one; the subject shows them.
    """
    lines = [_subject(record, telling), ""]
    lines += _section("metrics", record.metrics)
    lines += _section("params", record.params)
    command = " ".join(_printable(word) for word in record.argv)
    lines += [f"command: {command[:400]}", f"took {record.seconds:.1f} s"]
    if record.warnings:
        lines += ["", *(f"warning: {_printable(warning)}" for warning in record.warnings[:5])]
    trailers = {EXPERIMENT: record.name, FINGERPRINT: record.fingerprint}
    trailers |= {STATUS: record.status, LOOKUP: record.lookup}
    trailers |= {f"Gitml-{name.title()}": record.digests[name] for name in COMPONENTS}
    trailers |= {RUN: record.run} if record.run else {}
    return "\n".join(lines) + "\n" + _trailers(trailers)


def compose_event(event: str, about: str, name: str, body: Mapping[str, Any]) -> str:
    """Return the commit message of an event about an experiment."""
    text = canonical(body).decode("ascii")
    subject = f"{_printable(event)}: {_printable(name)}"
    return f"{subject}\n\n{text}\n{_trailers({EVENT: event, ABOUT: about})}"


def _trailers(values: Mapping[str, str]) -> str:
    """Return the last paragraph: one line a value, whatever is in it."""
    return "".join(["\n", *(f"{name}: {_printable(value)}\n" for name, value in values.items())])


def compose_join(study: str) -> str:
    """Return the message of a commit that joins diverged lines of a study."""
    return f"join: {study}\n\nLines of this study that were recorded apart.\n\n{EVENT}: join\n"


def compose_root(study: str) -> str:
    """Return the message of a study's first commit; the same bytes on every machine."""
    return f"study: {study}\n\nExperiments are the commits after this one.\n\n{STUDY}: {study}\n"


def parse(message: str) -> Header:
    """Return what the trailers of a commit's message say; other commits are `other`."""
    text = message if len(message) <= _MAX_MESSAGE else message[-_MAX_MESSAGE:]
    paragraphs = text.rstrip().rsplit("\n\n", 1)
    trailers: dict[str, str] = {}
    for line in paragraphs[-1].split("\n"):  # not at U+2028, which a value may hold
        found = _TRAILER.fullmatch(line)
        if found:
            trailers[found[1]] = found[2]
    if EXPERIMENT in trailers:
        return Header("experiment", trailers)
    if EVENT in trailers:
        return Header("event", trailers, trailers[EVENT], _body(paragraphs[0]))
    return Header("root" if STUDY in trailers else "other", trailers)


def _body(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text.partition("\n\n")[2])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _subject(record: Record, telling: Sequence[str]) -> str:
    metrics = record.metrics
    name = record.primary if record.primary in metrics else next(iter(metrics), "")
    shown = f"{_printable(name)} {format_value(metrics[name])}" if name else record.status
    if record.status == "failed":
        shown = f"failed with status {record.exit_status}"
    settings = [
        f"{_printable(key.removeprefix('args.'))} {format_value(record.params[key])}"
        for key in (_known(record, telling) or _usual(record))[:_IN_SUBJECT]
    ]
    return f"{_printable(record.name)}: {shown}" + (f" ({', '.join(settings)})" if settings else "")


def _known(record: Record, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in record.params]


def _usual(record: Record) -> list[str]:
    """Return numeric settings, what sounds like a learning rate first."""
    names = [
        key
        for key, value in record.params.items()
        if key in record.inputs.settings
        and key not in record.inputs.seeds
        and isinstance(value, int | float)
        and not key.rpartition(".")[2].isdigit()
    ]
    return sorted(names, key=lambda name: not _RATE.search(name))


def _section(title: str, values: Mapping[str, Scalar]) -> list[str]:
    if not values:
        return []
    shown = [
        f"  {_printable(name)}: {format_value(values[name])}" for name in list(values)[:_SHOWN]
    ]
    more = len(values) - len(shown)
    return [f"{title}:", *shown, *([f"  … and {more} more"] if more > 0 else []), ""]


def format_value(value: Scalar) -> str:
    """Return a scalar as people read it: floats with at most six significant digits."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return _printable(str(value))[:80]


def _printable(text: str) -> str:
    """Return `text` on one line, without control characters that could forge a trailer."""
    return "".join(char if char.isprintable() else "?" for char in text)
