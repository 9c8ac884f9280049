"""`outputs.keep` applied to the weights and checkpoints of a run, and what is said about it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from gitml.config import Config
from gitml.config_keep import ranking
from gitml.outputs.artifact import Artifact
from gitml.outputs.history import HistoryLine
from gitml.outputs.patterns import specificity
from gitml.outputs.receipts import Receipt
from gitml.outputs.roles import role_of
from gitml.storage.durable import amount

if TYPE_CHECKING:
    from gitml.outputs.retention import Member

_SHOWN = 4
_PLAIN = ".safetensors"


class Series(msgspec.Struct, frozen=True):
    """Files that a run wrote step by step.

    Attributes:
        name: Their path with `*` for the step.
        members: Path of a file, or of the folder of a step → what is known of it.
        files: The same → its weights and checkpoints.
    """

    name: str
    members: dict[str, Member]
    files: dict[str, list[str]]


class Retained(msgspec.Struct, frozen=True):
    """Which weights and checkpoints are stored.

    Attributes:
        no_weights: Paths whose weights are not stored.
        no_checkpoint: Paths that are not stored as checkpoints.
        series: What the rules were applied to.
        warnings: Rules that could not be applied.
    """

    no_weights: frozenset[str] = frozenset()
    no_checkpoint: frozenset[str] = frozenset()
    series: tuple[Series, ...] = ()
    warnings: tuple[str, ...] = ()

    def drops(self, path: str) -> bool:
        """Whether nothing of a file is stored."""
        return path in self.no_weights and path in self.no_checkpoint


def retain(
    paths: Iterable[str],
    root: Path,
    prefix: str,
    config: Config,
    history: Sequence[HistoryLine],
    receipts: Mapping[str, Receipt],
) -> Retained:
    """Return what of a run's weights and checkpoints is stored.

    Args:
        paths: Files that the run wrote, and folders of `save_weights`, from the repository's root.
        root: Work tree that they lie in.
        prefix: The project's folder with a slash, or empty.
        config: Has the rules.
        history: The run's metrics over steps.
        receipts: Such a folder → what `save_weights` noted about it.
    """
    if not config.outputs.keep:
        return Retained()
    no_weights: set[str] = set()
    no_checkpoint: set[str] = set()
    warnings: list[str] = []
    found = _series(paths, root, prefix, config, receipts)
    for series in found:
        weights = _dropped(series, "weights", config, history, warnings)
        checkpoints = _dropped(series, "checkpoints", config, history, warnings)
        for member, files in series.files.items():
            # A pickle may turn out to be either, or both: one rule alone is meant for both.
            certain = {path for path in files if path in receipts or path.endswith(_PLAIN)}
            for path in files:
                one, other = weights, checkpoints
                if path not in certain:
                    one = checkpoints if weights is None else weights
                    other = weights if checkpoints is None else checkpoints
                if one is not None and member in one:
                    no_weights.add(path)
                if other is not None and member in other:
                    no_checkpoint.add(path)
    return Retained(frozenset(no_weights), frozenset(no_checkpoint), tuple(found), tuple(warnings))


def left_out(
    retained: Retained, paths: Iterable[str], artifacts: Iterable[Artifact], *, isolated: bool
) -> tuple[tuple[str, ...], list[str]]:
    """Return the files of which nothing was stored, and a sentence about each series.

    Args:
        retained: What was to be stored.
        paths: All files that the run wrote.
        artifacts: What was.
        isolated: Whether the work tree of the run is about to be removed.
    """
    roles: dict[str, set[str]] = {}
    for item in artifacts:
        roles.setdefault(item.source or item.path, set()).add(item.role)
    ruled_out = retained.no_weights | retained.no_checkpoint
    unstored: set[str] = set()
    sentences = []
    for series in retained.series:
        by_role: dict[str, list[str]] = {"weights": [], "checkpoint": []}
        left = []
        for unit in sorted(series.members):
            stored = set[str]().union(*(roles.get(path, ()) for path in series.files[unit]))
            for role in stored & by_role.keys():
                by_role[role].append(unit.rpartition("/")[2])
            gone = {path for path in series.files[unit] if path not in roles} & ruled_out
            if gone and not stored:
                left.append(unit)
            unstored |= gone
        if left:
            size = amount(sum(series.members[unit].size for unit in left))
            where = "gone with its isolated work tree" if isolated else "left on disk"
            sentences.append(
                f"{len(left)} of {len(series.members)} {series.name} ({size}) are not stored but "
                f"{where}, as outputs.keep says; stored: {_stored(by_role)}."
            )
    folders = tuple(f"{path}/" for path in unstored)
    files = (path for path in paths if path in unstored or path.startswith(folders))
    return tuple(sorted(files)), sentences


def _dropped(
    series: Series,
    role: Literal["weights", "checkpoints"],
    config: Config,
    history: Sequence[HistoryLine],
    warnings: list[str],
) -> set[str] | None:
    """Return the members that the rule of a role leaves out; None where it has no rule."""
    rule = getattr(config.outputs.keep, role)
    if rule is None:
        return None
    from gitml.outputs.retention import choose

    metric, goal = ranking(rule, config.metrics)
    choice = choose(list(series.members.values()), rule, history, metric, goal)
    if choice.why_not:
        warnings.append(
            f"outputs.keep.{role} could not be applied to {series.name}, so all "
            f"{len(series.members)} are stored: {choice.why_not}."
        )
    return series.members.keys() - choice.kept


def _stored(by_role: Mapping[str, list[str]]) -> str:
    said = []
    for role, members in (("weights", by_role["weights"]), ("checkpoint", by_role["checkpoint"])):
        if members:
            more = f" and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
            said.append(f"{role} of {', '.join(members[-_SHOWN:])}{more}")
    return "; ".join(said) or "none"


def _series(
    paths: Iterable[str],
    root: Path,
    prefix: str,
    config: Config,
    receipts: Mapping[str, Receipt],
) -> list[Series]:
    from gitml.outputs.retention import Member
    from gitml.outputs.series import unit_of

    outputs = config.outputs
    globs = [name for name in (*outputs.weights, *outputs.checkpoints) if set("*?[") & set(name)]
    found: dict[str, Series] = {}
    for path in paths:
        inside = path.removeprefix(prefix)
        if path not in receipts and role_of(inside, outputs) not in ("weights", "checkpoint"):
            continue
        unit = unit_of(path, declared=any(specificity(pattern, inside) for pattern in globs))
        if unit is None:
            continue
        series = found.setdefault(unit.series, Series(unit.series, {}, {}))
        series.files.setdefault(unit.path, []).append(path)
        before = series.members.get(unit.path, Member(unit, 0, 0))
        series.members[unit.path] = _with(before, root / path, receipts.get(path))
    return [found[name] for name in sorted(found)]


def _with(member: Member, path: Path, receipt: Receipt | None) -> Member:
    """Return a member with one more file."""
    if receipt is None:
        state = os.stat(path)
        time, size = max(member.time, state.st_mtime_ns), member.size + state.st_size
        return msgspec.structs.replace(member, time=time, size=size)
    return msgspec.structs.replace(
        member,
        time=max(member.time, receipt.time),
        size=member.size + sum(file.size for file in receipt.files),
        step=member.step if receipt.step is None else receipt.step,
        metrics={**member.metrics, **receipt.metrics},
    )
