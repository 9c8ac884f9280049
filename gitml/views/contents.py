"""`gitml exp diff`: what artifacts hold, as sections of the sheet and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitml.views import values
from gitml.views.sheet import Section

if TYPE_CHECKING:
    from gitml.comparison.contents import Contents

_NAMED = 4
# What only pictures and reports need: bytes, and series of up to a million points.
_LEFT_OUT = frozenset({"curves", "replicates", "contents", "picture", "pictures"})


def results(
    contents: Contents | None,
    titles: Sequence[str],
    *,
    width: int = 0,
    plain: bool = False,
    everything: bool = False,
) -> list[Section]:
    """Return the sections that belong below the metrics: predictions and curves.

    Args:
        contents: What artifacts hold.
        titles: Of the experiments.
        width: Columns of the terminal; 0 when nobody looks at one.
        plain: Whether curves are drawn in ASCII.
        everything: Also what is the same, and all rows.
    """
    found: list[Section] = []
    if contents is None:
        return found
    if contents.predictions:
        from gitml.views import predictions

        found += predictions.sections(contents.predictions, titles)
    if contents.histories:
        from gitml.views import histories

        found += histories.sections(
            contents.histories, titles, width=width, plain=plain, everything=everything
        )
    return found


def artifacts(
    contents: Contents | None,
    titles: Sequence[str],
    *,
    plain: bool = False,
    everything: bool = False,
) -> list[Section]:
    """Return the sections that belong above the list of artifacts.

    Args:
        contents: What artifacts hold.
        titles: Of the experiments.
        plain: Whether bars are drawn in ASCII.
        everything: Also what is the same, and all rows.
    """
    found: list[Section] = []
    if contents is None:
        return found
    if contents.weights:
        from gitml.views import weights

        found += weights.sections(contents.weights, titles, plain=plain)
    if contents.importances or contents.explanations:
        from gitml.views import importances

        found += importances.sections(
            contents.importances, contents.explanations, titles, plain=plain
        )
    if contents.plots:
        from gitml.views import plots

        found += plots.sections(contents.plots, titles, everything=everything)
    lines = _missing(contents.missing) + [values.escape(note) for note in contents.notes]
    return [*found, Section(lines=tuple(lines))] if lines else found


def document(contents: Contents | None) -> dict[str, Any] | None:
    """Return the document of contents, without pictures and without the points of curves."""
    from gitml.views.documents import plain

    return None if contents is None else plain(_without(contents))


def _without(value: Any) -> Any:
    import msgspec

    if isinstance(value, msgspec.Struct):
        names = (name for name in value.__struct_fields__ if name not in _LEFT_OUT)
        return {name: _without(getattr(value, name)) for name in names}
    if isinstance(value, list | tuple):
        return [_without(item) for item in value]
    return value


def _missing(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(values.escape(name) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"Not on this machine: {shown}{more}. `gitml exp diff --pull` downloads what it needs."]
