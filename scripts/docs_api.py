"""The reference of the Python API, from its docstrings."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import typing
from collections.abc import Callable, Iterator
from typing import Any

import gitml
from gitml import errors
from gitml.api.experiments import Experiment, Experiments
from gitml.api.splits import LoggedSplit
from gitml.api.summary import Summary
from gitml.api.weights import LoadedWeights, SavedWeights

GROUPS = {
    "Metrics": ("log", "summary"),
    "Settings": ("params",),
    "Figures, tables, importances": ("log_figure", "log_table", "log_importance"),
    "Predictions and explanations": ("log_predictions", "log_explanations"),
    "Weights": ("save_weights", "load_weights"),
    "Splits": ("log_split", "hash_split"),
    "What is recorded": ("experiments",),
}
_RETURNED: dict[str, tuple[type, ...]] = {
    "save_weights": (SavedWeights,),
    "load_weights": (LoadedWeights,),
    "log_split": (LoggedSplit,),
    "experiments": (Experiments, Experiment),
}
_WARNINGS = (errors.MetricWarning, errors.ArtifactWarning, errors.PartitionWarning)

_SECTION = re.compile(r"^(Args|Returns|Raises|Warns|Attributes):$", re.MULTILINE)
_ENTRY = re.compile(r"^(?P<name>\w+): (?P<text>.*)$")
_TITLES = {"Args": "Arguments", "Attributes": "It has", "Returns": "Returns"}


def python_api() -> str:
    """Return the reference of everything in `gitml.__all__`."""
    parts = []
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        for name in names:
            parts += _public(name)
    parts.append("## Warnings\n")
    parts.append("They are in `gitml.errors`. The [errors](../explanation/architecture.md#errors) "
                 "are there, too.\n")  # fmt: skip
    parts += [f"- `{kind.__name__}`: {_joined(kind.__doc__ or '')}" for kind in _WARNINGS]
    return "\n".join(parts) + "\n"


def _public(name: str) -> Iterator[str]:
    found = getattr(gitml, name)
    yield f"### gitml.{name}\n"
    if isinstance(found, Summary):
        yield from _text(inspect.getdoc(Summary) or "")
        return
    yield "```text\n" + "\n".join(_signatures(found)) + "\n```\n"
    yield from _text(inspect.getdoc(found) or "")
    for kind in _RETURNED.get(name, ()):
        yield f"#### {kind.__name__}\n"
        yield from _text(inspect.getdoc(kind) or "")
        for method, about in _methods(kind):
            yield f"**`.{method}`**: " + "\n".join(_text(about)).lstrip()


def _methods(kind: type) -> Iterator[tuple[str, str]]:
    """Yield the public methods and properties that a class itself documents."""
    for name, found in vars(kind).items():
        documented = isinstance(found, property) or inspect.isfunction(found)
        if documented and not name.startswith("_") and found.__doc__:
            yield name + ("" if isinstance(found, property) else "()"), inspect.getdoc(found) or ""


def _signatures(function: Callable[..., Any]) -> Iterator[str]:
    """Yield how it may be called, as the source says it."""
    for found in typing.get_overloads(function) or [function]:
        node = ast.parse(textwrap.dedent(inspect.getsource(found))).body[0]
        assert isinstance(node, ast.FunctionDef)
        returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        words = list(_parameters(node.args))
        line = f"gitml.{node.name}({', '.join(words)}){returned}"
        if len(line) > 100:
            line = f"gitml.{node.name}(\n    " + ",\n    ".join(words) + f",\n){returned}"
        yield line


def _parameters(given: ast.arguments) -> Iterator[str]:
    """Yield each parameter, and the marks between them."""
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    for number, (one, default) in enumerate(zip(positional, defaults, strict=True), 1):
        yield _parameter(one, default)
        if number == len(given.posonlyargs):
            yield "/"
    if given.kwonlyargs:
        yield "*"
    for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _parameter(one, default)
    if given.kwarg:
        yield f"**{ast.unparse(given.kwarg)}"


def _parameter(one: ast.arg, default: ast.expr | None) -> str:
    shown = ast.unparse(one)
    return f"{shown} = {ast.unparse(default)}" if default else shown


def _text(docstring: str) -> Iterator[str]:
    """Yield a docstring as Markdown: prose, examples, then one list for each section."""
    pieces = _SECTION.split(docstring)
    yield from _prose(pieces[0])
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        yield f"{_TITLES.get(title, title)}:\n"
        yield _entries(textwrap.dedent(body).strip("\n"), named=title != "Returns")


def _prose(text: str) -> Iterator[str]:
    for block in re.split(r"\n\n", text.strip("\n")):
        if block.startswith("    "):
            yield f"```python\n{textwrap.dedent(block)}\n```\n"
        elif block.strip():
            yield _joined(block) + "\n"


def _entries(text: str, *, named: bool) -> str:
    """Return a section: one item for each name, lists in it below the item."""
    if not named:
        return _joined(text) + "\n"
    lines: list[str] = []
    for line in text.splitlines():
        start = _ENTRY.match(line)
        bare = line.strip()
        if start:
            lines.append(f"- `{start['name']}`: {start['text']}")
        elif bare.startswith("- "):
            lines.append(f"    {bare}")
        elif bare:
            lines[-1] += f" {bare}"
    return "\n".join(lines) + "\n"


def _joined(text: str) -> str:
    return " ".join(text.split())
