"""Outputs in folders that are named after the run are compared with their likes."""

from __future__ import annotations

from typing import Any

from gitml.comparison.data import compare_artifacts
from gitml.experiment.record import Record
from gitml.outputs.artifact import Artifact
from tests.experiment.making import make_record


def made(*outputs: tuple[str, str, str]) -> Record:
    found = tuple(Artifact(path, role, "git", digest, 1) for path, role, digest in outputs)
    return make_record(artifacts=found)


def rows(*records: Record) -> list[tuple[Any, ...]]:
    found = compare_artifacts(records, everything=False)
    return [(row.path, row.change, row.values, row.paths) for row in found]


def test_folders_that_are_named_after_the_time_are_paired() -> None:
    one = made(
        ("out/2026-01-01/12-00-00/model.pt", "weights", "a"),
        ("out/2026-01-01/12-00-00/a/log.txt", "log", "b"),
        ("out/2026-01-01/12-00-00/b/log.txt", "log", "c"),
        ("report.txt", "other", "d"),
    )
    other = made(
        ("out/2026-01-02/13-11-59/model.pt", "weights", "z"),
        ("out/2026-01-02/13-11-59/a/log.txt", "log", "b"),
        ("out/2026-01-02/13-11-59/b/log.txt", "log", "y"),
        ("report.txt", "other", "x"),
    )
    paths = [tuple(item.path for item in side.artifacts) for side in (one, other)]
    assert rows(one, other) == [
        (paths[1][2], "changed", ("c", "y"), (paths[0][2], paths[1][2])),
        (paths[1][0], "changed", ("a", "z"), (paths[0][0], paths[1][0])),
        ("report.txt", "changed", ("d", "x"), ()),
    ]


def test_folders_that_are_named_after_the_run_are_paired() -> None:
    one = made(("runs/otter/model.pt", "weights", "a"))
    other = made(("runs/fox/model.pt", "weights", "b"))
    third = made(("runs/wren/model.pt", "weights", "a"))
    ((path, change, found, paths),) = rows(one, other, third)
    assert (path, change, found) == ("runs/wren/model.pt", "differs", ("a", "b", "a"))
    assert paths == ("runs/otter/model.pt", "runs/fox/model.pt", "runs/wren/model.pt")


def test_what_is_not_plainly_the_same_output_stays_apart() -> None:
    for paths in (
        ("a/model.pt", "a/b/model.pt"),
        ("a/x/model.pt", "b/y/model.pt"),
        ("a/model.pt", "b/other.pt"),
    ):
        one, other = (made((path, "weights", path)) for path in paths)
        assert [row[1] for row in rows(one, other)].count("changed") == 0, paths
    one, other = made(("a/x.csv", "plot", "1")), made(("b/x.csv", "predictions", "1"))
    assert {row[1] for row in rows(one, other)} == {"added", "removed"}
    two = made(("r1/x.pt", "weights", "1"), ("r2/x.pt", "weights", "2"))
    assert {row[1] for row in rows(two, made(("r3/x.pt", "weights", "1")))} == {"added", "removed"}
