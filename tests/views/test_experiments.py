from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gitml.errors import UsageError
from gitml.history.rows import Row
from gitml.views import documents, table
from gitml.views.experiments import listed


def _before(minutes: int) -> str:
    """Return the time that many minutes (and half a minute) ago, asked when a test runs."""
    return (datetime.now(UTC) - timedelta(minutes=minutes, seconds=30)).isoformat()


def row(name: str, minutes: int, **changes: Any) -> Row:
    fields: dict[str, Any] = {
        "commit": "0123456789abcdef" + "0" * 24,
        "experiment": name,
        "study": "main",
        "status": "completed",
        "created": _before(minutes),
        "started": 0.0,
        "committed": 0,
        "position": 1,
        "author": "Ada",
        "mail": "ada@example.org",
        "params": {"lr": 0.1, "epochs": 3, "args.width": 64},
        "metrics": {"loss": 0.25, "accuracy": 0.9},
        "fingerprint": "sha256:00",
        "lookup": "sha256:11",
        "digests": {},
        "reusable": True,
    }
    return Row(**{**fields, **changes})


def shown(*rows: Row, width: int = 0, **options: Any) -> str:
    return table.text(listed(rows, **options).table, width=width).text


def test_the_primary_metric_comes_first_then_settings_that_differ() -> None:
    rows = (
        row("brave-otter", 3),
        row("calm-fox", 90, params={"lr": 0.01, "epochs": 3, "args.width": 64}),
    )
    found = listed(rows, primary="accuracy")
    assert table.text(found.table).text.splitlines() == [
        "experiment   created    accuracy  loss    lr",
        "-----------  ---------  --------  ----  ----",
        "brave-otter  3 min ago       0.9  0.25  0.1",
        "calm-fox     1 h ago         0.9  0.25  0.01",
    ]
    assert found.constant == "the same in all: epochs 3, width 64"


def test_values_that_look_alike_but_differ_are_told_apart() -> None:
    rows = (row("a", 1, params={"n": 1}), row("b", 2, params={"n": 1.0}))
    lines = shown(*rows).splitlines()
    assert lines[0].split()[-1] == "n"
    assert [line.split()[-1] for line in lines[2:]] == ["1", "1.0"]


def test_a_single_experiment_shows_all_of_its_settings() -> None:
    assert "width" in shown(row("a", 1)).splitlines()[0]


def test_studies_authors_tags_and_failures_show_only_where_they_say_something() -> None:
    plain = shown(row("a", 1), row("b", 2)).splitlines()[0]
    for title in ("study", "author", "tags", "status"):
        assert title not in plain
    mixed = shown(
        row("a", 1, study="sweep", author="Grace", tags=("good", "old")),
        row("b", 2, status="failed", metrics={}),
    )
    head = mixed.splitlines()[0]
    for title in ("study", "author", "tags", "status"):
        assert title in head
    assert "good, old" in mixed
    assert "failed" in mixed


def test_missing_and_unknown_values_are_shown_as_that() -> None:
    text = shown(
        row("a", 1, metrics={"loss": "NaN"}),
        row("b", 2, metrics={}),
        row("c", 3, metrics={}, params={}, complete=False),
        row("d", 4, params={"lr": None, "epochs": 3}),
    )
    assert "NaN" in text
    assert "–" in text
    assert "?" in text
    assert "null" in text


def test_columns_can_be_chosen_by_their_names() -> None:
    rows = (row("a", 1), row("b", 2))
    text = shown(*rows, columns=["metrics.loss", "width", "commit", "seconds"])
    assert text.splitlines()[0].split() == ["loss", "width", "commit", "took"]
    assert "0123456" in text


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        listed((row("a", 1),), columns=["accurcy"])
    assert "accuracy" in caught.value.hint


def test_a_hundred_metrics_fit_a_terminal() -> None:
    metrics = {f"metric_number_{number}": number / 7 for number in range(100)}
    found = listed([row("a", 1, metrics=metrics)], primary="metric_number_50")
    rendered = table.text(found.table, width=80)
    assert max(map(len, rendered.text.splitlines())) <= 80
    assert "_50" in rendered.text.splitlines()[0]
    assert len(rendered.dropped) > 90


def test_csv_has_every_setting_under_its_full_name() -> None:
    found = listed([row("a", 1), row("b", 2)], everything=True)
    head = table.csv(found.table).splitlines()[0].split(",")
    assert head == [
        *("experiment", "created", "metrics.loss", "metrics.accuracy"),
        *("params.lr", "params.epochs", "params.args.width"),
    ]


def test_the_document_has_the_keys_of_the_design() -> None:
    (document,) = documents.experiments([row("a", 1, metrics={"x": float("nan")})])
    assert list(document)[:8] == [
        *("experiment", "commit", "study", "status", "created", "params", "metrics"),
        "fingerprint",
    ]
    assert document["metrics"] == {"x": "NaN"}


def test_settings_stand_in_the_order_in_which_people_look_for_them() -> None:
    def params(number: int) -> dict[str, Any]:
        return {
            "args.out": f"runs/{number}",
            "seed": number,
            "epochs": number,
            "optimizer.learning_rate": number,
            "args.config": f"conf/{number}.yaml",
        }

    head = shown(row("a", 1, params=params(1)), row("b", 2, params=params(2))).splitlines()[0]
    assert head.split()[4:] == ["optimizer.learning_rate", "epochs", "seed", "out", "config"]


def test_no_two_columns_share_a_heading() -> None:
    rows = [
        row("a", 1, params={"lr": 1, "args.lr": 3, "loss": 5}),
        row("b", 2, params={"lr": 2, "args.lr": 4, "loss": 6}),
    ]
    assert shown(*rows).splitlines()[0].split() == [
        *("experiment", "created", "metrics.loss", "accuracy", "lr", "args.lr", "params.loss"),
    ]
    chosen = shown(*rows, columns=["lr", "args.lr"]).splitlines()[0]
    assert chosen.split() == ["lr", "args.lr"]
    same = listed([rows[0], row("c", 1, params=rows[0].params)])
    assert same.constant == "the same in all: lr 1, args.lr 3, loss 5"
