"""Comparisons to be shown in reports: made by hand, with every kind of content."""

from __future__ import annotations

import json
import math
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

from gitml.comparison.contents import (
    BlockChange,
    ComparedExplanations,
    ComparedImportances,
    ComparedPredictions,
    Contents,
    Curve,
    HistoryComparison,
    Picture,
    PixelDifference,
    PlotComparison,
    TensorChange,
    WeightsComparison,
)
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
from gitml.comparison.statistics.attributions import Attributions, compare_attributions
from gitml.comparison.statistics.joined import Predictions
from gitml.comparison.statistics.predictions import compare_predictions
from gitml.comparison.statistics.rankings import compare_rankings
from gitml.history.rows import Goals, Row
from gitml.operations.report import Best, Overview, Points
from gitml.values import Scalar

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    '"><svg/onload=alert(2)>',
    "a\u2028b\u2029c\u202ed\x00\x1b[31m",
    "'`${alert(3)}`\\",
    "\ud800 lone",
    "javascript:alert(4)//" + "x" * 3_000,
)

Name = Callable[[str], str]


def plain(name: str) -> str:
    return name


def hostile(seed: int = 0) -> Name:
    """Return what puts one of the hostile texts before a name; the same one each time."""
    return lambda name: f"{HOSTILE[(sum(name.encode()) + seed) % len(HOSTILE)]}{name}"


