"""What differs between two versions of a file is named, and nothing else."""

from __future__ import annotations

import ast
import json
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.inputs.pieces import changed_lines, differing_words
from gitml.inputs.syntax import parsed_digest
from gitml.inputs.syntax_pieces import differing_cells, differing_definitions

STANDARD = Path(sysconfig.get_path("stdlib"))

PROGRAM = '''\
"""Train."""
import os, sys
from torch import nn, optim

BATCH = 32
low, high = 0, 1


@register
class Net(nn.Module):
    """A net."""

    width = 8

    def __init__(self):
        self.a = 1

    @property
    def size(self):
        return self.a

    @size.setter
    def size(self, value):
        self.a = value

    async def forward(self, x):
        def inner(y):
            return y

        return inner(x)


@overload
def load(name: str) -> str: ...


@overload
def load(name: int) -> int: ...


def load(name):
    return name


def train(steps, rate=1):
    """Run."""
    return steps


try:
    import fast
except ImportError:
    fast = None
if os.name == "nt":

    def home():
        return "C:"

else:

    def home():
        return "/"


print("a")
print("b")
if __name__ == "__main__":
    train(1)
'''


def named(old: str, new: str) -> list[str]:
    """Return what differs as short texts."""
    found = differing_definitions(old.encode(), new.encode())
    assert found is not None
    return [
        " ".join(filter(None, [piece.name, piece.change, piece.aspect, piece.was]))
        for piece in found
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Train.", "Learn.", ["<module> changed"]),
        ("import os, sys", "import os", ["import sys removed"]),
        ("import os, sys", "import os, sys as s", ["import sys as s added", "import sys removed"]),
        ("nn, optim", "optim, nn", ["<module> reordered"]),
        ("import os, sys", "import os\nimport sys", ["<module> reordered"]),
        ("BATCH = 32", "BATCH = 64", ["BATCH changed"]),
        ("BATCH = 32", "BATCH: int = 32", ["BATCH changed"]),
        ("BATCH = 32\n", "", ["BATCH removed"]),
        ("low, high = 0", "low, high = 2", ["low, high changed"]),
        ("@register\n", "", ["Net changed decorators"]),
        ("nn.Module", "nn.Sequential", ["Net changed bases"]),
        ("A net.", "The net.", ["Net changed docstring"]),
        ("width = 8", "width = 9", ["Net.width changed"]),
        ("self.a = 1", "self.a = 2", ["Net.__init__ changed"]),
        ("self.a = value", "self.a = -value", ["Net.size changed"]),
        ("return y", "return -y", ["Net.forward.inner changed"]),
        ("return inner(x)", "return -inner(x)", ["Net.forward changed"]),
        ("async def forward", "def forward", ["Net.forward changed"]),
        ("class Net", "class Model", ["Model renamed Net"]),
        ("name: int) -> int", "name: float) -> int", ["load changed"]),
        ("def load(name):\n    return name", "def load(name):\n    return -name", ["load changed"]),
        ("rate=1", "rate=2", ["train changed signature"]),
        ('"""Run."""', '"""Walk."""', ["train changed docstring"]),
        ("return steps", "return -steps", ["train changed"]),
        ("def train(", "def fit(", ["fit renamed train"]),
        ("    fast = None", "    fast = 0", ["try: fast changed"]),
        ('return "/"', 'return "/root"', ["home changed"]),
        ('print("b")', 'print("c")', ["print() changed"]),
        ('print("b")\n', "", ["print() removed"]),
        ('print("b")\n', 'print("b")\nprint("c")\n', ["print() added"]),
        ("    train(1)\n", "    train(2)\n", ["if __name__ == '__main__' changed"]),
        ("os.name ==", "os.name !=", ["if os.name != 'nt' changed"]),
    ],
)  # fmt: skip
def test_an_edit_is_named(old: str, new: str, expected: list[str]) -> None:
    assert PROGRAM.count(old) == 1
    assert named(PROGRAM, PROGRAM.replace(old, new)) == expected


def test_what_came_or_went_as_a_whole_is_named_once() -> None:
    whole = "class A:\n    x = 1\n    def f(self):\n        def g(): pass\n"
    assert named("", whole) == ["A added"]
    assert named(whole, "") == ["A removed"]
    assert named(whole, whole + "    def h(self): pass\n") == ["A.h added"]


def test_a_definition_that_moved_is_no_edit_of_it() -> None:
    one, other = "def f(): pass\n", "def g(): return 1\n"
    assert named(one + other, other + one) == ["<module> reordered"]
    inside = "class A:\n    def f(self): pass\n    def g(self): return 1\n"
    turned = "class A:\n    def g(self): return 1\n    def f(self): pass\n"
    assert named(inside, turned) == ["A reordered"]


def test_a_function_that_became_a_class_is_the_same_name() -> None:
    assert named("def f(): pass\n", "class f: pass\n") == ["f changed"]
    assert named("def f(): pass\n", "f = print\n") == ["f changed"]


def test_lines_are_those_of_the_present_version() -> None:
    found = differing_definitions(b"def f(): pass\n", b"\n\ndef f(): return\n")
    assert found is not None
    assert [piece.line for piece in found] == [3]


@pytest.mark.parametrize("broken", [b"def f(:\n", b"\xff\xfe", b"x = (\n", b"\0"])
def test_what_is_no_python_counts_as_a_whole(broken: bytes) -> None:
    assert differing_definitions(broken, b"x = 1\n") is None
    assert differing_definitions(b"x = 1\n", broken) is None


