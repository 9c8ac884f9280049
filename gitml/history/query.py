"""The language of `--where`: its own words and rules, and nothing that runs.

    expression  = alternative { "or" alternative }
    alternative = condition { "and" condition }
    condition   = "not" condition | "(" expression ")" | comparison
    comparison  = name operator value | value operator name
                | name [ "not" ] "in" "[" value { "," value } "]"
    operator    = "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "~"
    name        = "params." key | "metrics." key | "status" | "study" | "experiment" | "tag" | …
    value       = number | "quoted" | 'quoted' | word | date | true | false | null | NaN | Infinity

A key with characters besides letters, digits and `_ . - /` stands in backquotes or quotes:
params.`weight decay`. `~` searches a text for a regular expression.
"""

from __future__ import annotations

import re
from typing import NoReturn

from gitml.errors import UsageError
from gitml.history.expression import And, Compare, In, Not, Operator, Or, Query
from gitml.history.fields import ROOTS, Name, name_of
from gitml.history.moments import interval
from gitml.history.tokens import Token, fail, tokenize
from gitml.values import Scalar

_DEEPEST = 50
_OPERATORS: dict[str, Operator] = {
    "=": "=",
    "!=": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "~": "~",
}
_TURNED: dict[str, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_KEYWORDS = ("and", "or", "not", "in")


def parse_query(text: str) -> Query:
    """Return the tree of a `--where` expression.

    Raises:
        UsageError: if it makes no sense; the message shows the place.
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._place = 0
        self._depth = 0

    def parse(self) -> Query:
        query = self._or()
        token = self._next()
        if token.kind != "end":
            self._fail(token, "`and` or `or` was expected here.")
        return query

    def _or(self) -> Query:
        items = [self._and()]
        while self._accept("or"):
            items.append(self._and())
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _and(self) -> Query:
        items = [self._not()]
        while self._accept("and"):
            items.append(self._not())
        return items[0] if len(items) == 1 else And(tuple(items))

    def _not(self) -> Query:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail(self._peek(), f"Nothing may be nested deeper than {_DEEPEST} times.")
        try:
            if self._accept("not"):
                return Not(self._not())
            if self._accept_sign("("):
                query = self._or()
                self._expect_sign(")")
                return query
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Query:
        left = self._next()
        if left.kind in ("end", "sign") or self._is_keyword(left):
            self._fail(left, "A name such as params.lr, metrics.accuracy or status goes here.")
        if self._accept("not"):
            if not self._accept("in"):
                self._fail(self._peek(), "`in` was expected after `not`.")
            return Not(self._in(self._name(left)))
        if self._accept("in"):
            return self._in(self._name(left))
        sign = self._next()
        if sign.kind != "sign" or sign.text not in _OPERATORS:
            self._fail(sign, "A comparison was expected here: = != < <= > >= ~ or in [..].")
        right = self._next()
        if right.kind in ("end", "sign") or self._is_keyword(right):
            self._fail(right, "A value was expected here: a number, a text in quotes, null …")
        return self._compare(left, sign, right)

    def _compare(self, left: Token, sign: Token, right: Token) -> Compare:
        how = _OPERATORS[sign.text]
        if self._is_value(left) and how in _TURNED:
            left, right, how = right, left, _TURNED[how]
        name = self._name(left)
        value = self._value(right)
        if how == "~":
            value = self._pattern(right, value)
        elif name.root == "created" and value is not None:
            self._check_time(right, value)
        return Compare(name, how, value)

    def _in(self, name: Name) -> In:
        self._expect_sign("[")
        values: list[Scalar] = []
        while not self._accept_sign("]"):
            if values:
                self._expect_sign(",")
                if self._accept_sign("]"):
                    break
            token = self._next()
            if token.kind in ("end", "sign"):
                self._fail(token, "A value or `]` was expected here.")
            values.append(self._value(token))
            if name.root == "created" and values[-1] is not None:
                self._check_time(token, values[-1])
        return In(name, tuple(values))

    def _is_value(self, token: Token) -> bool:
        if token.kind == "text":
            return not _looks_like_name(token.text)
        return token.kind == "value"

    def _name(self, token: Token) -> Name:
        if token.kind not in ("word", "text"):
            self._fail(token, "A name such as params.lr or metrics.accuracy was expected here.")
        try:
            return name_of(token.text)
        except UsageError as error:
            self._fail(token, error.message, error.hint)

    def _value(self, token: Token) -> Scalar:
        if token.kind == "word":
            if _looks_like_name(token.text):
                self._fail(
                    token, "A name can only be compared with a value.", "Put texts in quotes."
                )
            return token.text
        return token.value

    def _pattern(self, token: Token, value: Scalar) -> str:
        if token.kind not in ("word", "text"):
            self._fail(token, "`~` needs a text: a regular expression.", "Put it in quotes.")
        try:
            re.compile(str(value))
        except (re.error, OverflowError, RecursionError) as error:
            self._fail(token, f"This is not a regular expression: {error}.")
        return str(value)

    def _check_time(self, token: Token, value: Scalar) -> None:
        try:
            interval(value if isinstance(value, str) else "")
        except ValueError:
            self._fail(token, "`created` is compared with a date such as 2025-01-31.")

    def _is_keyword(self, token: Token) -> bool:
        return token.kind == "word" and token.text.lower() in _KEYWORDS

    def _peek(self) -> Token:
        return self._tokens[self._place]

    def _next(self) -> Token:
        token = self._tokens[self._place]
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _accept(self, keyword: str) -> bool:
        token = self._peek()
        if token.kind == "word" and token.text.lower() == keyword:
            self._next()
            return True
        return False

    def _accept_sign(self, sign: str) -> bool:
        token = self._peek()
        if token.kind == "sign" and token.text == sign:
            self._next()
            return True
        return False

    def _expect_sign(self, sign: str) -> None:
        if not self._accept_sign(sign):
            self._fail(self._peek(), f"`{sign}` was expected here.")

    def _fail(self, token: Token, what: str, hint: str = "") -> NoReturn:
        fail(self._text, token.at, what, hint)


def _looks_like_name(text: str) -> bool:
    return text.partition(".")[0] in ROOTS and "." in text
