"""The reference of what `gitml exp diff --json` says about the contents of artifacts."""

from __future__ import annotations

import re

import msgspec
from docs_text import attributes, cell, sentence

from gitml.comparison import contents
from gitml.comparison.statistics import (
    agreement,
    attributions,
    calibration,
    confusion,
    estimates,
    flips,
    intervals,
    joined,
    predictions,
    rankings,
    slices,
)

_KINDS = (
    contents.WeightsComparison,
    contents.BlockChange,
    contents.TensorChange,
    contents.HistoryComparison,
    contents.PlotComparison,
    contents.PixelDifference,
    contents.TableDifference,
    predictions.PredictionComparison,
    joined.Left,
    estimates.Estimate,
    intervals.Interval,
    agreement.Agreement,
    agreement.McNemar,
    slices.Slice,
    calibration.Calibration,
    calibration.Bin,
    confusion.Confusion,
    confusion.Cell,
    flips.Flips,
    flips.Flip,
    rankings.RankingComparison,
    rankings.Moved,
    rankings.Overlap,
    attributions.AttributionComparison,
    attributions.Shift,
)
# What is in the values and not in JSON: it would be as long as the artifacts themselves.
_LEFT_OUT = {"curves", "replicates", "contents", "picture", "pictures"}


def contents_fields() -> str:
    """Return every value of a comparison of contents with its fields."""
    parts = []
    for kind in _KINDS:
        described = attributes(kind)
        parts += [
            f"### {kind.__name__}",
            "",
            sentence(kind),
            "",
            "| key | value |",
            "| --- | --- |",
        ]
        parts += [
            f"| `{field.name}` | {_as_json(described[field.name])} |"
            for field in msgspec.structs.fields(kind)
            if field.name not in _LEFT_OUT
        ]
        parts.append("")
    return "\n".join(parts)


def _as_json(text: str) -> str:
    return cell(re.sub(r"\bNone\b", "null", text))
