"""Generated programs: what computes something else is never taken for recorded, formatting always.

A program is a tree that can be written in many ways; whether two trees mean the same is found out
by running them.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gitml.inputs.code import CodeRules, TreeEntry, blob_id, code_input
from gitml.inputs.code_change import which_changed
from gitml.inputs.difference import Difference
from gitml.inputs.sameness import LEVELS, compare_code, level_of
from gitml.inputs.syntax import syntax_digest

Tree = tuple[Any, ...]

NAMES = st.sampled_from("abcd")
OPERATORS = st.sampled_from(["+", "-", "*", "%", "<", "==", "and", "or", "//"])
LEAVES = st.one_of(
    st.tuples(st.just("number"), st.integers(0, 3000)),
    st.tuples(st.just("name"), NAMES),
    st.tuples(st.just("length"), st.text("ab'\"\\\n é", max_size=5)),
)
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.just("operation"), OPERATORS, inner, inner),
        st.tuples(st.just("choice"), inner, inner, inner),
        st.tuples(st.just("call"), inner, inner),
    ),
    max_leaves=5,
)
ASSIGNMENTS = st.tuples(st.just("assign"), NAMES, EXPRESSIONS)
STATEMENTS = st.one_of(
    ASSIGNMENTS,
    st.tuples(st.just("for"), NAMES, st.integers(0, 3), st.lists(ASSIGNMENTS, min_size=1)),
    st.tuples(st.just("if"), EXPRESSIONS, st.lists(ASSIGNMENTS, min_size=1, max_size=2)),
    st.tuples(st.just("define"), EXPRESSIONS, st.sampled_from(["", "Says so.", "Says more."])),
)
PROGRAMS = st.lists(STATEMENTS, min_size=1, max_size=6)


class Hand:
    """Somebody who writes programs down in a way of their own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def any_of(self, *ways: str) -> str:
        return self.random.choice(ways)

    def expression(self, tree: Tree) -> str:
        space = self.any_of("", " ", "  ")
        match tree:
            case "number", value:
                text = self.any_of(str(value), hex(value), f"{value:_}", bin(value))
            case "name", name:
                text = name
            case "length", value:
                text = f"len({space}{self.text(value)})"
            case "operation", sign, one, other:
                around = " " if sign.isalpha() else space
                text = f"({self.expression(one)}{around}{sign}{around}{self.expression(other)})"
            case "choice", test, one, other:
                parts = map(self.expression, (one, test, other))
                text = "({} if {} else {})".format(*parts)
            case "call", one, other:
                comma = self.any_of("", ",", ",\n")
                text = f"max({self.expression(one)},{space}{self.expression(other)}{comma})"
            case _:
                raise AssertionError(tree)
        return self.any_of(text, f"({text})", f"(\n  {text}  # so\n)")

    def text(self, value: str) -> str:
        escaped = "".join(f"\\x{ord(c):02x}" for c in value)
        return self.any_of(repr(value), f'"{escaped}"', f"'''{escaped}'''", f"('' {value!r})")

    def statement(self, tree: Tree, depth: str = "") -> str:
        inner = depth + self.any_of(" ", "    ", "\t")
        match tree:
            case "assign", name, value:
                text = f"{name}{self.any_of('=', ' = ')}{self.expression(value)}"
            case "for", name, times, body:
                text = f"for {name} in range({times}):\n" + self.block(body, inner)
            case "if", test, body:
                text = f"if {self.expression(test)}:\n" + self.block(body, inner)
            case "define", value, said:
                first = [f"{inner}{self.text(said)}"] if said else []
                body = [*first, f"{inner}return {self.expression(value)}"]
                text = "\n".join(["def told():", *body]) + f"\n{depth}a = (told(), told.__doc__)[0]"
            case _:
                raise AssertionError(tree)
        return f"{self.remark(depth)}{depth}{text}{self.any_of('', '  ', '  # done')}"

    def block(self, body: list[Tree], depth: str) -> str:
        return "\n".join(self.statement(one, depth) for one in body)

    def remark(self, depth: str) -> str:
        return self.any_of("", "", "\n\n", f"{depth}# a remark\n", "# x = 1\n")

    def program(self, trees: list[Tree]) -> str:
        body = "\n".join(self.statement(tree) for tree in trees)
        return f"{self.any_of('', '#!/usr/bin/env python3', '# coding: utf-8')}\n{body}\n"


def result_of(source: str) -> object:
    """Run a program and return what a user would see of it."""
    scope: dict[str, Any] = dict.fromkeys("abcd", 1)
    try:
        exec(compile(source, "program.py", "exec"), scope)
    except (ZeroDivisionError, TypeError, ValueError, MemoryError) as error:
        return type(error).__name__
    told = scope.get("told")
    return [scope[name] for name in "abcd"], told and told.__doc__


def level_between(before: str, after: str) -> str:
    """Return the level of a run that reached a module which was edited since."""
    sources = {blob_id(text.encode()): text.encode() for text in (before, after)}
    old, new = blob_id(before.encode()), blob_id(after.encode())

    def syntax_of(path: str, oid: str) -> str:
        return syntax_digest(sources[oid])

    rules = CodeRules()
    recorded = code_input(
        [TreeEntry("program.py", "100644", old)],
        rules=rules,
        reached=["program.py"],
        opened=[],
        observed=True,
        syntax_of=syntax_of,
    )
    changes = [("program.py", old, new)] if old != new else []
    return level_of(compare_code(which_changed(changes, recorded, rules, syntax_of)), ())


@settings(max_examples=150, deadline=None)
@given(PROGRAMS, st.integers(), st.integers())
def test_a_program_written_in_another_way_is_recorded_already(
    trees: list[Tree], one: int, other: int
) -> None:
    before, after = Hand(one).program(trees), Hand(other).program(trees)
    assert result_of(before) == result_of(after)
    assert level_between(before, after) == ("identical" if before == after else "equivalent")


@settings(max_examples=150, deadline=None)
@given(PROGRAMS, STATEMENTS, st.integers(0, 5), st.sampled_from(["add", "replace", "swap", "drop"]))
def test_a_program_that_computes_something_else_is_never_recorded_already(
    trees: list[Tree], new: Tree, place: int, edit: str
) -> None:
    place %= len(trees)
    edited = list(trees)
    if edit == "add":
        edited.insert(place, new)
    elif edit == "replace":
        edited[place] = new
    elif edit == "swap":
        edited[0], edited[place] = edited[place], edited[0]
    else:
        del edited[place]
    before, after = Hand(0).program(trees), Hand(1).program(edited)
    assume(result_of(before) != result_of(after))
    assert level_between(before, after) not in ("identical", "equivalent")


DIFFERENCES = st.lists(
    st.builds(
        Difference,
        st.sampled_from(["command", "settings", "code", "data", "partition", "libraries"]),
        st.sampled_from(["seed", "lr", "width", "train.py"]),
        st.just(1),
        st.just(2),
        st.booleans(),
    ),
    max_size=5,
)


@given(DIFFERENCES, DIFFERENCES)
def test_more_differences_never_make_a_stricter_level(
    some: list[Difference], more: list[Difference]
) -> None:
    alone, together = level_of(some, ["seed"]), level_of([*some, *more], ["seed"])
    assert LEVELS.index(together) >= LEVELS.index(alone)
