from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.errors import UsageError
from gitml.history.expression import And, Compare, In, Not, Or, Query, to_text
from gitml.history.fields import FIELDS, Name
from gitml.history.matching import matches
from gitml.history.ordering import parse_sort, sorted_rows
from gitml.history.query import parse_query
from gitml.history.rows import Row


def row(**changes: Any) -> Row:
    fields: dict[str, Any] = {
        "commit": "c" * 40,
        "experiment": "brave-otter",
        "study": "main",
        "status": "completed",
        "created": "2025-01-31T10:00:00Z",
        "started": 1738317600.0,
        "committed": 1738317660,
        "position": 3,
        "author": "Ann Author",
        "mail": "ann@example.org",
        "params": {"lr": 0.01, "optimizer.name": "adam", "flag": True, "none": None},
        "metrics": {"accuracy": 0.95, "val/loss": 0.3, "bad": "NaN", "huge": "Infinity"},
        "fingerprint": "sha256:f",
        "lookup": "sha256:l",
        "digests": {},
        "reusable": True,
    }
    return Row(**(fields | changes))


def holds(text: str, **changes: Any) -> bool:
    return matches(parse_query(text), row(**changes))


@pytest.mark.parametrize(
    "text",
    [
        "params.lr < 0.1 and metrics.accuracy > 0.9",
        "params.lr = 0.01",
        "params.lr == 1e-2",
        "0.001 < params.lr",
        "metrics.val/loss <= 0.3",
        "metrics.`val/loss` >= 0.3",
        'metrics."val/loss" != 0.4',
        "`metrics.val/loss` < 1",
        '"params.optimizer.name" = "adam"',
        "params.optimizer.name = adam",
        "params.optimizer.name in [sgd, 'adam']",
        "params.optimizer.name not in [sgd]",
        "params.optimizer.name ~ '^ad'",
        "status = completed",
        "study = main and not experiment = other",
        "name = brave-otter",
        "(status = failed or params.lr < 1) and params.flag = true",
        "params.missing = null",
        "params.none = null",
        "params.lr != null",
        "metrics.bad = NaN",
        "metrics.bad != 0.5",
        "metrics.huge = inf",
        "metrics.huge > 1e300",
        "created >= 2025-01-01",
        "created < 2026-01-01T00:00",
        "created != 2024-05-05",
        "author = 'Ann Author'",
        "author ~ Ann",
        "author = ann@example.org",
        "NOT status = failed AND TRUE = params.flag",
        "tag != bad",
        "tag = null",
        "commit ~ '^cc'",
    ],
)
def test_an_expression_that_is_true_matches(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "params.missing < 1",
        "params.missing != 1",
        "params.missing ~ 'a'",
        "params.none != 3",
        "params.none != null",
        "params.flag = 1",
        "params.flag > 0",
        "params.lr = '0.01'",
        "params.optimizer.name < 3",
        "metrics.bad < 1",
        "metrics.bad >= 1",
        "metrics.bad < NaN",
        "metrics.huge < inf",
        "params.lr in []",
        "created < 2025-01-01",
        "tag = good",
        "author != ann@example.org",
        "hidden = true",
    ],
)
def test_an_expression_that_is_not_true_does_not_match(text: str) -> None:
    assert not holds(text)


def test_arguments_of_the_command_are_found_without_their_prefix() -> None:
    assert holds("params.lr = 3", params={"args.lr": 3})
    assert holds("params.lr = 3", params={"args.lr": 4, "lr": 3})


def test_tags_and_notes_match_when_one_of_them_does() -> None:
    found = {"tags": ("good", "paper"), "notes": ("looks fine",)}
    assert holds("tag = paper and note ~ fine and tag in [x, good]", **found)
    assert not holds("tag != paper", **found)
    assert not holds("tag = null", **found)
    assert holds("tag != null", **found)


def test_numbers_beyond_floats_compare_exactly() -> None:
    big = 10**300
    assert holds(f"params.n = {big}", params={"n": big})
    assert not holds(f"params.n = {big + 1}", params={"n": big})
    assert not holds("params.n < 1e308", params={"n": 10**400})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 0),
        ("params.lr", 9),
        ("params.lr <", 11),
        ("params.lr < 1 metrics.x > 2", 14),
        ("params.lr < 1 and", 17),
        ("params.lr < params.x", 12),
        ("lr < 1", 0),
        ("statsu = failed", 0),
        ("params.lr in 3", 13),
        ("params.lr in [1", 15),
        ("params.lr in [1 2]", 16),
        ("(params.lr < 1", 14),
        ("params.lr < 1)", 13),
        ("params.lr ~ '('", 12),
        ("params.lr ~ 3", 12),
        ("status = 'open", 9),
        ("status = 3abc", 9),
        ("created > soon", 10),
        ("created > 2025-13-01", 10),
        ("created in [3]", 12),
        ("params.lr not 3", 14),
        ("and = 3", 0),
        ("= 3", 0),
        ("params.lr ; 3", 10),
        ("3 = 4", 4),
        ("__import__('os') = 1", 10),
    ],
)
def test_an_error_points_at_the_place(text: str, place: int) -> None:
    with pytest.raises(UsageError) as caught:
        parse_query(text)
    _, shown, caret = caught.value.message.split("\n")
    assert caret.index("^") - 2 == place
    assert shown[2:] == text


