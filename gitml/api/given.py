"""What scripts hand over, as plain Python values: arrays, tensors, columns and lists of them.

No library is imported: arrays of numpy, torch, pandas, polars, pyarrow, JAX and TensorFlow are
known by their methods.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitml.api.doubts import distance
from gitml.errors import ArtifactError, ArtifactWarning, PartitionError
from gitml.inputs.examples import counted, id_texts, shown

_PLAIN = frozenset({str, int, float, bool, type(None)})
_MISSING = ("NAType", "NaTType")
_FEWER_DIGITS = {"float32": "%.9g", "float16": "%.5g", "bfloat16": "%.4g"}


def listed(values: Any, what: str) -> list[Any]:
    """Return values as a list of plain Python values, or of lists of them.

    Args:
        values: An array, tensor, column of a data frame, list, set or generator.
        what: Their name, for errors.

    Raises:
        ArtifactError: if they can't be gone through.
    """
    plain = None if isinstance(values, str | bytes | Mapping) else _plain(on_cpu(values))
    if not isinstance(plain, list):
        raise ArtifactError(
            f"{what} is {shown(values)} ({type(values).__name__}), and no list of values."
        )
    return [item if type(item) in _PLAIN else scalar(item) for item in plain]


def column(values: Any, what: str, hint: str = "") -> list[Any]:
    """Return one plain value an example; arrays of the shape (n, 1) are taken, too.

    Raises:
        ArtifactError: if there are several values an example, or they can't be gone through.
    """
    found = listed(values, what)
    if not any(isinstance(item, list | tuple) for item in found):
        return found
    widths = {len(item) if isinstance(item, list | tuple) else -1 for item in found}
    if widths == {1}:
        return column([item[0] for item in found], what, hint)
    said = (
        "one value for some examples and several for others"
        if -1 in widths
        else (f"{max(widths)} values an example")
    )
    raise ArtifactError(f"{what} has {said}, and needs one.", hint=hint)


def scalar(value: Any) -> Any:
    """Return a value of any library as a plain one; None for the missing values of pandas."""
    if type(value) in _PLAIN:
        return value
    if type(value).__name__ in _MISSING:
        return None
    for kind in (str, int, float):
        if isinstance(value, kind) and not isinstance(value, bool):
            return getattr(kind, f"__{kind.__name__}__")(value)
    found = _plain(on_cpu(value)) if not isinstance(value, Sequence | Mapping) else value
    return found if found is not None else value


def on_cpu(values: Any) -> Any:
    """Return a tensor without its graph, in main memory and dense; anything else as it is."""
    for method in ("detach", "cpu", "to_dense", "toarray"):  # the last one is scipy's
        call = getattr(values, method, None)
        values = call() if callable(call) else values
    return values


def shape_of(values: Any) -> tuple[int, ...] | None:
    """Return the shape of an array; None for what has none."""
    try:
        return tuple(int(length) for length in values.shape)
    except (AttributeError, TypeError, ValueError):
        return None


def float_format(values: Any) -> str:
    """Return a `%` format for the floats of an array, which reads back as the same numbers.

    Empty where `repr` is needed, as for all floats of 64 bits.
    """
    return _FEWER_DIGITS.get(str(getattr(values, "dtype", "")).lower().rpartition(".")[2], "")


def example_ids(ids: Any) -> list[str]:
    """Return ids of examples as text: `7` and `"7"` are one id.

    Raises:
        ArtifactError: if there are none, one is missing (None, NaN, empty), is neither text nor
            an integer, or has a line break.
    """
    found = column(ids, "ids", "Ids are text or integers, one an example.")
    if not found:
        raise ArtifactError("There are no examples: ids is empty.")
    lost = [row for row, one in enumerate(found) if one is None or one == "" or one != one]
    if lost:
        raise ArtifactError(
            f"{len(lost):,} of {counted(len(found), 'id')} {verb(len(lost), 'is', 'are')} "
            f"missing (None, NaN or empty), first in row {lost[0]:,} (from 0).",
            hint="Examples are joined by their ids: give every one a name that stays.",
        )
    if set(map(type, found)) == {int}:
        return list(map(str, found))
    try:
        return id_texts(found, "ids")
    except PartitionError as error:
        raise ArtifactError(error.message, hint=error.hint) from error


def check_lengths(ids: Sequence[Any], columns: Mapping[str, Sequence[Any] | None]) -> None:
    """Make sure that every column has one value an id.

    Raises:
        ArtifactError: if one hasn't; it has both lengths.
    """
    for name, values in columns.items():
        if values is not None and len(values) != len(ids):
            raise ArtifactError(
                f"There are {counted(len(ids), 'id')} and {len(values):,} of {name}.",
                hint="Every column needs one value an example, in the order of the ids.",
            )


def unique(names: Iterable[Any], what: str) -> list[str]:
    """Return names as text.

    Raises:
        ArtifactError: if one is there twice, is empty, or has a line break.
    """
    found = [str(name) for name in names]
    if len(set(found)) < len(found):
        twice = next(name for place, name in enumerate(found) if name in found[:place])
        raise ArtifactError(f"{what} has {shown(twice)} twice.", hint="Names tell columns apart.")
    odd = next((name for name in found if not name or "\n" in name or "\r" in name), None)
    if odd is not None:
        raise ArtifactError(f"{what} has {shown(odd)}, which can't name anything.")
    return found


def verb(number: int, one: str, several: str) -> str:
    """Return the form of a verb that goes with so many things."""
    return one if number == 1 else several


def warn(sentence: str) -> None:
    """Warn of what is most likely not meant, at the line of the script that logged it."""
    warnings.warn(sentence, ArtifactWarning, stacklevel=distance())


def _plain(values: Any) -> Any:
    for method in ("tolist", "to_list", "to_pylist"):
        call = getattr(values, method, None)
        if callable(call):
            # Element by element, a tensor takes a hundred times as long.
            return call()
    for method in ("numpy", "to_numpy"):
        call = getattr(values, method, None)
        if callable(call):
            return call().tolist()
    try:
        return list(values)
    except Exception:  # whatever the library raises for what has no elements
        return None
