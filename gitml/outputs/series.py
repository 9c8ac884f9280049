"""Which files of a run belong together as one series: `epoch-01.pt`, `epoch-02.pt`, ….

A number counts as a step where the name says so (`epoch`, `step`, `checkpoint-500`), or where the
name is nothing else. Other numbers tell files apart that are no series: `fold-1.pt`, `resnet50.pt`.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import msgspec

from gitml.regex import lazy

_STEPS = (
    "global_step|global-step|globalstep|steps|step|iterations|iteration|iters|iter|it"
    "|checkpoint|ckpt|update|batch"
)
_EPOCHS = "epochs|epoch|ep|e"
_NAMED = lazy(
    rf"(?<![A-Za-z0-9])(?:(?P<epochs>{_EPOCHS})|(?P<steps>{_STEPS}))[-_=. ]?(?P<number>\d+)"
    r"(?![0-9A-Za-z]|\.[0-9])",
    re.IGNORECASE,
)
_VALUE = lazy(r"(?<=[=_-])-?[0-9]+\.[0-9]+(?:e[+-]?[0-9]+)?(?![0-9A-Za-z])", re.IGNORECASE)
_TRAILING = re.compile(r"(?P<name>.*[-_.])?(?P<number>[0-9]+)")
_PIECE_OF = re.compile(r"-[0-9]+-of-[0-9]+")


class Unit(msgspec.Struct, frozen=True):
    """One member of a series: a file, or a folder with everything in it.

    Attributes:
        path: Of the file or folder.
        series: The path with `*` for the numbers, the same for all members.
        step: The number that the name has as a step, or None.
        epoch: The number that it has as an epoch, or None.
    """

    path: str
    series: str
    step: int | None = None
    epoch: int | None = None


def unit_of(path: str, *, declared: bool = False) -> Unit | None:
    """Return which member of which series a file is; None where its name has no step.

    Args:
        path: With `/` between its parts.
        declared: Whether `gitml.yaml` has a glob pattern for it; then any number at the end of the
            name is its step.
    """
    parts = path.split("/")
    for depth in range(len(parts) - 1, -1, -1):
        found = _named(parts[depth])
        if found is not None:
            return _unit(parts, depth, *found)
    for depth in range(len(parts) - 1, -1, -1):
        plain = _trailing(parts[depth], last=depth == len(parts) - 1, any_number=declared)
        if plain is not None:
            return _unit(parts, depth, plain[0], plain[1], None)
    return None


def value_in_name(path: str, metric: str) -> float | None:
    """Return the value of a metric that is in a file's name (`epoch=3-valid_loss=0.21.ckpt`)."""
    name = path.rpartition("/")[2]
    start = r"(?<![A-Za-z0-9])(?<![A-Za-z]_)"  # `loss` is not in `valid_loss=0.2`
    value = r"[=_-](?P<value>-?[0-9]+(?:\.[0-9]+)?)(?![0-9])"
    found = re.search(start + re.escape(metric) + value, name)
    return float(found["value"]) if found else None


def _unit(parts: list[str], depth: int, pattern: str, step: int | None, epoch: int | None) -> Unit:
    return Unit("/".join(parts[: depth + 1]), "/".join([*parts[:depth], pattern]), step, epoch)


def _named(part: str) -> tuple[str, int | None, int | None] | None:
    """Return a part with its numbers replaced, its step and its epoch."""
    if _PIECE_OF.search(part):
        return None
    found = list(_NAMED.finditer(part))
    if not found:
        return None
    step = next((int(one["number"]) for one in found if one["steps"]), None)
    epoch = next((int(one["number"]) for one in found if one["epochs"]), None)
    pattern = part
    for one in reversed(found):
        pattern = pattern[: one.start("number")] + "*" + pattern[one.end("number") :]
    return _VALUE.sub("*", pattern), step, epoch


def _trailing(part: str, *, last: bool, any_number: bool) -> tuple[str, int] | None:
    suffix = "".join(PurePosixPath(part).suffixes[-1:]) if last else ""
    if suffix[1:].isdigit():
        suffix = ""
    found = _TRAILING.fullmatch(part.removesuffix(suffix))
    if found is None or _PIECE_OF.search(part):
        return None
    if not found["name"] or (last and any_number):
        return f"{found['name'] or ''}*{suffix}", int(found["number"])
    return None
