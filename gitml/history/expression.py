"""What a `--where` expression says, as a tree, and the tree as text again."""

from __future__ import annotations

from typing import Literal

import msgspec

from gitml.history.fields import Name, quoted
from gitml.values import Scalar

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~"]


class Compare(msgspec.Struct, frozen=True):
    """A name against a value; NaN and infinities are the texts that records have for them."""

    name: Name
    operator: Operator
    value: Scalar


class In(msgspec.Struct, frozen=True):
    """A name against several values: whether it equals one of them."""

    name: Name
    values: tuple[Scalar, ...]


class And(msgspec.Struct, frozen=True):
    """All of them."""

    items: tuple[Query, ...]


class Or(msgspec.Struct, frozen=True):
    """At least one of them."""

    items: tuple[Query, ...]


class Not(msgspec.Struct, frozen=True):
    """The opposite."""

    item: Query


Query = Compare | In | And | Or | Not


def to_text(query: Query) -> str:
    """Return an expression that parses to the same tree."""
    if isinstance(query, Compare):
        return f"{query.name} {query.operator} {_literal(query.value)}"
    if isinstance(query, In):
        return f"{query.name} in [{', '.join(map(_literal, query.values))}]"
    if isinstance(query, Not):
        return f"not {_inner(query.item)}"
    word = " and " if isinstance(query, And) else " or "
    return word.join(map(_inner, query.items))


def _inner(query: Query) -> str:
    text = to_text(query)
    return f"({text})" if isinstance(query, And | Or) else text


def _literal(value: Scalar) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else repr(value)
