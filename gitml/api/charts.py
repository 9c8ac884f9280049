"""Interactive charts as the JSON files that their viewers read: plotly, Vega-Lite, Vega."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from gitml.api.given import scalar
from gitml.errors import ArtifactError

PLOTLY = ".plotly.json"
VEGA_LITE = ".vl.json"
VEGA = ".vg.json"
SUFFIXES = (PLOTLY, VEGA_LITE, VEGA)

# One of them is in every view; see https://vega.github.io/vega-lite/docs/spec.html
_VIEWS = ("mark", "layer", "hconcat", "vconcat", "concat", "facet", "repeat", "spec")
_DEEPEST = 200


def chart_of(figure: Any) -> tuple[str, bytes] | None:
    """Return the suffix and the bytes of a chart; None for what is none.

    Args:
        figure: A plotly figure, an altair chart, or a dict with the specification of one.

    Raises:
        ArtifactError: if the specification can't be JSON.
    """
    if callable(getattr(figure, "to_plotly_json", None)) and callable(
        getattr(figure, "to_json", None)
    ):
        # Only plotly itself knows how its arrays and dates are written.
        return PLOTLY, _json(json.loads(figure.to_json()))
    if not isinstance(figure, Mapping) and callable(getattr(figure, "to_dict", None)):
        figure = figure.to_dict()
    if not isinstance(figure, Mapping):
        return None
    suffix = _language(figure)
    return (suffix, _json(_plain(figure))) if suffix else None


def _language(spec: Mapping[str, Any]) -> str:
    schema = str(spec.get("$schema", ""))
    if "vega-lite" in schema:
        return VEGA_LITE
    if "/vega/" in schema:
        return VEGA
    data = spec.get("data")
    if isinstance(data, list | tuple) and all(isinstance(trace, Mapping) for trace in data):
        return PLOTLY
    return VEGA_LITE if any(view in spec for view in _VIEWS) else ""


def _json(tree: Any) -> bytes:
    try:
        text = json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(f"The chart can't be written as JSON: {error}.") from error
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _plain(value: Any, depth: int = 0) -> Any:
    """Return what JSON has: arrays as lists, NaN and infinities as null, dates as ISO 8601."""
    if depth > _DEEPEST:
        raise ArtifactError(f"The chart is nested deeper than {_DEEPEST} levels.")
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    found = scalar(value)
    if isinstance(found, float) and not math.isfinite(found):
        return None
    if isinstance(found, str | int | float) or found is None:
        return found
    if hasattr(found, "isoformat"):
        return found.isoformat()
    if found is value:
        raise ArtifactError(f"The chart has a {type(value).__name__}, which JSON can't hold.")
    return _plain(found, depth + 1)
