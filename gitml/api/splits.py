"""`gitml.log_split` and `gitml.hash_split`: saying which examples are in which part, and choosing.

Training scripts use this, so it imports nothing that isn't in the standard library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from gitml.api.place import run_folder
from gitml.errors import PartitionError, PartitionWarning
from gitml.inputs.examples import id_text, id_texts, listed, shown
from gitml.inputs.split import Split, SplitPart, make_split
from gitml.values import Scalar

_WHOLE = 1 << 64

Id = TypeVar("Id")


class LoggedSplit(NamedTuple):
    """What `log_split` made of a split.

    Attributes:
        parts: Part → `size`, `digest` (over the sorted ids), and the digests `groups` and
            `content`, empty where those weren't given.
        warnings: What is allowed and most likely not meant.
        recorded: Whether it was written down for the experiment; false outside of
            `gitml exp run`.
    """

    parts: dict[str, SplitPart]
    warnings: tuple[str, ...] = ()
    recorded: bool = False

    @property
    def sizes(self) -> dict[str, int]:
        """Part → number of examples."""
        return {part: about.size for part, about in self.parts.items()}

    @property
    def digests(self) -> dict[str, str]:
        """Part → digest over its ids; equal for the same ids in any order."""
        return {part: about.digest for part, about in self.parts.items()}


def log_split(
    *,
    train: Iterable[Any] | None = None,
    valid: Iterable[Any] | None = None,
    test: Iterable[Any] | None = None,
    groups: Any = None,
    content: Any = None,
    time: Any = None,
    method: str = "",
    seed: Any = None,
    name: str = "",
    **other_parts: Iterable[Any] | None,
) -> LoggedSplit:
    """Record which examples are in train, validation and test.

        gitml.log_split(train=train_ids, valid=valid_ids, test=test_ids)

    Ids are text or integers (`7` and `"7"` are one id) that name an example for ever: a file
    name or a row's key rather than its position. Order and repetitions don't matter.

    `groups`, `content` and `time` say something about each example, either as
    `{"train": [values in the order of the ids], …}` or as `{id: value}`.

    In `gitml exp run` the split becomes part of the experiment, so that `gitml exp diff` knows
    whether two metrics may be compared. Elsewhere it is only checked. Every process of a
    distributed run may log the whole split; it is recorded once.

    Args:
        train: Ids of the training examples.
        valid: Ids of the validation examples.
        test: Ids of the test examples.
        groups: What belongs together and may not be in two parts: a patient, a scene, a writer.
            None stands for an example of its own.
        content: What an example holds: text, bytes, or a hash of them. Finds the same example
            under two ids, and another one under an old id.
        time: When an example is from: numbers, dates, or ISO 8601 text.
        method: How the split was made, such as `sklearn.train_test_split`; only recorded.
        seed: The seed that it was made with; only recorded.
        name: Tells several splits of one run apart (`fold0`); its parts are `fold0/train`, ….
        other_parts: Ids of parts with other names; None for a part that there isn't.

    Returns:
        Sizes, digests and warnings.

    Raises:
        PartitionError: if an id or a group is in two parts, a part is empty, something is no id,
            or another split was logged under this name. It is a ValueError, too.

    Warns:
        PartitionWarning: if parts share content, or a test example is older than the newest
            training example.
    """
    given = {"train": train, "valid": valid, "test": test, **other_parts}
    present = {part: ids for part, ids in given.items() if ids is not None}
    for part in present:
        _check_name(part, "part")
    split = make_split(present, groups, content, time)
    if name:
        _check_name(name, "split")
        split = _named(split, name)
    _warn(split.warnings)
    run = run_folder()
    if run is not None:
        from gitml.inputs.split_file import write_split

        write_split(run, name, split, str(method), _seed(seed))
    return LoggedSplit(split.parts, split.warnings, run is not None)


def hash_split(
    ids: Iterable[Id],
    test: float = 0.2,
    valid: float = 0.0,
    salt: str = "v1",
    groups: Mapping[Any, Any] | Iterable[Any] | None = None,
) -> dict[str, list[Id]]:
    r"""Split examples by a hash of their ids, so that each keeps its part when data grows.

        parts = gitml.hash_split(ids, test=0.2, valid=0.1)
        gitml.log_split(**parts)

    A seeded random split of data that grew puts most old test examples into training, so that
    metrics before and after can't be compared. Here the part depends on the id alone. A larger
    `test` only moves examples from train to test, and a larger `valid` only from train to valid.

    The place of an example in [0, 1) is the 64-bit BLAKE2b hash (big-endian) of
    `<salt>\0<group or id>` in UTF-8, divided by 2**64. The test part is below `test`, the
    validation part is at or above `1 - valid`.

    Args:
        ids: Text or integers; `7` and `"7"` are one id.
        test: Fraction of the test part, in [0, 1].
        valid: Fraction of the validation part, in [0, 1].
        salt: Another text gives another split.
        groups: What must stay together, as values in the order of the ids or as `{id: group}`.
            All of a group go to one part, so fractions are of groups. None stands for an example
            of its own.

    Returns:
        `train`, `valid` and `test` → ids as they were given, in their order; a part with the
        fraction 0 is left out.

    Raises:
        PartitionError: if the fractions make no sense, or something is no id.
    """
    _check_fractions(test, valid)
    given = listed(ids, "ids")
    texts = id_texts(given, "ids")
    keys = texts if groups is None else _group_keys(groups, texts)
    below, above = round(test * _WHOLE), _WHOLE - round(valid * _WHOLE)
    parts: dict[str, list[Id]] = {"train": [], "valid": [], "test": []}
    train, held, tested = parts["train"], parts["valid"], parts["test"]
    prefix = salt.encode("utf-8", "surrogatepass") + b"\0"
    for one, key in zip(given, keys, strict=True):
        data = prefix + key.encode("utf-8", "surrogatepass")
        place = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
        (tested if place < below else held if place >= above else train).append(one)
    empty = {"train": test + valid >= 1, "valid": not valid, "test": not test}
    return {part: members for part, members in parts.items() if not empty[part]}


def _group_keys(groups: Any, texts: list[str]) -> list[str]:
    """Return the group of each id, or the id where it has none."""
    if isinstance(groups, Mapping) or hasattr(groups, "items"):
        known = {id_text(key, "groups"): value for key, value in groups.items()}
        found = [known.get(text) for text in texts]
    else:
        found = listed(groups, "groups")
        if len(found) != len(texts):
            raise PartitionError(
                f"groups has {len(found):,} values for {len(texts):,} ids.",
                hint="It is the groups in the order of the ids, or {id: group}.",
            )
    return [
        text if group is None or group != group else id_text(group, "groups")
        for text, group in zip(texts, found, strict=True)
    ]


def _check_fractions(test: float, valid: float) -> None:
    for what, fraction in (("test", test), ("valid", valid)):
        if not 0 <= fraction <= 1:
            raise PartitionError(
                f"{what} is {fraction!r}, and not a fraction between 0 and 1.",
                hint="gitml.hash_split(ids, test=0.2, valid=0.1)",
            )
    if test + valid > 1:
        raise PartitionError(f"test and valid are more than everything: {test} + {valid}.")


def _check_name(name: str, what: str) -> None:
    odd = not name.isprintable() or name != name.strip() or not name
    if odd or (what == "part" and "/" in name) or name.startswith("/") or name.endswith("/"):
        raise PartitionError(
            f"{shown(name)} can't name a {what}.",
            hint="Names are printable; a slash stands between the name of a split and its part.",
        )


def _named(split: Split, name: str) -> Split:
    return Split(
        ids={f"{name}/{part}": ids for part, ids in split.ids.items()},
        groups={f"{name}/{part}": of for part, of in split.groups.items()},
        parts={f"{name}/{part}": about for part, about in split.parts.items()},
        warnings=tuple(f"{name}: {sentence}" for sentence in split.warnings),
    )


def _seed(seed: Any) -> Scalar:
    """Return a seed as JSON has it: the integers of other libraries are integers."""
    if isinstance(seed, Scalar):
        return seed
    try:
        return int(seed.__index__())
    except (AttributeError, TypeError, ValueError):
        return str(seed)[:200]


def _warn(sentences: Iterable[str]) -> None:
    import warnings

    for sentence in sentences:
        warnings.warn(sentence, PartitionWarning, stacklevel=3)
