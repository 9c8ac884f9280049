"""Plots that are descriptions in JSON: which language they are in, and what they would load."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

MAX_BYTES = 32 << 20
_DEEPEST = 200
_SHOWN = 80
# Rows of data, in which a column may be called anything.
_ROWS = ("values", "datasets")

# One of them is in every view; see https://vega.github.io/vega-lite/docs/spec.html
_VIEWS = ("mark", "layer", "hconcat", "vconcat", "concat", "facet", "repeat", "spec")
# Traces and layouts that plotly.js draws on maps, whose shapes or tiles it loads.
_MAPS = re.compile(r"scattergeo|choropleth|(?:scatter|density)?map(?:box)?|choroplethmap(?:box)?")


def decode(content: bytes) -> Any:
    """Return the value of JSON with finite depth; None for what is malformed or too large.

    NaN and infinities, which programs write though JSON has none, are read.
    """
    if len(content) > MAX_BYTES:
        return None
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        tree = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            tree = json.loads(content)
        except (ValueError, RecursionError):
            return None
    return tree if _is_flat_enough(tree) else None


def language_of(tree: Any) -> str:
    """Return `vega-lite`, `vega`, `plotly`, `table` (rows of cells), or empty."""
    if isinstance(tree, list):
        return "table" if tree and all(_is_row(row) for row in tree) else ""
    if not isinstance(tree, dict):
        return ""
    schema = tree.get("$schema")
    if isinstance(schema, str):
        if "/vega-lite/" in schema:
            return "vega-lite"
        if "/vega/" in schema:
            return "vega"
    data = tree.get("data")
    if isinstance(data, list) and all(isinstance(trace, dict) for trace in data):
        return "vega" if "marks" in tree else "plotly"
    return "vega-lite" if any(view in tree for view in _VIEWS) else ""


def wants_network(language: str, tree: dict[str, Any]) -> str:
    """Return what a specification would load from elsewhere when it is drawn; empty for nothing.

    Files beside it count as elsewhere: only what is in the specification is taken.
    """
    if language == "plotly":
        return _plotly_loads(tree)
    for node in _objects(tree):
        # Vega and Vega-Lite load data (`data`, `lookup`), and marks show images by address.
        address = node.get("url")
        if isinstance(address, str) and address:
            return address[:_SHOWN]
        if isinstance(address, dict) and "signal" in address:
            return "data from an address that it computes"
    return ""


def _plotly_loads(tree: dict[str, Any]) -> str:
    for node in _objects(tree):
        source = node.get("source")
        if isinstance(source, str) and source and not source.startswith("data:"):
            return source[:_SHOWN]
    # What a template has for maps draws none: every figure of plotly.express has such a template.
    for trace in traces_of(tree):
        kind = trace.get("type")
        if isinstance(kind, str) and _MAPS.fullmatch(kind):
            return f"maps for {kind}"
    return ""


def traces_of(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a figure of plotly draws, at first and in its frames."""
    frames = tree.get("frames")
    for holder in (tree, *(frames if isinstance(frames, list) else ())):
        found = holder.get("data") if isinstance(holder, dict) else None
        yield from (
            trace for trace in (found if isinstance(found, list) else ()) if isinstance(trace, dict)
        )


def _objects(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += [
                item
                for name, item in node.items()
                if isinstance(item, dict | list) and name not in _ROWS
            ]
        else:
            waiting += [item for item in node if isinstance(item, dict | list)]


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and not any(isinstance(cell, dict | list) for cell in row.values())


def _is_flat_enough(tree: Any) -> bool:
    level = [tree]
    for _ in range(_DEEPEST):
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, dict | list)
        ]
        if not level:
            return True
    return False


def strict(value: Any) -> Any:
    """Return a value without NaN and infinities, which browsers don't take: null instead."""
    if isinstance(value, dict):
        return {name: strict(item) for name, item in value.items()}
    if isinstance(value, list):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
