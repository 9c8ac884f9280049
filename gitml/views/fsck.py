"""What `gitml fsck` found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitml.views import documents, sheet, values
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table
from gitml.views.values import Tone, paint

if TYPE_CHECKING:
    from gitml.operations.fsck_values import Checked, Fault, GitProblem, Trouble

_SHOWN = 50
_USERS = 2
_NAMED = 4

_COLUMNS = (
    Column("object", keep=30),
    Column("state", keep=FIXED),
    Column("needed by", keep=FIXED, narrow=16),
    Column("bytes", keep=70),
    Column("can be had from", keep=FIXED, narrow=14, middle=True),
)


def headline(found: Checked) -> str:
    """Return what was looked at, and the verdict."""
    looked = values.plural(found.experiments, "experiment")
    looked += f", {values.plural(found.objects, 'object')} ({values.size(found.size)})"
    if not found.read:
        looked += ", none of them read"
    bad = sum(not fault.repaired for fault in found.faults)
    troubled = len({t.commit for t in found.troubles if t.problem.severity == "error"})
    others = sum(p.severity == "error" and not p.repaired for p in found.problems)
    counts = (
        (bad, "object is bad or lost", "objects are bad or lost"),
        (troubled, "experiment is unsound", "experiments are unsound"),
        (others, "other problem", "other problems"),
    )
    wrong = [values.plural(count, one, many) for count, one, many in counts if count]
    if wrong:
        return f"{looked}:\n{', '.join(wrong)}"
    if found.unknown:
        return f"{looked}: it can't be told whether all is there"
    mended = sum(bool(fault.repaired) for fault in found.faults)
    mended += sum(problem.repaired for problem in found.problems)
    if mended:
        return f"{looked}: all sound now, {mended:,} mended"
    return f"{looked}: all {'sound' if found.read else 'there'}"


def render(found: Checked, *, width: int = 0, colour: bool = False) -> str:
    """Return the summary, then what is wrong and where it can be had."""
    faults = tuple(_row(fault) for fault in found.faults[:_SHOWN])
    sections = [
        Section("", None, (*headline(found).splitlines(), *_asides(found))),
        Section("objects", Table(_COLUMNS, faults), tuple(_more(len(found.faults), "object"))),
        Section("experiments", None, tuple(_troubles(found.troubles, colour=colour))),
        Section("besides", None, tuple(_problems(found.problems, colour=colour))),
        Section("not known", None, tuple(values.escape(text) for text in found.unknown)),
    ]
    text = sheet.text(sections, width=width, colour=colour)
    hint = _hint(found)
    return f"{text}\n\n{hint}" if hint else text


def document(found: Checked) -> dict[str, Any]:
    """Return the document of `fsck --json`; sizes are bytes."""
    return {
        "ok": found.status == 0,
        "status": found.status,
        "studies": list(found.studies),
        "experiments": found.experiments,
        "objects": {
            "here": found.objects,
            "bytes": found.size,
            "read": found.read,
            "away": found.away,
            "dropped": found.dropped,
            "unneeded": found.unneeded,
            "unneeded_bytes": found.unneeded_size,
        },
        "remote": documents.plain(found.remote) if found.remote is not None else None,
        "faults": [_fault(fault) for fault in found.faults],
        "troubles": [
            {
                "experiment": trouble.experiment,
                "commit": trouble.commit,
                "study": trouble.study,
                **documents.plain(trouble.problem),
            }
            for trouble in found.troubles
        ],
        "problems": documents.plain(found.problems),
        "unknown": list(found.unknown),
        "notes": list(found.notes),
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "digest": fault.digest,
        "state": fault.state,
        "bytes": fault.size,
        "why": fault.why or None,
        "needed_by": documents.plain(fault.users),
        "also_needed_by": list(fault.others),
        "source": documents.plain(fault.source) if fault.source is not None else None,
        "repaired": fault.repaired or None,
    }


def _asides(found: Checked) -> list[str]:
    """Return what is good to know though it isn't wrong."""
    lines = []
    if found.away:
        size = f" ({values.size(found.away_size)})" if found.away_size else ""
        verb = "is" if found.away == 1 else "are"
        lines.append(
            f"{values.plural(found.away, 'object')}{size} {verb} on the DVC remote and not here"
        )
    if found.dropped:
        verb = "was" if found.dropped == 1 else "were"
        lines.append(f"{values.plural(found.dropped, 'object')} {verb} dropped by gitml gc")
    if found.unneeded:
        size = values.size(found.unneeded_size)
        lines.append(f"{values.plural(found.unneeded, 'object')} ({size}) no experiment needs")
    remote = found.remote
    if remote is not None and remote.reached:
        read = ", all read" if remote.read else ", by name and size"
        text = (
            f"{values.plural(remote.objects, 'object')} looked for on {values.escape(remote.name)}"
        )
        lines.append(f"{text}{read}")
        if remote.unsent:
            verb = "isn't" if remote.unsent == 1 else "aren't"
            lines.append(f"{remote.unsent:,} of them {verb} published yet (gitml exp push)")
    return lines


