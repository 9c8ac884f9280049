"""Messages: what was composed is what is parsed, and no value forges a trailer."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.experiment.message import (
    compose,
    compose_event,
    compose_join,
    compose_root,
    format_value,
    parse,
)
from gitml.inputs.manifest import COMPONENTS
from tests.experiment.making import make_record

FORGERY = "x\n\nGitml-Experiment: forged\nGitml-Fingerprint: sha256:forged\nGitml-Event: join"
hostile = st.one_of(
    st.text(),
    st.just(FORGERY),
    st.just("\u2028Gitml-Event: join"),
    st.just("\r\nGitml-Event: hide\r\n"),
    st.just("\x1b[2J\x0b\x0c\x1c\x85"),
    st.just("caf\udce9"),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), hostile, st.just(10**400))
mappings = st.dictionaries(hostile, scalars, max_size=12)


def test_the_subject_is_for_people_and_the_trailers_for_machines() -> None:
    record = make_record()
    message = compose(record)
    assert message.splitlines()[0] == "brave-otter: accuracy 0.98125 (lr 0.01, seed 1)"
    header = parse(message)
    assert header.kind == "experiment"
    assert header.trailers == {
        "Gitml-Experiment": "brave-otter",
        "Gitml-Fingerprint": record.fingerprint,
        "Gitml-Status": "completed",
        "Gitml-Lookup": record.lookup,
        "Gitml-Run": "20240101-abcdef",
        **{f"Gitml-{name.title()}": record.digests[name] for name in COMPONENTS},
    }


@settings(deadline=None)
@given(mappings, mappings, st.lists(hostile, max_size=5), st.lists(hostile, max_size=5))
def test_no_value_forges_a_trailer(
    metrics: dict[str, Any], params: dict[str, Any], argv: list[str], warnings: list[str]
) -> None:
    plain = make_record()
    record = make_record(
        metrics=metrics, params=params, argv=tuple(argv), warnings=tuple(warnings),
        primary=next(iter(metrics), ""),
    )  # fmt: skip
    message = compose(record)
    assert parse(message).trailers == parse(compose(plain)).trailers
    assert "\x1b" not in message
    assert "\0" not in message
    message.encode()


@given(hostile, hostile)
def test_not_even_a_name_that_was_never_checked_does(name: str, run: str) -> None:
    header = parse(compose(make_record(name=name, run=run)))
    assert header.kind == "experiment"
    assert header.trailers["Gitml-Status"] == "completed"
    assert "Gitml-Event" not in header.trailers


def test_a_failed_experiment_says_so_in_its_subject() -> None:
    message = compose(make_record(status="failed", exit_status=-9, metrics={}))
    assert message.startswith("brave-otter: failed with status -9")
    assert parse(message).trailers["Gitml-Status"] == "failed"


def test_without_metrics_the_subject_says_how_it_ended() -> None:
    assert compose(make_record(metrics={}, settings={})).startswith("brave-otter: completed\n")


def test_long_lists_and_values_are_cut() -> None:
    record = make_record(
        metrics={f"m{number}": "v" * 10_000 for number in range(1000)}, argv=("x" * 100_000,)
    )
    message = compose(record)
    assert "… and 992 more" in message
    assert len(message) < 5000


@given(
    st.sampled_from(["note", "tag", "hide", "rerun", "evaluation"]),
    hostile,
    st.dictionaries(st.text(), st.recursive(scalars, st.lists, max_leaves=5)),
)
@settings(deadline=None)
def test_an_event_is_parsed_as_it_was_composed(event: str, name: str, body: dict[str, Any]) -> None:
    message = compose_event(event, "1234abcd", name, body)
    header = parse(message)
    assert (header.kind, header.event) == ("event", event)
    assert header.trailers == {"Gitml-Event": event, "Gitml-About": "1234abcd"}
    assert header.body == json.loads(json.dumps(_spelled(body)))
    message.encode()


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    return [_spelled(item) for item in value] if isinstance(value, list) else value


def test_joins_and_roots_are_known() -> None:
    join = parse(compose_join("main"))
    assert (join.kind, join.event, join.body) == ("event", "join", {})
    assert parse(compose_root("main")).kind == "root"
    assert parse(compose_root("main")).trailers == {"Gitml-Study": "main"}


@pytest.mark.parametrize(
    "message",
    ["", "\n", "a plain commit\n", "subject\n\nbody\n\nSigned-off-by: x\n", FORGERY + "\n\nlast\n",
     "quoting:\n\nGitml-Experiment: x\n\nin the middle\n", "gitml-experiment: lower\n",
     "x\n\n Gitml-Experiment: indented\n"],
)  # fmt: skip
def test_other_commits_are_other(message: str) -> None:
    assert parse(message).kind == "other"


@pytest.mark.parametrize(
    "body", ["", "no json", "[1]", '{"a": ', "[" * 100_000, "1" * 10_000, '"text"', "{" * 5000]
)
def test_a_body_that_is_no_object_is_empty(body: str) -> None:
    header = parse(f"note: x\n\n{body}\n\nGitml-Event: note\nGitml-About: 12\n")
    assert header.event == "note"
    assert header.body == {}


def test_a_message_of_many_megabytes_is_parsed_by_its_end() -> None:
    message = "x" * 5_000_000 + "\n\nGitml-Experiment: name\n"
    assert parse(message).trailers == {"Gitml-Experiment": "name"}


@given(st.text())
def test_any_text_can_be_parsed(text: str) -> None:
    parse(text)


@given(scalars)
def test_any_value_is_shown_on_one_short_line(value: Any) -> None:
    shown = format_value(value)
    assert shown.isprintable()
    assert len(shown) <= 80


def test_values_are_shown_as_people_write_them() -> None:
    assert [format_value(value) for value in (True, None, 1, 0.1 + 0.2, math.nan, "a\nb")] == [
        "true", "null", "1", "0.3", "nan", "a?b",
    ]  # fmt: skip
