"""The words of a `--where` expression, each with its place, and errors that point at one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NoReturn

import msgspec

from gitml.errors import UsageError
from gitml.values import Scalar

Kind = Literal["word", "value", "text", "sign", "end"]

LONGEST = 10_000
_LONGEST_NUMBER = 400
_SHOWN = 60
_SIGNS = re.compile(r"==|!=|<=|>=|[=<>~()\[\],]")
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\w)"
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_INFINITY = re.compile(r"([+-]?)(?:inf|infinity)(?![\w.\-/@:])", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d][\w.\-/@:+]*")
_CONSTANTS: dict[str, Scalar] = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
    "nan": "NaN",
}


class Token(msgspec.Struct, frozen=True):
    """One word.

    Attributes:
        kind: `word` (a name, a keyword or an unquoted text), `text` (quoted), `value` (a number,
            a date or a constant), `sign`, or `end`.
        text: As it means, without quotes.
        at: Where it begins.
        value: What it means, for `value` and `text`.
    """

    kind: Kind
    text: str
    at: int
    value: Scalar = None


def tokenize(text: str) -> list[Token]:
    """Return the words of an expression, `end` last.

    Raises:
        UsageError: for what can't be a word.
    """
    if len(text) > LONGEST:
        raise UsageError(f"The expression has more than {LONGEST:,} characters.")
    return [*_tokens(text), Token("end", "", len(text))]


def fail(text: str, at: int, what: str, hint: str = "") -> NoReturn:
    """Raise an error that shows the expression with a caret under a place."""
    start = max(0, at - _SHOWN // 2)
    part = text[start : start + _SHOWN]
    shown = "".join(char if char.isprintable() else "?" for char in part)
    raise UsageError(f"{what}\n  {shown}\n  {' ' * (at - start)}^", hint=hint)


def _tokens(text: str) -> Iterator[Token]:
    place = 0
    while place < len(text):
        char = text[place]
        if char.isspace():
            place += 1
            continue
        if char in "\"'":
            word, end = _unquote(text, place)
            yield Token("text", word, place, word)
        elif char == "`":
            word, end = _dotted(text, place, "")
            yield Token("word", word, place)
        elif sign := _SIGNS.match(text, place):
            end = sign.end()
            yield Token("sign", "=" if sign[0] == "==" else sign[0], place)
        else:
            token, end = _plain(text, place)
            yield token
        place = end


def _plain(text: str, place: int) -> tuple[Token, int]:
    if date := _DATE.match(text, place):
        return Token("value", date[0], place, date[0]), date.end()
    if infinity := _INFINITY.match(text, place):
        value = "-Infinity" if infinity[1] == "-" else "Infinity"
        return Token("value", infinity[0], place, value), infinity.end()
    if number := _NUMBER.match(text, place):
        return _number(text, place, number[0]), number.end()
    word = _WORD.match(text, place)
    if word is None:
        fail(text, place, f"{text[place]!r} makes no sense here.", "Put texts in quotes.")
    if word[0].endswith(".") and text[word.end() : word.end() + 1] in ("`", '"', "'"):
        dotted, end = _dotted(text, word.end(), word[0])
        return Token("word", dotted, place), end
    if word[0].lower() in _CONSTANTS:
        return Token("value", word[0], place, _CONSTANTS[word[0].lower()]), word.end()
    return Token("word", word[0], place), word.end()


def _number(text: str, place: int, digits: str) -> Token:
    end = place + len(digits)
    if text[end : end + 1].isalnum() or text[end : end + 1] == "_":
        fail(text, place, "This is not a number.", "Put texts in quotes.")
    if len(digits) > _LONGEST_NUMBER:
        fail(text, place, f"A number has more than {_LONGEST_NUMBER} digits.")
    if re.fullmatch(r"[+-]?\d+", digits):
        return Token("value", digits, place, int(digits))
    value = float(digits)
    if value in (float("inf"), -float("inf")):
        return Token("value", digits, place, "Infinity" if value > 0 else "-Infinity")
    return Token("value", digits, place, value)


def _dotted(text: str, place: int, before: str) -> tuple[str, int]:
    """Read a name whose parts may be quoted: params.`weight-decay`."""
    word = before
    while place < len(text) and text[place] in "`\"'":
        part, place = _unquote(text, place)
        word += part
        if text[place : place + 1] != ".":
            break
        word += "."
        place += 1
        plain = _WORD.match(text, place)
        if plain:
            word += plain[0]
            place = plain.end()
    return word, place


def _unquote(text: str, place: int) -> tuple[str, int]:
    """Read a quoted text; a backslash counts only before the quote and before a backslash."""
    mark = text[place]
    found: list[str] = []
    at = place + 1
    while at < len(text):
        char = text[at]
        if char == mark:
            return "".join(found), at + 1
        if char == "\\" and text[at + 1 : at + 2] in (mark, "\\"):
            at += 1
            char = text[at]
        found.append(char)
        at += 1
    fail(text, place, f"The quote {mark} is never closed.")
