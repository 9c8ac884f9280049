"""What `gitml gc` would remove, and what it removed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from gitml.views import documents, sheet, values
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table

if TYPE_CHECKING:
    from gitml.operations.gc_values import Collected, Forecast

_SHOWN = 12

_COLUMNS = (
    Column("study", keep=FIXED),
    Column("what", keep=FIXED),
    Column("experiments", keep=60),
    Column("objects", keep=70),
    Column("bytes", keep=FIXED),
)


def headline(found: Forecast) -> str:
    """Return how much would be free, and where copies are."""
    where = _where(found)
    of = f" of {values.size(found.total_size)}" if found.total_size else ""
    if not found.objects:
        return (
            f"Nothing to remove from {where}{f' ({values.size(found.total_size)})' if of else ''}."
        )
    count = values.plural(len(found.objects), "object")
    text = f"{values.size(found.size)}{of} would be free in {where}:\n{count}"
    if found.remote:
        return f"{text}, {_copies(found)}"
    if not found.alone:
        return f"{text}, all still on the DVC remote {values.escape(found.backup)}"
    lost = sum(found.objects[digest].size for digest in found.alone)
    return f"{text}, {values.size(lost)} of it gone for good"


def render(found: Forecast, *, width: int = 0, colour: bool = False) -> str:
    """Return the forecast: what would go by study and role, what stays and why."""
    sections = [
        Section("", None, tuple(headline(found).splitlines())),
        Section("would go", _going(found)),
        Section("gone for good: no other copy is known", None, tuple(_for_good(found))),
        Section("would stay", None, tuple(_staying(found))),
    ]
    return sheet.text(sections, width=width, colour=colour)


def collected(done: Collected, found: Forecast) -> str:
    """Return what was removed."""
    removed = f"{values.plural(done.objects, 'object')} ({values.size(done.size)})"
    lines = [f"Removed {removed} from {_where(found)}."]
    if not done.objects:
        lines = ["Nothing was removed."]
    if done.spared:
        why = "needed or new by now, or no copy is left"
        lines.append(f"{values.plural(done.spared, 'object')} stayed: {why}.")
    if done.gone:
        lines.append(f"{values.plural(done.gone, 'object')} had been removed by somebody else.")
    if done.objects and not found.remote and found.backup:
        lines.append("`gitml exp apply` fetches what it needs from the remote again.")
    return "\n".join(lines)


def document(found: Forecast, done: Collected | None) -> dict[str, Any]:
    """Return the document of `gc --json`; sizes are bytes."""
    return {
        "removed": documents.plain(done) if done is not None else None,
        "place": found.place,
        "remote": found.remote,
        "backup": found.backup or None,
        "objects": len(found.objects),
        "bytes": found.size,
        "for_good": len(found.alone),
        "total": {"objects": found.total, "bytes": found.total_size},
        "experiments": found.experiments,
        "kept": documents.plain(found.kept),
        "going": [
            {
                "study": share.study or None,
                "role": share.role or None,
                "experiments": share.experiments,
                "objects": share.objects,
                "bytes": share.size,
            }
            for share in found.shares
        ],
        "held_back": [
            {"why": one.why, "objects": one.objects, "bytes": one.size} for one in found.held_back
        ],
        "unpushed": [
            {"experiment": one.experiment or None, "path": one.path, "digest": one.digest}
            | {"bytes": one.size}
            for one in found.unpushed
        ],
        "notes": list(found.notes),
    }


def _where(found: Forecast) -> str:
    name = values.escape(found.place)
    return f"the DVC remote {name}" if found.remote else f"the cache {name}"


def _copies(found: Forecast) -> str:
    if not found.alone:
        return "all of it also in this machine's cache"
    return f"{len(found.alone):,} of them not in this machine's cache"


def _going(found: Forecast) -> Table:
    rows = tuple(
        (
            values.escape(share.study) or values.MISSING,
            Cell(_called(share.role), share.role),
            share.experiments,
            share.objects,
            Cell(values.size(share.size), share.size),
        )
        for share in found.shares
    )
    return Table(_COLUMNS, rows)


def _called(role: str) -> str:
    plain = {"checkpoint": "checkpoints", "plot": "plots", "": "named by nobody"}
    return plain.get(role, role)


def _for_good(found: Forecast) -> list[str]:
    lines = []
    for one in found.unpushed[:_SHOWN]:
        name = f"{values.escape(one.experiment)}: " if one.experiment else ""
        lines.append(f"{name}{values.escape(one.path)} ({values.size(one.size)})")
    more = len(found.unpushed) - len(lines)
    return [*lines, f"and {more:,} more (--json names all)"] if more > 0 else lines


def _staying(found: Forecast) -> list[str]:
    """Return why experiments keep all they have, and why objects stay."""
    lines = [
        f"everything of {values.plural(len(found.kept), 'experiment')} of {found.experiments:,}"
    ]
    reasons = Counter(one.reasons[0] for one in found.kept)
    for why, count in reasons.most_common(_SHOWN):
        lines.append(f"  {count:>6,}  {values.escape(why)}")
    if len(reasons) > _SHOWN:
        lines.append(f"  {'':>6}  and {len(reasons) - _SHOWN} more reasons (--json names all)")
    for one in found.held_back:
        what = f"{values.plural(one.objects, 'object')} ({values.size(one.size)})"
        lines.append(f"{what}: {values.escape(one.why)}")
    return lines
