"""What would have to be equal for something to be a repeat of a recorded experiment: a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from gitml.comparison.explanation import Detail
from gitml.values import Scalar

_NAMED = 4
_PIECES = 3
_LONGEST = 40
_TYPES = {bool: "boolean", int: "integer", float: "float", str: "text"}


def closing(experiment: str, cap: str, details: Sequence[Detail], *, recorded: bool = False) -> str:
    """Return what it would take to repeat an experiment, or that this is a repeat.

    Args:
        experiment: Name of the nearest experiment.
        cap: The best level that the inputs allow.
        details: What differs.
        recorded: Whether what is compared with it is an experiment too, not one that would run.
    """
    subject = "Its inputs are those" if recorded else "It is a repeat"
    unreal = "Its inputs would be those" if recorded else "It would be a repeat"
    counting = [detail for detail in details if detail.counts]
    if cap == "near":
        rest = "whatever else is equal" if counting else "though all that is captured is equal"
        return f"Since not all data are captured, it is never taken for a repeat, {rest}."
    if not details:
        return f"{subject} of {experiment}: nothing differs."
    if not counting:
        return f"{subject} of {experiment}: nothing that differs can change the result."
    shown = counting if len(counting) <= _NAMED else counting[: _NAMED - 1]
    conditions = [text for detail in shown if (text := _alone(detail))]
    alike = [_what(detail) for detail in shown if not _alone(detail)]
    if len(shown) < len(counting):
        alike.append(f"{len(counting) - len(shown)} more inputs")
    if alike:
        conditions.append(f"{_listed(alike)} were as in {experiment}")
    return f"{unreal} of {experiment} if {_listed(conditions)}."


def _alone(detail: Detail) -> str:
    """Return the condition of an input whose recorded value can be told, else nothing."""
    name, was = detail.name, detail.recorded
    if detail.input == "settings":
        if detail.change == "added":
            return f"`{name}` weren't set"
        article = f"the {_TYPES[type(was)]} " if detail.change == "type" and was is not None else ""
        return f"`{name}` were {article}{_spelled(was)}"
    if detail.input == "libraries" and detail.change != "sources":
        return f"{name} weren't there" if was is None else f"{name} were {_spelled(was)}"
    if detail.input == "command" and detail.name == "folder":
        return f"it ran in {was or 'the root of the repository'}"
    if detail.input in ("code", "data") and detail.change in ("added", "removed"):
        return f"{name} weren't there" if detail.change == "added" else f"{name} were there"
    return ""


def _what(detail: Detail) -> str:
    """Return what would have to be as it was."""
    if detail.input == "command":
        return f"the {detail.name}"
    if detail.input == "partition":
        return f"the {detail.name} part"
    if detail.change == "sources":
        return f"the sources of {detail.name}"
    names = [f"`{piece.name}`" for piece in detail.pieces]
    if not names or len(names) > _PIECES or detail.more:
        return detail.name
    return f"{_listed(names)} in {detail.name}"


def _spelled(value: Scalar) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = repr(value) if isinstance(value, float) else str(value) or '""'
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _listed(items: Sequence[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else "".join(items)