def test_deep_nesting_is_no_error() -> None:
    deep = "if x == 0: y = 0\n" + "".join(f"elif x == {n}: y = {n}\n" for n in range(1, 200))
    assert named(deep, deep.replace("y = 199", "y = 0")) == ["if x == 0 changed"]
    long = f"z = {' + '.join(['1'] * 2_000)}\n"
    found = differing_definitions(long.encode(), long.replace("z =", "z = 2 +").encode())
    assert found is None or [piece.name for piece in found] == ["z"]


EXPRESSIONS = st.sampled_from(["x", "x + 1", "f(x, y=2)", "[a for a in x]", "x.y[0]", "'a b'"])
LINES = st.builds("    {} = {}".format, st.sampled_from(["a", "b"]), EXPRESSIONS)
BODIES = st.lists(LINES, min_size=1, max_size=4).map("\n".join)
NESTED = st.sampled_from(
    ["", "    def inner(z):\n        return z\n", "    if x:\n        y = 1\n"]
)


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Return the qualified names of functions, and the sources that define them."""
    names, sources = [], []
    for number in range(draw(st.integers(1, 5))):
        name = f"f{number}"
        word = draw(st.sampled_from(["def", "async def"]))
        text = f"{word} {name}(x):\n{draw(NESTED)}{draw(BODIES)}\n"
        if draw(st.booleans()):
            indented = "".join(f"    {line}\n" for line in text.splitlines())
            text = f"class C{number}:\n    w = {number}\n{indented}"
            name = f"C{number}.{name}"
        names.append(name)
        sources.append(text)
    return names, sources


@settings(max_examples=60, deadline=None)
@given(programs())
def test_a_reformatted_file_has_nothing_that_differs(made: tuple[list[str], list[str]]) -> None:
    source = "import os\nlimit = 3\n" + "".join(made[1])
    again = ast.unparse(ast.parse(source)).replace("\n", "  # a remark\n") + "\n"
    assert differing_definitions(source.encode(), again.encode()) == ()


@settings(max_examples=60, deadline=None)
@given(programs(), st.data())
def test_an_edit_of_one_function_names_exactly_that_function(
    made: tuple[list[str], list[str]], data: st.DataObject
) -> None:
    names, sources = made
    place = data.draw(st.integers(0, len(names) - 1))
    edited = list(sources)
    indent = "        " if sources[place].startswith("class") else "    "
    edited[place] += f"{indent}return 'edited'\n"
    found = differing_definitions("".join(sources).encode(), "".join(edited).encode())
    assert found is not None
    assert [(piece.name, piece.change) for piece in found] == [(names[place], "changed")]


@settings(max_examples=40, deadline=None)
@given(programs(), programs())
def test_something_is_named_exactly_when_the_digest_differs(
    one: tuple[list[str], list[str]], other: tuple[list[str], list[str]]
) -> None:
    versions = "".join(one[1]).encode(), "".join(other[1]).encode()
    same = parsed_digest(versions[0]) == parsed_digest(versions[1])
    assert (differing_definitions(*versions) == ()) is same


def test_a_large_file_is_compared_in_no_time() -> None:
    source = (STANDARD / "typing.py").read_bytes()
    found = differing_definitions(
        source, source.replace(b"def cast(typ, val)", b"def cast(t, val)")
    )
    assert found is not None
    assert [(piece.name, piece.aspect) for piece in found] == [("cast", "signature")]


def notebook(*sources: str) -> bytes:
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "source": "# Title"}]
    cells += [{"cell_type": "code", "source": source, "outputs": []} for source in sources]
    return json.dumps({"cells": cells, "nbformat": 4}).encode()


def cells(old: bytes, new: bytes) -> list[str]:
    found = differing_cells(old, new)
    assert found is not None
    return [f"{piece.name} {piece.change}" for piece in found]


def test_cells_of_notebooks_are_told_by_their_number() -> None:
    book = notebook("a = 1", "b = 2", "c = 3")
    assert cells(book, notebook("a=1 # one", "b = 2", "c = 3")) == []
    assert cells(book, notebook("a = 1", "b = 9", "c = 3")) == ["cell 2 changed"]
    assert cells(book, notebook("a = 1", "b = 2", "x = 0", "c = 3")) == ["cell 3 added"]
    assert cells(book, notebook("a = 1", "c = 3")) == ["cell 2 removed"]
    assert cells(book, notebook("%time a", "b = 2", "c = 3")) == ["cell 1 changed"]
    assert differing_cells(b"[]", book) is None


def test_lines_are_counted_as_a_diff_would() -> None:
    old = b"one\ntwo\nthree\n"
    assert changed_lines(old, b"one\n2\nthree\n") == changed_lines(b"a\nb\n", b"a\nc\n")
    found = changed_lines(old, b"one\ntwo\nthree\nfour\n")
    assert found is not None
    assert (found.added, found.removed, found.first) == (1, 0, 4)
    found = changed_lines(old, b"zero\none\nthree\n")
    assert found is not None
    assert (found.added, found.removed, found.first) == (1, 1, 1)
    assert changed_lines(old, b"one\0") is None


def test_many_lines_are_counted_as_well() -> None:
    old = b"".join(b"%d\n" % number for number in range(5_000))
    new = b"".join(b"%d\n" % number for number in range(100, 5_100))
    found = changed_lines(b"start\n" + old + b"end", b"begin\n" + new + b"end")
    assert found is not None
    assert (found.added, found.removed, found.first) == (101, 101, 1)


def test_words_of_commands_are_compared_in_their_order() -> None:
    found = differing_words(("python", "train.py"), ("python", "-O", "train.py"))
    assert [(piece.name, piece.change) for piece in found] == [("-O", "added")]
    found = differing_words(("python", "train.py"), ("python", "child.py"))
    assert [(piece.name, piece.change) for piece in found] == [
        ("train.py", "removed"),
        ("child.py", "added"),
    ]
