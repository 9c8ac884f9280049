"""Two experiments side by side, made by hand, with every kind of content."""

from __future__ import annotations

from typing import Any

from gitml.comparison.result import (
    Code,
    Compared,
    Comparison,
    Data,
    Fact,
    Library,
    Metric,
    Output,
    Part,
    Repeated,
    Setting,
    Verdict,
)
from tests.views.report.held import contents
from tests.views.report.names import Name, plain


def comparison(name: Name = plain, **changes: Any) -> Comparison:
    """Return two experiments with everything that a report can show."""
    fields: dict[str, Any] = {
        "experiments": (
            Compared(
                name("brave-otter"),
                "a1" * 20,
                name("main"),
                "completed",
                "2026-03-04T05:06:07Z",
                name("Ada"),
                63.2,
            ),
            Compared(
                name("calm-fox"),
                "b2" * 20,
                name("main"),
                "completed",
                "2026-03-05T05:06:07Z",
                name("Grace"),
                71.9,
            ),
        ),
        "comparable": True,
        "level": "near",
        "notes": (name("brave-otter is the champion of main."),),
        "metrics": metrics(name),
        "params": (
            Setting(name("train.lr"), (0.01, 0.003), (False, False), True, False),
            Setting(name("model.dropout"), (0.2, 0.35), (False, False), True, False),
            Setting(name("schedule"), ("cosine", name("one-cycle")), (False, False), True, False),
            Setting(name("seed"), (1, 2), (False, False), True, True),
        ),
        "libraries": (Library(name("torch"), ("2.10.0", "2.13.0"), "minor", True),),
        "data": (
            Data(
                name("data"),
                ("d" * 32, "e" * 32),
                "changed",
                (1_200_000, 1_300_000),
                (30, 31),
                ("dvc", "dvc"),
            ),
        ),
        "code": (
            Code(name("train.py"), "modified", 12, 4, ("c" * 40, "d" * 40), True),
            Code(name("notes/readme.md"), "modified", 2, 0, ("c" * 40, "d" * 40), False),
        ),
        "command": (
            Fact("argv", (name("python train.py"), name("python train.py --amp")), (False, False)),
        ),
        "partition": (Part(name("valid"), (360, 361), ("f" * 64, "0" * 64), "changed"),),
        "environment": (Fact(name("gpu"), ("A100", "H100"), (False, False)),),
        "artifacts": (
            Output(
                name("model.safetensors"),
                "weights",
                "changed",
                ("1" * 32, "2" * 32),
                (155_000, 155_000),
            ),
        ),
        "verdict": verdict(name),
        "contents": contents(name),
    }
    return Comparison(**(fields | changes))


def verdict(name: Name = plain, **changes: Any) -> Verdict:
    fields: dict[str, Any] = {
        "kind": "better",
        "sentence": name(
            "calm-fox is better: accuracy is 0.0062 higher in calm-fox (95 % interval 0.0021 to "
            "0.0103; 5 against 5 runs, Welch t)."
        ),
        "metric": name("accuracy"),
        "goal": "max",
        "min_effect": 0.001,
        "means": (0.9812, 0.9874),
        "deviations": (0.0024, 0.0021),
        "runs": (5, 5),
        "difference": 0.0062,
        "interval": (0.0021, 0.0103),
        "confidence": 0.95,
    }
    return Verdict(**(fields | changes))


def metrics(name: Name = plain) -> tuple[Metric, ...]:
    rows = (
        ("accuracy", "max", 0.9812, 0.9874, 0.0023, (0.0021, 0.0103), None, True),
        ("loss", "min", 0.0731, 0.0612, 0.004, (-0.0178, -0.006), 0.004, True),
        ("valid_accuracy", "max", 0.979, 0.9785, 0.003, (-0.0048, 0.0038), 0.79, None),
        ("seconds_per_epoch", "min", 4.1, 4.6, 0.2, (0.21, 0.79), 0.02, False),
    )
    found = []
    for place, (title, goal, a, b, deviation, interval, p, better) in enumerate(rows):
        repeated = Repeated(
            (a, b), (deviation, deviation), (5, 5), (0, 0), b - a, interval, 0.95, 0, p, better
        )
        found.append(
            Metric(
                name(title),
                (a, b),
                (False, False),
                b - a,
                better,
                goal,
                not place,
                (None, b - a),
                1,
                repeated,
            )
        )
    single = Metric(
        name("best_epoch"), (12, "NaN"), (False, False), None, None, "", False, (None, None), None
    )
    return (*found, single)
