"""Values: one canonical form for each, and none that two different values share."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.values import as_number, canonical, digest, flatten, to_json

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(trees)
def test_the_canonical_form_is_strict_json_of_plain_ascii_and_its_own_canonical_form(
    value: Any,
) -> None:
    data = canonical(value)
    assert data.isascii()
    assert b"\n" not in data

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    again = json.loads(data, parse_constant=refuse)
    assert canonical(again) == data


@given(st.dictionaries(st.text(), scalars))
def test_order_does_not_matter(mapping: dict[str, Any]) -> None:
    assert digest(mapping) == digest(dict(reversed(mapping.items())))


@given(scalars, scalars)
def test_different_values_have_different_forms(one: Any, other: Any) -> None:
    same = type(one) is type(other) and (one == other or (one != one and other != other))
    if isinstance(one, float) and isinstance(other, float) and one == other == 0:
        return
    spelled = {"NaN", "Infinity", "-Infinity"} & {to_json(one), to_json(other)}
    if not spelled:
        assert (canonical(one) == canonical(other)) == same


def test_spelling_of_a_number_does_not_matter_and_its_type_does() -> None:
    assert canonical(1e-3) == canonical(0.001)
    assert len({canonical(value) for value in (1, 1.0, True, "1", None)}) == 5
    assert canonical({"b": 1, "a": (1, 2)}) == b'{"a":[1,2],"b":1}'
    assert canonical({"x", "a"}) == b'["a","x"]'
    assert canonical("caf\udce9 ü") == b'"caf\\udce9 \\u00fc"'


def test_a_digest_stays_what_it_is_for_ever() -> None:
    assert digest({"lr": 0.1, "layers": [8, 4], "name": "ü", "nan": math.nan}) == (
        "sha256:3010b19b906461c2c405638088ed4da7cec6ceeb3d368b37f4d5ce88a4b7e5f4"
    )


@given(st.floats())
def test_a_number_that_is_not_finite_is_spelled_and_read_again(value: float) -> None:
    spelled = to_json(value)
    json.dumps(spelled, allow_nan=False)
    number = as_number(spelled)
    assert number is not None
    assert number == value or (math.isnan(number) and math.isnan(value))


def test_what_is_no_number_is_none() -> None:
    assert [as_number(value) for value in (True, None, "1", "nan", "")] == [None] * 5
    assert as_number(3) == 3


def test_flattening_names_everything_by_its_way() -> None:
    tree = {
        "optimizer": {"lr": 0.1, "betas": [0.9, 0.99]},
        "empty": {},
        "none": None,
        1: "number as a key",
        "nothing": [],
        "date": math,
    }
    flat = flatten(tree)
    assert flat.pop("date") == str(math)
    assert flat == {
        "optimizer.lr": 0.1,
        "optimizer.betas.0": 0.9,
        "optimizer.betas.1": 0.99,
        "empty": "{}",
        "none": None,
        "1": "number as a key",
        "nothing": "[]",
    }
    assert flatten({}) == {}
    assert flatten(5, "x") == {"x": 5}


names = st.from_regex(r"[a-z]{1,5}", fullmatch=True)


@given(
    st.recursive(
        scalars, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=4), max_leaves=10
    )
)
def test_flattening_loses_no_value(tree: Any) -> None:
    def leaves(value: Any) -> int:
        return sum(leaves(item) for item in value.values()) if isinstance(value, dict) else 1

    assert len(flatten(tree, "top")) == leaves(tree)
