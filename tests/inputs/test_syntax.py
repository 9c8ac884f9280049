"""A syntax digest doesn't see how a program is written down, and sees everything else."""

from __future__ import annotations

import ast
import json
import sqlite3
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.inputs import syntax
from gitml.inputs.syntax import digest_of, notebook_digest, parsed_digest, syntax_digest
from gitml.inputs.syntax_cache import SyntaxCache

STANDARD = Path(sysconfig.get_path("stdlib"))
OTHER_PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.1[1-9]*/bin/python"))
PROGRAM = '''"""Train."""
import os, sys
from . import a as b
from ..c import *
X: int = 0x10
(Y): int = 1_000
@decorate(1)
class A(B, metaclass=C):
    """Doc."""
    async def f(self, x, /, y: int = 1, *args, z, w=None, **kw) -> "str":
        async with g(x) as h, i: await h
        return f"{x!r:>{y}} and {z=} {w:.{y}f}" "tail" f"" rf"\\d{x}"
def gen(*, a, b=1):
    global G; nonlocal_ = lambda q, *r: (yield q)
    try: yield from a
    except (OSError, ValueError) as e: raise e from None
    else: pass
    finally: del a
    while (n := next(b)) > 0: continue
    for i, *j in zip([1, 2.50, 3j, 1e-3], {4, 5}, {**a, 6: 7}): break
    assert not a or b and c, "m"
    return [x for x in y if x if not x], {k: v async for k, v in z}, a[1:2, ::3, ...], -1, ~a
match x:
    case None | True: pass
    case {"a": 1, **rest}: pass
    case [1, *_, Point(x=0)] if x: pass
    case "é" "\\u0000" b"\\xff": pass
'''.replace(' b"\\xff": pass', ": pass")


def digest(text: str) -> str:
    found = parsed_digest(text.encode())
    assert found is not None, text
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x=1", "x = 1  # one"),
        ("x = 0.001", "x = 1e-3"),
        ("x = 16", "x = 0x10"),
        ("x = 'a'", 'x = """a"""'),
        ("x = 'ab'", "x = ('a'  'b')"),
        ("x = u'a'", "x = 'a'"),
        ("x = r'\\d'", "x = '\\\\d'"),
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("x = (1, 2)", "x = 1, 2"),
        ("x = (a + b)", "x = a + b"),
        ("if a: b", "if a:\n\n        b"),
        ("f'{a}'", 'f"{ a }"'),
        ("f'a' f'{b}c'", "'a' f'{b}' 'c'"),
        ("f''", "'' f''"),
        ("def f():\r\n  '''a\r\n  b'''\r\n", "def f():\n    '''a\n  b'''\n"),
        ("\ufeffx = 1", "x = 1"),
        ("# -*- coding: utf-8 -*-\nx = 'é'", "x = '\\xe9'"),
    ],
)
def test_spelling_does_not_count(one: str, other: str) -> None:
    assert digest(one) == digest(other)


