"""`gitml.log_explanations`: how much each feature contributed to the prediction of each example."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from gitml.api.cells import CsvFile, spelled
from gitml.api.given import check_lengths, example_ids, listed, shape_of, unique, verb, warn
from gitml.api.made import forget, named, write
from gitml.api.matrices import Matrix
from gitml.api.npz import Array, numbers, texts, write_npz
from gitml.api.repeats import first_rows
from gitml.errors import ArtifactError
from gitml.inputs.examples import counted

# About 1 MB of text.
_MOST_IN_CSV = 50_000


def log_explanations(
    ids: Any,
    values: Any,
    features: Any = None,
    base_values: Any = None,
    name: str = "explanations",
) -> Path:
    """Record attributions: how much each feature contributed to the prediction of each example.

        gitml.log_explanations(ids, IntegratedGradients(model).attribute(x, target=1), names)
        gitml.log_explanations(ids, shap.Explainer(model)(x))

    In `gitml exp run` they become `.gitml/explanations/<name>.csv` of the experiment (`id`, then
    one column a feature); more than 50,000 numbers become `<name>.npz` with the arrays `ids`,
    `values` and `features` (no pickles), which goes through DVC. Elsewhere it is a file below
    `.gitml/outside/`. A second call with the same name replaces the first. Every process of a
    distributed run may log its own examples.

    Args:
        ids: (n,) Text or integers that name each example for ever (`7` and `"7"` are one id).
        values: (n, d) Attributions: an array, a tensor of captum, rows of numbers, or an
            `Explanation` of shap, which brings features and base values along. Arrays of more
            dimensions (n, …), such as those of images, are flattened to d = the product of the
            others; their shape is in the names of the columns (`0.27.13`), or in the array
            `shape` of the `.npz` file.
        features: (d,) Names of the features. For (n, d, k), with one attribution for each of k
            outputs, (d,) too: columns are then named `<feature>.<output>`.
        base_values: What the attributions of an example start from: one number, (n,), (n, k), or
                (k,) where values are (n, d, k).
            They are the array `base_values` of the `.npz` file; beside a CSV file they become the
            table `<name>.base_values.csv`.
        name: Tells several explanations of one run apart.

    Returns:
        Where it was written.

    Raises:
        ArtifactError: if there is not one row an id, rows differ in shape, features don't fit or
            have a name twice, an id is missing or there with two different rows (one that repeats
            another is left out), or `name` can't name a file. It is a ValueError, too.

    Warns:
        ArtifactWarning: if attributions are NaN or infinite: such examples are not compared.
    """
    full = named(name, ".csv")  # before anything is made
    stem = full[: -len(".csv")].removesuffix(".npz")
    identifiers = example_ids(ids)
    given = _given(values, features, base_values)
    matrix = Matrix(_alone(given.values), "values")
    check_lengths(identifiers, {"values": range(len(matrix))})
    columns = None if given.features is None else _columns(given, matrix)
    rows = first_rows(identifiers, _sameness(matrix), "two different explanations")
    bases = None if given.base_values is None else _bases(given.base_values, matrix)
    table = _Table(identifiers, matrix, columns, bases, rows)
    if len(matrix) * matrix.width > _MOST_IN_CSV:
        path = write("explanations", f"{stem}.npz", table.fill_npz)
        forget("explanations", f"{stem}.csv")
    else:
        path = write("explanations", f"{stem}.csv", table.fill_csv)
        forget("explanations", f"{stem}.npz")
    if bases is not None and path.suffix == ".csv":
        write("tables", f"{stem}.base_values.csv", table.fill_bases)
    else:
        forget("tables", f"{stem}.base_values.csv")
    odd = matrix.not_finite()
    if odd:
        said = f"{counted(odd, 'example')} of {path.name} {verb(odd, 'has', 'have')}"
        warn(f"{said} attributions that are not finite.")
    return path


class _Table(NamedTuple):
    """What is written; `rows` are those to write (None: all)."""

    ids: list[str]
    matrix: Matrix
    columns: list[str] | None
    bases: Matrix | None
    rows: Sequence[int] | None

    def fill_csv(self, file: BinaryIO) -> None:
        columns = self.columns or _places(self.matrix.shape[1:])
        text = CsvFile(file, ["id", *columns])
        text.write(self._spelled(self.matrix))
        text.finish()

    def fill_bases(self, file: BinaryIO) -> None:
        assert self.bases is not None
        several = self.bases.width > 1
        names = [f"base_value.{k}" if several else "base_value" for k in range(self.bases.width)]
        text = CsvFile(file, ["id", *names])
        text.write(self._spelled(self.bases))
        text.finish()

    def fill_npz(self, file: BinaryIO) -> None:
        kept = self.ids if self.rows is None else [self.ids[row] for row in self.rows]
        width = self.matrix.width
        arrays: dict[str, Array] = {"ids": texts(kept)}
        arrays["values"] = numbers(
            self.matrix.kind, (len(kept), width), self.matrix.blocks(self.rows)
        )
        if self.columns is not None:
            arrays["features"] = texts(self.columns)
        inner = self.matrix.shape[1:]
        if len(inner) > 1:
            data = b"".join(length.to_bytes(8, sys.byteorder) for length in inner)
            arrays["shape"] = numbers("i8", (len(inner),), [data])
        if self.bases is not None:
            shape = (len(kept), self.bases.width)
            arrays["base_values"] = numbers(self.bases.kind, shape, self.bases.blocks(self.rows))
        write_npz(file, arrays)

    def _spelled(self, matrix: Matrix) -> Iterator[list[str]]:
        for row in range(len(self.ids)) if self.rows is None else self.rows:
            yield [self.ids[row], *spelled(matrix.row(row), matrix.style)]


class _Given(NamedTuple):
    """What was handed over; an `Explanation` of shap taken apart."""

    values: Any
    features: Any
    base_values: Any
    outputs: Any = None  # their names


def _given(values: Any, features: Any, base_values: Any) -> _Given:
    if hasattr(values, "base_values") and hasattr(values, "feature_names"):  # shap
        return _Given(
            values.values,
            values.feature_names if features is None else features,
            values.base_values if base_values is None else base_values,
            getattr(values, "output_names", None),
        )
    if hasattr(values, "iloc") and features is None:
        features = list(values.columns)
    return _Given(values, features, base_values)


def _alone(values: Any) -> Any:
    """Return the attributions of the only input of a model.

    captum has them in a tuple, of each input, or beside the error of each example (n,).
    """
    if not isinstance(values, tuple) or not values or len(shape_of(values[0]) or ()) < 2:
        return values
    inputs = sum(len(shape_of(one) or ()) > 1 for one in values)
    if inputs > 1:
        raise ArtifactError(
            f"values are the attributions of {inputs} inputs of a model.",
            hint="Log each with a name of its own: gitml.log_explanations(…, name='image').",
        )
    return values[0]


def _columns(given: _Given, matrix: Matrix) -> list[str]:
    inner, outputs = matrix.shape[1:], given.outputs
    features = [str(feature) for feature in listed(given.features, "features")]
    names = features
    if len(inner) == 2 and len(names) == inner[0] != matrix.width:
        known = [str(one) for one in outputs] if isinstance(outputs, list | tuple) else []
        ends = known if len(known) == inner[1] else [str(k) for k in range(inner[1])]
        names = [f"{feature}.{end}" for feature, end in product(names, ends)]
    if len(names) != matrix.width:
        raise ArtifactError(
            f"There are {counted(len(features), 'feature')} and values of the shape "
            f"{matrix.shape}.",
            hint="features has one name a column: values of the shape (n, d) and d names.",
        )
    if "id" in names:
        raise ArtifactError("A feature is named id, as the column of the ids.", hint="Rename it.")
    return unique(names, "features")


def _places(inner: tuple[int, ...]) -> list[str]:
    """Return a name for each number of a row: where it is in an array of the shape `inner`."""
    return [".".join(map(str, place)) for place in product(*map(range, inner))]


def _bases(values: Any, matrix: Matrix) -> Matrix:
    examples, outputs = len(matrix), matrix.shape[2] if len(matrix.shape) == 3 else 0
    shape = shape_of(values)
    plain = listed(values, "base_values") if shape != () and hasattr(values, "__iter__") else values
    if not isinstance(plain, list) or (
        len(plain) == outputs != examples and not any(isinstance(one, list) for one in plain)
    ):
        plain = [plain] * examples
    if len(plain) != examples:
        raise ArtifactError(f"There are {counted(examples, 'id')} and {len(plain):,} base_values.")
    return Matrix([one if isinstance(one, list | tuple) else [one] for one in plain], "base_values")


def _sameness(matrix: Matrix) -> Any:
    def same(one: int, other: int) -> bool:
        pairs = zip(matrix.row(one), matrix.row(other), strict=True)
        # The last batch of another process is summed in another order.
        return all(
            a == b or (a != a and b != b) or abs(a - b) <= 1e-4 * max(abs(a), abs(b), 1e-6)
            for a, b in pairs
        )

    return same