def png(width: int, height: int, shade: Callable[[int, int], int]) -> bytes:
    """Return a grey PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        sealed = kind + body
        return struct.pack(">I", len(body)) + sealed + struct.pack(">I", zlib.crc32(sealed))

    rows = b"".join(
        b"\0" + bytes(max(0, min(255, shade(x, y))) for x in range(width)) for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


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


def contents(name: Name = plain) -> Contents:
    return Contents(
        weights=(weights(name),),
        histories=histories(name),
        plots=plots(name),
        predictions=(predictions(name),),
        importances=(importances(name),),
        explanations=(explanations(name),),
        missing=(name("brave-otter: model/checkpoint.pt"),),
        notes=(name("The checkpoint was not compared."),),
    )


def histories(name: Name = plain, count: int = 40) -> tuple[HistoryComparison, ...]:
    order = random.Random(5)

    def run(low: float, rate: float, sign: int, title: str = "") -> Curve:
        steps = tuple(float(step) for step in range(1, count + 1))
        values = [low + sign * math.exp(-rate * step) + order.gauss(0, 0.01) for step in steps]
        values[3] = math.nan
        return Curve(steps, tuple(values), tuple(step * 1.7 for step in steps), title)

    found = []
    for title, goal, low, sign in (
        ("accuracy", "max", 0.98, -1),
        ("valid_loss", "min", 0.06, 1),
        ("train_loss", "min", 0.02, 1),
    ):
        curves = (run(low, 0.12, sign), run(low + 0.01 * -sign, 0.16, sign))
        others = tuple(
            tuple(run(low, rate, sign, name(f"seed-{seed}")) for seed in range(4))
            for rate in (0.12, 0.16)
        )
        last = tuple((curve.steps[-1], curve.values[-1]) for curve in curves)
        found.append(
            HistoryComparison(
                name(title), goal, True, curves, others, best=last, last=last, parted=4.0
            )
        )
    return tuple(found)


def predictions(name: Name = plain, examples: int = 400) -> ComparedPredictions:
    order = random.Random(11)
    ids = [name(str(number)) + str(number) for number in range(examples)]
    truth = [str(order.randrange(10)) for _ in ids]

    def guesses(error: float) -> tuple[list[str], list[float]]:
        labels, scores = [], []
        for label in truth:
            wrong = order.random() < error
            labels.append(str(order.randrange(10)) if wrong else label)
            scores.append(order.uniform(0.4, 0.9) if wrong else order.uniform(0.75, 1.0))
        return labels, scores

    slices = {
        name("ink"): [order.choice(["thin", "normal", "thick"]) for _ in ids],
        "writer": [f"writer {order.randrange(6)}" for _ in ids],
    }
    arms = []
    for error in (0.08, 0.05):
        labels, scores = guesses(error)
        arms.append(Predictions(ids, truth, labels, scores=scores, slices=slices))
    compared = compare_predictions(arms[0], arms[1], names=(name("brave-otter"), name("calm-fox")))
    pictures = tuple(
        Picture(flip.id, "image/png", png(8, 8, lambda x, y: (x * y * 9 + x * 20) % 256), name(""))
        for flip in compared.flips.examples[:-2]
    )
    return ComparedPredictions(
        name("predictions.csv"), compared, pictures, (name("Pictures come from data/digits.npz."),)
    )


def weights(name: Name = plain) -> WeightsComparison:
    blocks = tuple(
        BlockChange(
            name(f"features.{place}"),
            2,
            2,
            (1200 * (place + 1),) * 2,
            (3.1 + place, 3.4 + place),
            0.9 / (place + 1) ** 1.5,
            1 - 0.2 / (place + 1),
            0.02,
            (0, place == 2),
        )
        for place in range(14)
    )
    tensors = (
        TensorChange(
            name("features.0.weight"),
            "changed",
            ((16, 1, 3, 3),) * 2,
            ("F32", "F32"),
            (1.0, 2.0),
            0.8,
            0.9,
        ),
        TensorChange(name("head.weight"), "reshaped", ((10, 64), (12, 64)), ("F32", "BF16")),
        TensorChange(name("old"), "removed", ((), None), ("F32", None)),
    )
    return WeightsComparison(
        name("model.safetensors"),
        (name("model.safetensors"),) * 2,
        False,
        "related",
        {"changed": 12, "same": 4, "reshaped": 1},
        (38_000, 38_400),
        (155_000, 156_000),
        blocks,
        tensors,
        (name("Estimates are good to about a tenth."),),
    )


def importances(name: Name = plain) -> ComparedImportances:
    order = random.Random(3)
    features = [name(f"feature {number}") + str(number) for number in range(24)]
    arms = [[{f: order.random() ** 3 for f in features} for _ in range(2)] for _ in range(2)]
    return ComparedImportances(name("importance.json"), compare_rankings(arms[0], arms[1]))


def explanations(name: Name = plain) -> ComparedExplanations:
    order = random.Random(4)
    features = [name(f"pixel {number}") + str(number) for number in range(6)]
    ids = [name(str(number)) + str(number) for number in range(30)]
    arms = [
        Attributions(ids, [[order.gauss(0, 1) for _ in features] for _ in ids], features)
        for _ in range(2)
    ]
    return ComparedExplanations(name("explanations.csv"), compare_attributions(arms[0], arms[1]))


def plots(name: Name = plain) -> tuple[PlotComparison, ...]:
    one, other = (png(240, 160, lambda x, y, k=k: 255 - ((x * k) ^ y) % 200) for k in (1, 2))
    evil = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 60"><script>alert(5)</script>'
        b'<rect width="90" height="60" fill="#cde"/><text x="9" y="30" onclick="alert(6)">svg</text></svg>'
    )
    rows = f"class,recall\n{name('zero')},0.98\none,0.97\n".encode("utf-8", "replace")
    return (
        PlotComparison(
            name("plots/loss.png"),
            "image",
            "changed",
            (one, other),
            (len(one), len(other)),
            ((240, 160), (240, 160)),
            PixelDifference(240, 160, 0.31, 0.1, png(240, 160, lambda x, y: (x * y) % 255)),
        ),
        PlotComparison(name("plots/evil.svg"), "svg", "changed", (evil, evil)),
        PlotComparison(name("tables/recall.csv"), "table", "changed", (rows, rows)),
        PlotComparison(name("plots/same.png"), "image", "same", (one, one)),
        PlotComparison(
            name("plots/odd.bin"), "other", "added", (None, b"\x00"), note=name("It is no plot.")
        ),
    )


def chart(name: Name = plain) -> PlotComparison:
    """Return a chart that another process draws, which takes a second."""
    chart = json.dumps(
        {
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "data": {"values": [{"a": name("x"), "b": 3}, {"a": "y", "b": 5}]},
            "mark": "bar",
            "encoding": {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}},
        }
    ).encode()
    return PlotComparison(name("plots/chart.vl.json"), "vega-lite", "changed", (chart, chart))


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