def test_every_change_of_meaning_counts() -> None:
    different = [
        "",
        "'doc'",
        "'Doc'",
        "x = 1",
        "x = 1.0",
        "x = True",
        "x = None",
        "x = False",
        "x = 0",
        "x = ''",
        "x = b''",
        "x = '1'",
        "x = b'1'",
        "x = 1j",
        "x = ...",
        "x: int",
        "(x): int",
        "x: int = 1",
        "x += 1",
        "x = -1",
        "y = 1",
        "x = y = 1",
        "x = 1; pass",
        "x = (1,)",
        "x = [1]",
        "x = {1}",
        "x = []",
        "x = ()",
        "x = {}",
        "import a",
        "import a as b",
        "from a import b",
        "from . import b",
        "from .. import b",
        "from .a import b",
        "from a import *",
        "def f(a, b): pass",
        "def f(a, /, b): pass",
        "def f(a, *, b): pass",
        "def f(*, a, b=1): pass",
        "def f(*, a=1, b): pass",
        "def f(a, *b): pass",
        "def f(a, **b): pass",
        "async def f(a, b): pass",
        "def f(a, b) -> a: pass",
        "lambda a: b",
        "lambda: b",
        "{**a, 1: 2}",
        "{1: 2, **a}",
        "f'{x}'",
        "f'{x!r}'",
        "f'{x:>3}'",
        "f'{x=}'",
        "f'a{x}'",
        "f'{x}a'",
        "f'a'",
        "global a, b",
        "global b, a",
        "a < b",
        "a > b",
        "a < b < c",
        "a < b > c",
        "a and b or c",
        "a and (b or c)",
        "a[1:2]",
        "a[1:]",
        "a[:1]",
        "a[::1]",
        "a[1]",
        "[x for x in y]",
        "(x for x in y)",
        "{x for x in y}",
        "[x for x in y if x]",
        "[x for x in y for x in y]",
        "f(a)",
        "f(*a)",
        "f(**a)",
        "f(a=a)",
        "for x in y: pass",
        "for x in y: pass\nelse: pass",
        "async def f():\n  async for x in y: pass",
        "async def f():\n  for x in y: pass",
        "match x:\n  case None: pass",
        "match x:\n  case False: pass",
        "match x:\n  case True: pass",
        "match x:\n  case _: pass",
        "match x:\n  case y: pass",
        "match x:\n  case [*_]: pass",
        "match x:\n  case A(y=1): pass",
        "match x:\n  case A(z=1): pass",
        "try: a\nexcept b: c",
        "try: a\nexcept b as c: c",
        "try: a\nexcept* b: c",
        "try: a\nfinally: c",
        "raise a",
        "raise a from b",
        "return_ = 1",
        "if a: b\nif a: c",
        "if a:\n  b\n  if a: c",
    ]
    assert len({digest(text) for text in different}) == len(different)


def samples() -> list[bytes]:
    names = ["ast.py", "dataclasses.py", "typing.py", "argparse.py", "asyncio/tasks.py"]
    return [PROGRAM.encode(), *((STANDARD / name).read_bytes() for name in names)]


@pytest.mark.parametrize("source", samples(), ids=range(len(samples())))
def test_a_source_that_is_written_anew_from_its_tree_is_the_same(source: bytes) -> None:
    again = ast.unparse(ast.parse(source))
    # Unparsing has its own idea of docstrings' indentation, so it is compared with itself too.
    assert digest(again) == digest(ast.unparse(ast.parse(again)))
    if source == PROGRAM.encode():
        assert digest(again) == digest(PROGRAM)


def test_a_formatter_changes_nothing(tmp_path: Path) -> None:
    before = PROGRAM.encode()
    file = tmp_path / "program.py"
    file.write_bytes(before)
    for width in ("40", "120"):
        command = [sys.executable, "-m", "ruff", "format", "-q", "--isolated", "--line-length"]
        subprocess.run([*command, width, str(file)], check=True)
        assert file.read_bytes() != before
        assert syntax_digest(file.read_bytes()) == syntax_digest(before)


@pytest.mark.parametrize("python", OTHER_PYTHONS, ids=lambda path: path.parts[-3])
def test_every_python_finds_the_same_digests(python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    for number, source in enumerate(samples()):
        (folder / f"{number}.py").write_bytes(source)
    script = (
        "import importlib.util, json, pathlib, sys\n"
        "spec = importlib.util.spec_from_file_location('syntax', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "files = sorted(pathlib.Path(sys.argv[2]).iterdir())\n"
        "print(json.dumps([module.parsed_digest(file.read_bytes()) for file in files]))\n"
    )
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [python, "-I", "-c", script, syntax.__file__, folder],
        capture_output=True,
        check=True,
        env=environment,
    )
    assert json.loads(done.stdout) == [parsed_digest(source) for source in samples()]


NAMES = st.sampled_from(["a", "b", "lr", "x1"])
VALUES = st.one_of(st.integers(0, 999), st.floats(0, 9, allow_nan=False), st.text(max_size=5))
EXPRESSIONS = st.recursive(
    NAMES | VALUES.map(repr),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.tuples(NAMES, inner).map(lambda t: f"{t[0]}({t[1]})"),
    ),
    max_leaves=6,
)
STATEMENTS = st.tuples(NAMES, EXPRESSIONS).map(lambda t: f"{t[0]} = {t[1]}")