def test_an_error_in_a_long_expression_shows_the_part_around_it() -> None:
    text = " and ".join(["params.lr < 1"] * 50) + " and ! and " + "params.lr < 2"
    with pytest.raises(UsageError) as caught:
        parse_query(text)
    _, shown, caret = caught.value.message.split("\n")
    assert len(shown) < 70
    assert shown[caret.index("^")] == "!"


def test_an_error_hints_at_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        parse_query("statu = failed")
    assert "status" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        parse_query("lr < 1")
    assert "params.lr" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["(" * 5000, "not " * 5000 + "status = a", "params.a = " + "9" * 5000, "x" * 20_000],
)
def test_what_is_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_query(text)


def test_control_characters_do_not_reach_the_message() -> None:
    with pytest.raises(UsageError) as caught:
        parse_query("status = \x1b[31m\x07")
    assert "\x1b" not in caught.value.message


_keys = st.text(min_size=1, max_size=12)
_names = st.one_of(
    st.builds(Name, st.sampled_from(["params", "metrics"]), _keys),
    st.builds(Name, st.sampled_from([field for field in FIELDS if field != "created"])),
)
_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
)
_leaves: st.SearchStrategy[Query] = st.one_of(
    st.builds(Compare, _names, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), _values),
    st.builds(
        Compare, _names, st.just("~"), st.text(alphabet=string.ascii_letters + " '\"", max_size=8)
    ),
    st.builds(In, _names, st.lists(_values, max_size=3).map(tuple)),
)
_queries = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@given(_queries)
@settings(max_examples=300, deadline=None)
def test_the_text_of_a_query_parses_to_the_same_query(query: Query) -> None:
    assert repr(parse_query(to_text(query))) == repr(query)


_SIGNS = ["(", ")", "[", "]", ",", "=", "!=", "<", "~", "1", "1e5", "'a'", '"b', "`"]
_words = st.sampled_from(
    [*_SIGNS, "params.lr", "metrics.a", "status", "and", "or", "not", "in", "null", "nan"]
)


@given(st.one_of(st.text(max_size=60), st.lists(_words, max_size=12).map(" ".join)))
@settings(max_examples=500, deadline=None)
def test_no_text_gets_anything_but_a_query_or_a_usage_error(text: str) -> None:
    try:
        query = parse_query(text)
    except UsageError:
        return
    assert matches(query, row()) in (True, False)


@given(_queries)
@settings(max_examples=100, deadline=None)
def test_a_query_and_its_opposite_never_agree(query: Query) -> None:
    assert matches(query, row()) != matches(Not(query), row())


def test_sorting_puts_numbers_first_then_texts_then_nan_then_missing() -> None:
    values = [None, "NaN", "text", 0.5, 10**400, "-Infinity", 3, "zz"]
    rows = [row(experiment=str(value)[:9], metrics={"m": value}) for value in values]
    rows.append(row(experiment="missing", metrics={}))
    ascending = [r.experiment for r in sorted_rows(rows, parse_sort("metrics.m"))]
    assert ascending[:4] == ["-Infinity", "0.5", "3", str(10**400)[:9]]
    assert ascending[4:] == ["text", "zz", "NaN", "None", "missing"]
    descending = [r.experiment for r in sorted_rows(rows, parse_sort("-metrics.m"))]
    assert descending[:4] == ascending[:4][::-1]
    assert descending[4:] == ["zz", "text", "NaN", "None", "missing"]


def test_sorting_by_several_keys_keeps_the_order_of_equal_rows() -> None:
    rows = [
        row(experiment=str(n), params={"a": n % 2, "b": -n}, metrics={"m": 1}) for n in range(6)
    ]
    ordered = [r.experiment for r in sorted_rows(rows, parse_sort("params.a,-params.b,metrics.m"))]
    assert ordered == ["0", "2", "4", "1", "3", "5"]
    assert [r.experiment for r in sorted_rows(rows, parse_sort("-metrics.m"))] == list("012345")


def test_a_bare_sort_key_is_a_metric_or_a_setting() -> None:
    rows = [row(experiment=str(n), params={"lr": -n}, metrics={"accuracy": n}) for n in range(3)]
    for text in ("-accuracy", "lr"):
        assert [r.experiment for r in sorted_rows(rows, parse_sort(text))] == ["2", "1", "0"]


def test_a_sort_key_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UsageError):
        parse_sort("params")
    with pytest.raises(UsageError):
        sorted_rows([row(experiment="one")], parse_sort("-nonsense"))
