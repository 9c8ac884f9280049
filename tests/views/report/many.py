"""Many experiments: a search for good settings."""

from __future__ import annotations

import math
import random

from gitml.history.rows import Goals, Row
from gitml.operations.report import Best, Overview, Points
from gitml.values import Scalar
from tests.views.report.names import Name, plain


def rows(count: int, name: Name = plain) -> tuple[Row, ...]:
    """Return experiments that search for good settings, oldest first."""
    order = random.Random(count)
    found = []
    for number in range(count):
        lr = 10 ** order.uniform(-4, -0.5)
        dropout, width = order.choice([0.0, 0.1, 0.2, 0.4]), order.choice([16, 32, 64, 128])
        optimizer = order.choice(["adamw", "sgd", "lion"])
        good = 0.99 - 0.03 * abs(math.log10(lr) + 2.2) - 0.02 * dropout - 0.2 / width
        accuracy = good + order.gauss(0, 0.004) + (0.004 if optimizer == "adamw" else 0)
        metrics: dict[str, Scalar] = {
            name("accuracy"): accuracy,
            name("loss"): "NaN" if number % 97 == 5 else 2 * (1 - accuracy) + order.random() * 0.01,
            name("seconds_per_epoch"): width / 20 + order.random(),
        }
        params: dict[str, Scalar] = {
            name("train.lr"): lr,
            name("train.optimizer"): name(optimizer),
            name("model.dropout"): dropout,
            name("model.width"): width,
            name("train.batch_size"): order.choice([32, 64, 128, 256]),
            name("seed"): order.randrange(3),
            name("data.augment"): order.choice([True, False]),
            name("epochs"): 15,
        }
        if number % 11 == 3:
            del params[name("model.dropout")]
        found.append(
            Row(
                commit=f"{number:040x}", experiment=name(f"brave-otter-{number}"),
                study=name("main") if number % 3 else name("wide"),
                status="completed" if number % 41 != 7 else "failed",
                created=f"2026-0{1 + number % 9}-11T10:{number % 60:02}:00Z",
                started=1.767e9 + number * 5_000, committed=1_767_000_000 + number * 5_000,
                position=number, author=name("Ada"), mail="ada@example.org", params=params,
                metrics=metrics, fingerprint="", lookup="", digests={}, reusable=True,
                seconds=60.0 + number % 50, primary="accuracy",
                tags=(name("keep"),) if number % 53 == 1 else (),
            )
        )  # fmt: skip
    return tuple(found)


def overview(count: int = 60, name: Name = plain, points: int = 24) -> Overview:
    """Return many experiments with their curves."""
    order = random.Random(7)
    found = rows(count, name)
    curves = {}
    for row in found:
        rate = order.uniform(0.05, 0.2)
        steps = tuple(float(step) for step in range(points))
        curves[row.commit] = {
            name("accuracy"): Points(steps, tuple(0.98 - math.exp(-rate * step) for step in steps)),
            name("valid_loss"): Points(steps, tuple(math.exp(-rate * step) for step in steps)),
        }
    primary = next(iter(found[0].metrics)) if found else "accuracy"
    best = max(found, key=lambda row: row.metrics.get(primary, 0.0), default=None)  # type: ignore[type-var]
    return Overview(
        studies=(Best(name("main"), count, best), Best(name("wide"), count // 3, None)),
        rows=found, total=count, where="", goals=Goals(primary, {primary: "max"}), curves=curves,
        problems=(name("The branch exp/odd can't be read."),),
    )  # fmt: skip
