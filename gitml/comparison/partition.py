"""Whether metrics were measured on the same examples, and who was trained on whose test examples.

Digests say whether two parts are the same; the ids, where they are here, say what they share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from gitml.experiment.record import Record
from gitml.inputs.examples import Parts, place_of, purpose_of
from gitml.inputs.folding import folded_alike
from gitml.inputs.manifest import Manifest, PartInput

# Number of a side → the ids of its parts, or None when they aren't here.
Lookup = Callable[[int], Parts | None]

_SHOWN = 3
_POSITION = re.compile(r"-?[0-9]+")


def not_here(side: int) -> None:
    """The look-up of somebody who has no ids."""


def comparability(
    records: Sequence[Record], titles: Sequence[str] = (), lookup: Lookup = not_here
) -> tuple[bool, list[str]]:
    """Return whether metrics were measured on the same data, and sentences about it.

    Known test parts decide; without any, all parts that aren't for training; and where no
    partition is known on some side, all data must be the same.

    Args:
        records: The experiments; all are compared with the first.
        titles: Their names.
        lookup: The ids of the parts of each.
    """
    sides = [record.inputs.partition.parts for record in records]
    names = sorted({name for side in sides for name in side}, key=place_of)
    trained, held, tested = (
        [name for name in names if purpose_of(name) == purpose]
        for purpose in ("train", "other", "test")
    )
    if not all(sides) or not (tested or held):
        return _by_data(records)
    view = _View(sides, titles or [record.name for record in records], lookup)
    decisive = view.differences(tested or held)
    said = [f"Not comparable: {_list(decisive)}."] if decisive else []
    beside = view.differences(held) if tested else []
    if beside:
        said.append(f"{_capital(_list(beside))}, so metrics on them can't be compared.")
    train = view.differences(trained)
    if train:
        said.append(f"{_capital(_list(train))}.")
    if decisive or beside or train:
        said += _unknown(view) + _leaks(records, view)
    return not decisive, said


def leaked(tested: Parts, trained: Parts, *, by_split: bool = True) -> tuple[set[str], int]:
    """Return the test ids of one partition that another trains on, and the number of test ids.

    Args:
        tested: Whose test parts.
        trained: Whose training parts.
        by_split: Hold the test part of a split (the fold of a cross-validation) against the
            training part of the split of the same name, where there is one in both.
    """
    tests, trains = _by_split(tested, "test"), _by_split(trained, "train")
    common = tests.keys() & trains.keys()
    if by_split and common:
        shared = {one for name in common for one in tests[name] & trains[name]}
    else:
        everything: set[str] = set().union(*trains.values())
        shared = {one for ids in tests.values() for one in ids & everything}
    return shared, len(set().union(*tests.values()))


def same_examples(one: Record | Manifest, other: Record | Manifest, ids: Iterable[str]) -> bool:
    """Whether equal ids of two experiments mean the same examples.

    Names do. Integers may be positions, so they do where the experiments have an input of data in
    common, by name or content, or where the data of one isn't known.
    """
    if not all(map(_POSITION.fullmatch, ids)):
        return True
    data, more = (_manifest(side).data for side in (one, other))
    if not data or not more:
        return True
    contents = {item.digest for item in data.values() if item.digest}
    return not data.keys().isdisjoint(more) or any(
        item.digest in contents for item in more.values()
    )


class _View(NamedTuple):
    """The sides of a comparison.

    Attributes:
        sides: The parts of each.
        titles: Their names.
        lookup: The ids of each.
    """

    sides: Sequence[Mapping[str, PartInput]]
    titles: Sequence[str]
    lookup: Lookup

    def differences(self, names: Sequence[str]) -> list[str]:
        """Return how each side's parts of these names differ from the first one's."""
        return [
            self._difference(name, number)
            for number in range(1, len(self.sides))
            for name in names
            if not _same(self.sides[0].get(name), self.sides[number].get(name))
        ]

    def _difference(self, name: str, number: int) -> str:
        one, other = self.sides[0].get(name), self.sides[number].get(name)
        titles = self.titles[0], self.titles[number]
        if one is None or other is None:
            return f"only {titles[one is None]} has a {name} part"
        several = f" of {titles[0]} and {titles[1]}" if len(self.sides) > 2 else ""
        if one.digest == other.digest:
            return f"the {name} parts{several} have the same ids with other content"
        ids = self.lookup(0), self.lookup(number)
        if ids[0] is None or ids[1] is None:
            return f"the {name} parts{several} differ"
        shared = len(set(ids[0][name]) & set(ids[1][name]))
        if one.count == other.count:
            return f"the {name} parts{several} share {shared:,} of {one.count:,} ids"
        return (
            f"the {name} parts share {shared:,} ids, of {one.count:,} in {titles[0]} and "
            f"{other.count:,} in {titles[1]}"
        )


def _same(one: PartInput | None, other: PartInput | None) -> bool:
    """Whether metrics on two parts can be compared; unknown content is taken as equal."""
    if one is None or other is None:
        return one is other
    known = one.content and other.content
    return one.digest == other.digest and (not known or one.content == other.content)


def _unknown(view: _View) -> list[str]:
    names = [title for number, title in enumerate(view.titles) if view.lookup(number) is None]
    if view.lookup is not_here or not names:
        return []
    return [
        f"The ids of {' and '.join(names)} are not on this machine, so what is shared is unknown."
    ]


def _leaks(records: Sequence[Record], view: _View) -> list[str]:
    """Return who was trained on the test examples of whom, each pair with the first."""
    said = []
    pairs = [pair for number in range(1, len(records)) for pair in ((0, number), (number, 0))]
    for one, other in pairs:
        tested, trained = view.lookup(one), view.lookup(other)
        if tested is None or trained is None:
            continue
        shared, count = leaked(tested, trained)
        if shared and same_examples(records[one], records[other], shared):
            said.append(
                f"{len(shared):,} of the {count:,} test examples of {view.titles[one]} were "
                f"trained on by {view.titles[other]}."
            )
    return said


def _by_split(parts: Parts, purpose: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, ids in parts.items():
        if purpose_of(name) == purpose:
            found.setdefault(name.rpartition("/")[0], set()).update(ids)
    return found


def _by_data(records: Sequence[Record]) -> tuple[bool, list[str]]:
    contents = {
        tuple(sorted((item.kind, item.digest) for item in side.values()))
        for side in folded_alike([record.inputs.data for record in records])
    }
    if len(contents) > 1:
        return False, ["Not comparable: the data differ, and which part is for testing is unknown."]
    return True, []


def _manifest(one: Record | Manifest) -> Manifest:
    return one if isinstance(one, Manifest) else one.inputs


def _list(phrases: Sequence[str]) -> str:
    more = len(phrases) - _SHOWN
    return ", ".join(phrases[:_SHOWN]) + (f", and {more} more differ" if more > 0 else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
