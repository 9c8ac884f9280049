"""What artifacts of two experiments hold: every kind of content that a report shows."""

from __future__ import annotations

import json
import math
import random
import struct
import zlib
from collections.abc import Callable

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
from gitml.comparison.statistics.attributions import Attributions, compare_attributions
from gitml.comparison.statistics.joined import Predictions
from gitml.comparison.statistics.predictions import compare_predictions
from gitml.comparison.statistics.rankings import compare_rankings
from tests.views.report.names import Name, plain


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
