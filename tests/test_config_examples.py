"""`examples` in gitml.yaml: where an example is to be seen."""

from __future__ import annotations

import pytest

from gitml.config import Examples, parse
from gitml.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("examples: data/images/{id}.png", Examples("data/images/{id}.png")),
        ("examples: ./data/{id}", Examples("data/{id}")),
        ("examples:\n  path: data/{id}.txt\n", Examples("data/{id}.txt")),
        (
            "examples: {path: data/digits.npz, ids: keys, images: x}",
            Examples("data/digits.npz", "keys", "x"),
        ),
        (
            "examples: {path: data/test.csv, id: name, show: [text, lang]}",
            Examples("data/test.csv", id="name", show=("text", "lang")),
        ),
        ("examples: {path: data/test.csv, show: text}", Examples("data/test.csv", show=("text",))),
        ("examples:", None),
        ("command: python train.py", None),
    ],
)
def test_examples_are_read(text: str, expected: Examples | None) -> None:
    assert parse(text.encode()).examples == expected


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("\nexamples: data/test.csv", "line 2: `examples`: data/test.csv has no `{id}`", "mapping"),
        ("examples: {path: a.npz, image: x}", "unknown key `image` under `examples`", "`images`"),
        ("exmaples: a/{id}", "unknown key `exmaples`", "`examples`"),
        ("examples: {ids: a}", "`examples` has no `path`", "data/digits.npz"),
        ("examples: /etc/{id}", "must be relative", ""),
        ("examples: ../{id}.png", "must be inside the project's folder", ""),
        ("examples: {path: a/../../b.csv}", "must be inside the project's folder", ""),
        ("examples: data/{id}.{ext}", "no other braces", ""),
        ("examples: {path: [a, b]}", "must be one path", ""),
        ("examples:\n- a/{id}\n- b/{id}\n", "must be a mapping", ""),
    ],
)
def test_wrong_examples_name_line_and_nearest_key(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text.encode())
    assert message in raised.value.message
    assert raised.value.message.startswith("gitml.yaml, line ")
    assert hint in raised.value.hint
