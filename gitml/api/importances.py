"""`gitml.log_importance`: which features a model relies on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from gitml.api.given import listed, scalar, unique, verb, warn
from gitml.api.made import named, write
from gitml.errors import ArtifactError
from gitml.inputs.examples import counted, shown
from gitml.values import to_json

_HINT = (
    "It is {feature: number}, (names, numbers), a pandas Series, or a fitted model of scikit-learn."
)


def log_importance(importance: Any, name: str = "importance", features: Any = None) -> Path:
    """Record how much a model relies on each feature.

        gitml.log_importance({"age": 0.61, "income": 0.27, "city": 0.12})
        gitml.log_importance((["age", "income", "city"], model.feature_importances_))

    In `gitml exp run` it becomes `.gitml/importance/<name>.json` of the experiment, one number a
    feature in the order given; elsewhere it is a file below `.gitml/outside/`. A second call with
    the same name replaces the first. Any unit will do: `gitml exp diff` compares ranks and shares.

    Args:
        importance: One of
            - a mapping of d features to numbers;
            - a pair (names, numbers) of two sequences of the length d, or a list of pairs;
            - a pandas Series, or a frame with one column, its index the names;
            - a fitted model with `feature_importances_`, or a linear one with `coef_` (of several
              outputs the mean size over them), as scikit-learn, XGBoost and LightGBM have them;
            - the result of `sklearn.inspection.permutation_importance`, or an array of d numbers,
              with `features`.
        name: Names the file; tells several importances of one run apart.
        features: (d,) Names of the features, where `importance` doesn't have them.

    Returns:
        Where it was written.

    Raises:
        ArtifactError: if there are no features or one is there twice, names and numbers differ in
            length, or something is no number. It is a ValueError, too.

    Warns:
        ArtifactWarning: if numbers are NaN or infinite. They are spelled `"NaN"`, `"Infinity"` and
            `"-Infinity"`, and count as 0 when importances are compared.
    """
    full = named(name, ".json")
    names, values = _pairs(importance, None if features is None else listed(features, "features"))
    if not names:
        raise ArtifactError("There are no features.", hint=_HINT)
    if len(names) != len(values):
        given = f"{counted(len(names), 'feature')} and {counted(len(values), 'number')}"
        raise ArtifactError(f"{given} were given, and every feature has one.")
    numbers = [_number(value, feature) for feature, value in zip(names, values, strict=True)]
    tree = dict(zip(unique(names, "features"), map(to_json, numbers), strict=True))
    odd = sum(not math.isfinite(number) for number in numbers)
    text = json.dumps(tree, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    def fill(file: BinaryIO) -> None:
        file.write(text.encode("utf-8", "backslashreplace"))

    path = write("importance", full, fill)
    if odd:
        said = f"{counted(odd, 'feature')} of {full} {verb(odd, 'has', 'have')}"
        warn(f"{said} an importance that is not finite.")
    return path


def _pairs(given: Any, features: list[Any] | None) -> tuple[list[Any], list[Any]]:
    """Return the names and the numbers."""
    if hasattr(given, "iloc") and len(getattr(given, "columns", ())) == 1:
        given = given.iloc[:, 0]
    known = _of_model(given)
    if known is not None:
        own, given = known
        features = own if features is None else features
    elif isinstance(given, Mapping):
        if "importances_mean" in given:
            given = given["importances_mean"]
        else:
            return list(given), list(given.values())
    elif features is None:
        found = _named(given)
        if found is not None:
            return found
    values = _flat(given)
    if features is None:
        raise ArtifactError(
            f"The importance is {shown(given)}, and its features have no names.",
            hint=f"{_HINT} Or give features=[names].",
        )
    return features, values


def _named(given: Any) -> tuple[list[Any], list[Any]] | None:
    """Return names and numbers of what has both; None for what has not."""
    if (
        hasattr(given, "index")
        and hasattr(given, "tolist")
        and callable(getattr(given, "items", None))
    ):
        return [_text(one) for one in given.index], given.tolist()
    if not isinstance(given, list | tuple):
        return None
    pairs = [one for one in given if isinstance(one, list | tuple) and len(one) == 2]
    if pairs and len(pairs) == len(given) and all(_is_pair(one) for one in pairs):
        return [one[0] for one in pairs], [one[1] for one in pairs]
    if len(given) == 2 and isinstance(given[0], Iterable) and not isinstance(given[0], str):
        return listed(given[0], "the names"), _flat(given[1])
    return None


def _is_pair(pair: Sequence[Any]) -> bool:
    return isinstance(pair[0], str) and not isinstance(pair[1], str)


def _of_model(given: Any) -> tuple[list[Any] | None, Any] | None:
    """Return the names (None where it has none) and the numbers of a fitted model."""
    for attribute in ("feature_importances_", "coef_"):
        values = getattr(given, attribute, None)
        if values is not None:
            break
    else:
        if callable(getattr(given, "fit", None)):
            raise ArtifactError(
                f"The {type(given).__name__} has no feature_importances_ and no coef_.",
                hint="Fit it first; of a pipeline, give the step that is the model.",
            )
        return None
    if attribute == "coef_":
        rows = listed(values, "coef_")
        if any(isinstance(row, list) and len(row) > 1 for row in rows):
            sums = [sum(map(abs, outputs)) for outputs in zip(*rows, strict=True)]
            values = rows[0] if len(rows) == 1 else [one / len(rows) for one in sums]
    for attribute in ("feature_names_in_", "feature_name_"):
        names = getattr(given, attribute, None)
        if names is not None:
            return listed(names, "features"), values
    return None, values


def _flat(values: Any) -> list[Any]:
    found = listed(values, "the importance")
    if found and all(isinstance(one, list) and len(one) == 1 for one in found):
        found = [one[0] for one in found]
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    return found


def _text(name: Any) -> str:
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _number(value: Any, feature: Any) -> float | int:
    plain = scalar(value)
    if plain is None:
        return math.nan
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        return plain
    raise ArtifactError(
        f"The importance of {shown(feature)} is {shown(value)}, and no number.", hint=_HINT
    )
