"""A split as a training script made it: checked, with sizes and digests of its parts.

Training scripts use this, so it imports nothing that isn't in the standard library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gitml.errors import PartitionError
from gitml.inputs.examples import (
    counted,
    id_text,
    id_texts,
    ids_digest,
    listed,
    overlaps,
    place_of,
    purpose_of,
    shown,
    some,
)

# Part → id → what is known about the example.
Facts = dict[str, dict[str, Any]]

_SHAPES = "It is {part: values in the order of its ids}, or {id: value}."
_LONGEST = 64


class SplitPart(NamedTuple):
    """One part of a split.

    Attributes:
        size: Number of examples.
        digest: Over the sorted ids.
        groups: Digest over the sorted groups, or empty.
        content: Digest over the sorted pairs of id and content, or empty.
    """

    size: int
    digest: str
    groups: str = ""
    content: str = ""


class Split(NamedTuple):
    """A checked split.

    Attributes:
        ids: Part → its ids, sorted, each of them once.
        groups: Part → id → group; empty where there are none.
        parts: Part → size and digests.
        warnings: Sentences about what is allowed and most likely not meant.
    """

    ids: dict[str, list[str]]
    groups: dict[str, dict[str, str]]
    parts: dict[str, SplitPart]
    warnings: tuple[str, ...]


def make_split(
    given: Mapping[str, Iterable[Any]],
    groups: Any = None,
    content: Any = None,
    time: Any = None,
) -> Split:
    """Return a split, checked.

    Args:
        given: Part → ids, in any order and with repetitions.
        groups: What belongs together (a patient, a scene): `{part: values in the order of its
            ids}` or `{id: value}`; text or integers, None for an example of its own.
        content: What an example holds (its text, bytes, or a hash of them), in the same shapes.
        time: When an example is from (numbers, dates, or ISO 8601 text), in the same shapes.

    Raises:
        PartitionError: if a part is empty, an id or a group is in two parts, or a shape is wrong.
    """
    texts = {part: id_texts(values, part) for part, values in given.items()}
    _refuse_nothing(texts)
    for one, other, shared in overlaps(texts):
        raise _overlap(one, other, shared, "id")
    group_of = _facts(groups, texts, "groups", _group)
    members = {part: set(of.values()) for part, of in group_of.items()}
    for one, other, shared in overlaps(members):
        raise _overlap(one, other, shared, "group")
    content_of = _facts(content, texts, "content", _content)
    times = _facts(time, texts, "time", _time)
    ids = {part: sorted(set(texts[part])) for part in sorted(texts, key=place_of)}
    parts = {
        part: SplitPart(
            size=len(known),
            digest=ids_digest(known),
            groups=ids_digest(members[part]) if members.get(part) else "",
            content=_content_digest(known, content_of.get(part, {})),
        )
        for part, known in ids.items()
    }
    warnings = (*_duplicates(content_of), *_inversions(times))
    return Split(ids, group_of, parts, warnings)


def _refuse_nothing(texts: Mapping[str, list[str]]) -> None:
    if not texts:
        raise PartitionError(
            "A split needs at least one part.",
            hint="Such as gitml.log_split(train=train_ids, test=test_ids).",
        )
    for part, ids in texts.items():
        if not ids:
            raise PartitionError(
                f"The part {part} is empty.", hint="Leave out a part that has no examples."
            )


def _overlap(one: str, other: str, shared: list[str], what: str) -> PartitionError:
    return PartitionError(
        f"{counted(len(shared), what)} in both {one} and {other}: {some(shared)}.",
        hint="An example that was trained on can't test; put each into one part."
        if what == "id"
        else "Examples of one group are alike; put all of a group into one part, as "
        "gitml.hash_split(ids, groups=…) does.",
    )


def _facts(
    given: Any, texts: Mapping[str, list[str]], what: str, read: Callable[[Any, str], Any]
) -> Facts:
    """Return part → id → value, None and NaN left out, from either of the two shapes."""
    if given is None:
        return {}
    known = _mapping(given, what)
    if known and all(part in texts and _is_series(values) for part, values in known.items()):
        pairs = {part: _aligned(known[part], texts[part], part, what) for part in known}
    else:
        pairs = _by_id(known, texts, what)
    found: Facts = {}
    for part, values in pairs.items():
        of = found[part] = dict[str, Any]()
        for identifier, value in values:
            if value is None or value is not value or _is_nan(value):
                continue
            value = read(value, what)
            if of.setdefault(identifier, value) != value:
                raise PartitionError(f"{what} has two values for the id {shown(identifier)}.")
    return found


def _mapping(given: Any, what: str) -> dict[Any, Any]:
    if isinstance(given, Mapping) or hasattr(given, "items"):
        return dict(given.items())
    raise PartitionError(f"{what} is a {type(given).__name__}.", hint=_SHAPES)


def _is_series(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | bytes | bytearray)


def _aligned(values: Any, ids: list[str], part: str, what: str) -> Iterable[tuple[str, Any]]:
    # Rows of an array stay arrays, whose bytes are their content.
    series = list(values) if what == "content" else listed(values, f"{what} of {part}")
    if len(series) != len(ids):
        raise PartitionError(
            f"{what} has {counted(len(series), 'value')} for the {counted(len(ids), 'id')} "
            f"of {part}.",
            hint=_SHAPES,
        )
    return zip(ids, series, strict=True)


def _by_id(
    known: dict[Any, Any], texts: Mapping[str, list[str]], what: str
) -> dict[str, Iterable[tuple[str, Any]]]:
    values = {id_text(key, what): value for key, value in known.items()}
    for part, ids in texts.items():
        missing = sorted({identifier for identifier in ids if identifier not in values})
        if missing:
            raise PartitionError(
                f"{what} has no value for {counted(len(missing), 'id')} of {part}: "
                f"{some(missing)}.",
                hint=f"{_SHAPES} None stands for a value that isn't known.",
            )
    return {part: [(one, values[one]) for one in dict.fromkeys(ids)] for part, ids in texts.items()}


def _is_nan(value: Any) -> bool:
    """Whether a value isn't known: NaN and NaT are the ones that aren't equal to themselves."""
    try:
        return bool(value != value)
    except (TypeError, ValueError, RuntimeError):  # a row of an array
        return False


def _group(value: Any, what: str) -> str:
    text = id_text(value, what)
    if "\n" in text or "\r" in text:
        raise PartitionError(f"{what} has {shown(text)}, with a line break.")
    return text


def _content(value: Any, what: str) -> str:
    """Return what stands for the content of an example: the text itself if it is short."""
    if isinstance(value, str):
        if len(value) <= _LONGEST and "\n" not in value:
            return str.__str__(value)
        return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    if isinstance(value, bool | int | float):
        return repr(value)
    if hasattr(value, "tobytes"):
        value = value.tobytes()
    if isinstance(value, bytes | bytearray):
        return hashlib.sha256(value).hexdigest()
    raise PartitionError(
        f"{what} has a {type(value).__name__}, which can't be compared.",
        hint="Pass text, bytes, or a hash of what the example holds.",
    )


def _content_digest(ids: Iterable[str], content: Mapping[str, str]) -> str:
    """Return a digest over pairs, so that examples that swap their contents are noticed."""
    if not content:
        return ""
    text = "\n".join(f"{one}\n{content[one]}" for one in ids if one in content)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _time(value: Any, what: str) -> Any:
    if not isinstance(value, str):
        return value
    from datetime import datetime

    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise PartitionError(
            f"{what} has {shown(value)}, which is no ISO 8601 time.",
            hint="Such as 2024-05-31 or 2024-05-31T12:00:00Z; numbers and dates work, too.",
        ) from error


def _duplicates(content: Facts) -> list[str]:
    """Return a sentence for every two parts that hold examples with the same content."""
    known = sorted(content, key=place_of)
    found = []
    for position, one in enumerate(known):
        there = set(content[one].values())
        for other in known[position + 1 :]:
            twins = sorted(name for name, value in content[other].items() if value in there)
            if twins:
                verb = "has" if len(twins) == 1 else "have"
                found.append(
                    f"{counted(len(twins), 'example')} of {other} {verb} the same content as "
                    f"examples of {one}: {some(twins)}."
                )
    return found


def _inversions(times: Facts) -> list[str]:
    """Return a sentence for every testing part with examples from before the end of training."""
    trained = [
        moment for part in times if purpose_of(part) == "train" for moment in times[part].values()
    ]
    found = []
    try:
        for part, moments in times.items():
            if not trained or purpose_of(part) != "test":
                continue
            newest = max(trained)
            early = sorted(name for name, moment in moments.items() if moment < newest)
            if early:
                verb = "is" if len(early) == 1 else "are"
                found.append(
                    f"{counted(len(early), 'example')} of {part} {verb} older than the newest "
                    f"training example ({newest}): {some(early)}."
                )
    except TypeError as error:
        raise PartitionError(
            f"The times can't be compared with each other: {error}.",
            hint="Pass numbers only, or dates that all have a time zone, or none.",
        ) from error
    return found