@given(st.lists(STATEMENTS, min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_reformatting_a_generated_program_never_changes_it(
    lines: list[str], chance: object
) -> None:
    original = "\n".join(lines)
    respaced = "\n\n".join(f"{line}  # {number}" for number, line in enumerate(lines))
    wrapped = "\n".join(
        f"{name} = (\n    {value}\n)" for name, value in (line.split(" = ", 1) for line in lines)
    )
    rewritten = ast.unparse(ast.parse(original))
    assert len({digest(text) for text in (original, respaced, wrapped, rewritten)}) == 1


@given(st.lists(STATEMENTS, min_size=1, max_size=4), st.lists(STATEMENTS, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_different_programs_have_different_digests(one: list[str], other: list[str]) -> None:
    trees = [ast.dump(ast.parse("\n".join(lines))) for lines in (one, other)]
    digests = [digest("\n".join(lines)) for lines in (one, other)]
    assert (trees[0] == trees[1]) == (digests[0] == digests[1])


@pytest.mark.parametrize(
    "source", [b"x =", b"print 'old'", b"x\0", b"\xff", b"1" + b"+1" * 100_000, b"(" * 5000]
)
def test_what_can_not_be_parsed_counts_by_its_bytes(source: bytes) -> None:
    if parsed_digest(source) is None:
        assert syntax_digest(source) == syntax_digest(bytes(source))
        assert syntax_digest(source) != syntax_digest(source + b" ")


def notebook(*cells: dict[str, object]) -> bytes:
    return json.dumps({"nbformat": 4, "cells": cells}).encode()


def test_only_the_code_of_a_notebook_counts() -> None:
    code = {"cell_type": "code", "source": ["x = 1\n", "y = 2"], "outputs": [], "metadata": {}}
    one = notebook(code, {"cell_type": "markdown", "source": "# Title"})
    other = notebook({**code, "source": "x=1;\ny = 2 # two", "outputs": [1], "execution_count": 9})
    changed = notebook({**code, "source": "x = 2\ny = 2"})
    assert notebook_digest(one) != syntax_digest(one)
    assert notebook_digest(one) == digest_of("a.ipynb", other)
    assert notebook_digest(one) != notebook_digest(changed)
    magic = notebook({**code, "source": "%matplotlib inline"})
    assert notebook_digest(magic) != notebook_digest(notebook({**code, "source": "%time x"}))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"cells": 1}', b'{"cells": [1]}', b"[" * 9999]
)
def test_what_is_no_notebook_counts_by_its_bytes(data: bytes) -> None:
    assert notebook_digest(data) != notebook_digest(data + b" ")


def never() -> bytes:
    raise AssertionError("the cache should have known")


def test_the_cache_remembers_by_blob(tmp_path: Path) -> None:
    path = tmp_path / "state" / "syntax.db"
    with SyntaxCache(path) as cache:
        found = cache.digest("a.py", "0a", lambda: b"x = 1")
        book = cache.digest("a.ipynb", "0a", lambda: b"{}")
    assert found == syntax_digest(b"x=1") != book
    with SyntaxCache(path) as cache:
        assert cache.digest("b.py", "0a", never) == found
        assert cache.digest("b.ipynb", "0a", never) == book


def test_the_cache_forgets_what_another_python_may_read(tmp_path: Path) -> None:
    path = tmp_path / "syntax.db"
    with SyntaxCache(path) as cache:
        cache.digest("a.py", "0a", lambda: b"x =")
    with SyntaxCache(path) as cache, pytest.raises(AssertionError):
        cache.digest("a.py", "0a", never)


@pytest.mark.parametrize("damage", [b"no database at all" * 999, b"", b"SQLite format 3\0" * 300])
def test_a_damaged_cache_is_begun_anew(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "syntax.db"
    path.write_bytes(damage)
    for read in (lambda: b"x = 1", never):
        with SyntaxCache(path) as cache:
            assert cache.digest("a.py", "0a", read) == syntax_digest(b"x = 1")


def test_a_locked_or_unwritable_cache_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "syntax.db"
    with SyntaxCache(path) as cache:
        cache.digest("a.py", "0a", lambda: b"x = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for place in (path, Path("/proc/nowhere/syntax.db"), tmp_path, None):
        with SyntaxCache(place) as cache:
            assert cache.digest("a.py", "0b", lambda: b"x = 1") == syntax_digest(b"x = 1")
    other.close()
