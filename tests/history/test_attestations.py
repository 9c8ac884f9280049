"""Attestations are bounded, and what is malformed is passed over."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gitml.experiment.message import compose_event, parse
from gitml.history.attestations import Attested, Statement, body_of, from_events, read_statement
from gitml.history.rows import Event

NAN = float("nan")


def event(body: object, kind: str = "rerun") -> Event:
    return Event("c" * 40, kind, "a" * 40, "Ada", "ada@example.org", 1, body)  # type: ignore[arg-type]


def test_a_statement_comes_back_from_its_commit_message() -> None:
    statement = Statement(
        "not reproduced",
        tolerance=1e-6,
        python="3.11.7",
        differing=(Attested("metric", "a", 0.5, "NaN", True), Attested("input", "b", None, 3)),
        compared={"weights": 1},
    )
    message = compose_event("rerun", "a" * 40, "otter", body_of(statement))
    assert read_statement(parse(message).body) == statement


def test_only_whole_statements_of_reruns_count() -> None:
    good = body_of(Statement("reproduced"))
    found = from_events(
        [
            event(good),
            event(good, "note"),
            event({}),
            event({"verdict": "perfect"}),
            event({**good, "differing": "all"}),
            event({**good, "later": {"field": 1}}),
            event({**good, "tolerance": "low"}),
        ]
    )
    assert [item.statement.verdict for item in found] == ["reproduced", "reproduced"]
    assert found[0].author == "Ada"


def test_a_body_is_bounded() -> None:
    differing = tuple(Attested("input", "n" * 9_000, "x" * 9_000, 1) for _ in range(500))
    statement = Statement("not reproduced", differing=differing, first="f" * 9_000)
    body = body_of(statement)
    assert len(json.dumps(body)) < 30_000
    assert body["more"] == 475


@given(
    st.dictionaries(
        st.sampled_from(
            ["verdict", "tolerance", "differing", "gpu", "seconds", "compared", "more"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.just("reproduced"),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_no_body_is_a_traceback(body: dict[str, object]) -> None:
    statement = read_statement(body)
    assert statement is None or statement.verdict == "reproduced"
