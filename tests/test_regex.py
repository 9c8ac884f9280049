"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re

import pytest

from gitml.regex import lazy


def test_a_lazy_pattern_finds_what_a_compiled_one_finds() -> None:
    pattern, same = lazy(r"(?P<word>[a-z]+)\d", re.IGNORECASE), re.compile(r"([a-z]+)\d", re.I)
    for text in ("Ab1 c2", "none", ""):
        assert pattern.findall(text) == same.findall(text)
        assert (pattern.search(text) is None) == (same.search(text) is None)
    assert pattern.sub("-", "Ab1 c2") == "- -"
    found = pattern.match("Ab1")
    assert found is not None and found["word"] == "Ab"
    assert lazy(rb"\d+").fullmatch(b"12") is not None
    assert pattern.flags == same.flags


def test_a_mistake_shows_at_first_use() -> None:
    broken = lazy("(")
    with pytest.raises(re.error):
        broken.match("x")