def _row(fault: Fault) -> tuple[Cell | str | None, ...]:
    tone: Tone = "good" if fault.repaired else "bad"
    source = Cell(values.escape(fault.source.where)) if fault.source is not None else None
    if fault.repaired:
        source = Cell(values.escape(fault.repaired))
    size = Cell(values.size(fault.size), fault.size) if fault.size else None
    state = "mended" if fault.repaired else fault.state
    return values.commit(fault.digest), Cell(state, None, tone), _users(fault), size, source


def _users(fault: Fault) -> Cell | None:
    named = [f"{user.experiment}: {user.path}" for user in fault.users]
    named = named or list(fault.others)
    return Cell(values.listing(named, _USERS)) if named else None


def _more(count: int, noun: str) -> list[str]:
    more = count - _SHOWN
    return [f"and {values.plural(more, noun)} more (--json names all)"] if more > 0 else []


def _troubles(troubles: tuple[Trouble, ...], *, colour: bool) -> list[str]:
    """Return a line for each thing that is wrong, with all experiments that it is wrong with."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in troubles:
        groups.setdefault((one.problem.severity, one.problem.message), []).append(one.experiment)
    lines = [
        f"{_severity(severity, colour=colour)}{values.listing(names, _NAMED)}: "
        f"{values.escape(message)}"
        for (severity, message), names in list(groups.items())[:_SHOWN]
    ]
    return [*lines, *_more(len(groups), "problem")]


def _problems(problems: tuple[GitProblem, ...], *, colour: bool) -> list[str]:
    lines = []
    some = problems[:_SHOWN]
    for number, one in enumerate(some, start=1):
        word = "mended   " if one.repaired else _severity(one.severity, colour=colour)
        lines.append(f"{word}{values.escape(one.message)}")
        told_next = number < len(some) and some[number].mend == one.mend
        if one.mend and not one.repaired and not told_next:
            lines.append(f"{'':9}→ {values.escape(one.mend)}")
    return [*lines, *_more(len(problems), "problem")]


def _severity(severity: str, *, colour: bool) -> str:
    tone: Tone = "bad" if severity == "error" else "strong"
    return paint(severity, tone, colour=colour) + " " * (9 - len(severity))


def _hint(found: Checked) -> str:
    left = [fault for fault in found.faults if not fault.repaired]
    known = [fault for fault in left if fault.source is not None]
    if any("remote" not in fault.state for fault in known):
        return "`gitml fsck --repair` sets corrupt objects aside and brings sound copies."
    if known:
        return "`gitml fsck` with the same options and --repair sends sound copies there."
    if any(fault.state == "lost" for fault in left):
        return (
            "A clone that made what is lost may still have it:\n"
            "there, `gitml fsck --remote --repair` sends it to the DVC remote."
        )
    return ""
