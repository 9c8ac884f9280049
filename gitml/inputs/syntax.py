"""Digests of Python sources by their syntax tree, the same on every supported Python.

Comments, formatting, quotes, parentheses and the spelling of literals don't count; docstrings do,
since programs read them. `ast.dump` differs between Python versions for the same file, so the
tree is walked in an order of our own: the class of each node, its fields that aren't empty by
name, and then its children.

This module must be importable on its own by Python 3.11 and later.
"""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from typing import Any

# Changes with every change of the walk, so that no cached digest of another walk is used.
VERSION = 1

# Fields that say nothing about meaning: load or store, the `u` of a string, comments.
_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_FIELDS: dict[type, tuple[str, ...]] = {}


def syntax_digest(source: bytes) -> str:
    """Return `sha256:<hex>` of a Python file's syntax tree, or of its bytes if it has none.

    A file that this interpreter can't parse (another version's syntax, no Python at all) counts
    by its bytes.
    """
    return parsed_digest(source) or _of_bytes(source)


def parsed_digest(source: bytes) -> str | None:
    """Return the digest of the syntax tree, or None if the source can't be parsed."""
    tree = parse(source)
    if tree is None:
        return None
    return "sha256:" + hashlib.sha256("\n".join(walk(tree)).encode("utf-8")).hexdigest()


def notebook_digest(data: bytes) -> str:
    """Return `sha256:<hex>` of a Jupyter notebook's code cells; outputs and prose don't count.

    Cells with magics, which are no Python, count by their text. What is no notebook counts by its
    bytes. The format is nbformat 4 (`cells`), and 3 (`worksheets`).
    """
    sources = code_cells(data)
    if sources is None:
        return _of_bytes(data)
    digests = [syntax_digest(text.encode()) for text in sources if text.strip()]
    return "sha256:" + hashlib.sha256("\n".join(["notebook", *digests]).encode()).hexdigest()


def code_cells(data: bytes) -> list[str] | None:
    """Return the sources of a notebook's code cells in order, or None for what is no notebook."""
    try:
        book = json.loads(data)
        sheets = [book, *book.get("worksheets", ())]
        cells = [cell for sheet in sheets for cell in sheet.get("cells", ())]
        sources = [_cell_text(cell) for cell in cells if cell.get("cell_type") == "code"]
        "".join(sources).encode()  # half of a surrogate pair is no text
        return sources
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None


def digest_of(path: str, data: bytes) -> str:
    """Return the digest that fits the file: of its code cells for notebooks, else its syntax."""
    return notebook_digest(data) if path.endswith(".ipynb") else syntax_digest(data)


def _cell_text(cell: Any) -> str:
    text = cell.get("source", cell.get("input", ""))
    return text if isinstance(text, str) else "".join(text)


def _of_bytes(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(b"bytes\n" + data).hexdigest()


def parse(source: bytes) -> ast.Module | None:
    """Return the syntax tree of a source, or None if it can't be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the project's business
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def walk(tree: ast.AST) -> list[str]:
    """Return one line a node, parents first, so that equal lists mean equal trees.

    A line tells how many children follow for which field, so nothing can be read in two ways.
    The stack is a list: sources nest more deeply than Python's recursion goes.
    """
    lines: list[str] = []
    stack: list[Any] = [tree]
    fields_of = _FIELDS.get
    pop, add = stack.pop, lines.append
    while stack:
        node = pop()
        kind = type(node)
        if kind is ast.Name:
            add("Name " + node.id)
            continue
        if kind is ast.Constant or kind is ast.MatchSingleton:
            add(f"{kind.__name__} {_literal(node.value)}")
            continue
        if node is None:
            add("~")
            continue
        fields = fields_of(kind)
        if fields is None:
            fields = _learn(kind)
        line = kind.__name__
        children: list[Any] = []
        for field in fields:
            value: Any = getattr(node, field, None)
            if kind is ast.JoinedStr:
                value = _merged(value)
            if not value:  # versions differ in whether nothing is None, 0 or an empty list
                continue
            if isinstance(value, list):
                if isinstance(value[0], str):
                    line += f" {field}={','.join(value)}"
                else:
                    line += f" {field}[{len(value)}"
                    children += value
            elif isinstance(value, ast.AST):
                if not value._fields:  # operators
                    line += f" {field}={type(value).__name__}"
                else:
                    line += f" {field}@"
                    children.append(value)
            else:
                line += f" {field}={value if isinstance(value, int) else _literal(value)}"
        add(line)
        if children:
            children.reverse()
            stack += children
    return lines


def _learn(kind: type) -> tuple[str, ...]:
    fields = tuple(sorted(field for field in kind._fields if field not in _SKIPPED))  # type: ignore[attr-defined]
    _FIELDS[kind] = fields
    return fields


def _literal(value: object) -> str:
    """Spell a literal in a way that no Python version changes, without line breaks."""
    if isinstance(value, str):
        # Printability, and so `repr`, follows the interpreter's Unicode tables.
        if value.isidentifier() and value.isascii():
            return "s " + value
        return "S " + value.encode("unicode_escape", "surrogatepass").decode("ascii")
    if type(value) is int:
        return "i " + hex(value)
    if isinstance(value, bytes):
        return "b " + value.hex()
    return f"{type(value).__name__} {value!r}"


def _merged(values: list[Any]) -> list[Any]:
    """Join adjacent texts of an f-string: versions split them differently."""
    merged: list[Any] = []
    text = ""
    for value in values:
        if isinstance(value, ast.Constant):
            text += str(value.value)
            continue
        merged += [ast.Constant(text), value] if text else [value]
        text = ""
    return [*merged, ast.Constant(text)] if text else merged
