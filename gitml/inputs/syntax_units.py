"""A Python source cut into its definitions and the statements between them.

Definitions are taken out of what surrounds them, so that an edit of `Net.forward` shows in the
unit `Net.forward` alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

import msgspec

from gitml.inputs.syntax import walk

MODULE = "<module>"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Scope = ast.Module | Definition

# Only these fields hold statements, and expressions can't hold definitions.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_COMPOUND = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)
_LONGEST = 48
_MOST_NAMES = 3


class Unit(msgspec.Struct, frozen=True):
    """One definition, or one statement of a module or class.

    Attributes:
        name: Qualified name (`Net.forward`); for statements what they assign, import or call.
        kind: As in `Piece`.
        inside: Qualified names of the scopes that it stands in, the outermost first.
        text: Its tree as `walk` returns it, without the definitions in it.
        nameless: The whole tree of a definition without its name, else empty.
        line: Where it begins.
        node: Its tree, without the definitions in it.
    """

    name: str
    kind: str
    inside: tuple[str, ...]
    text: str
    nameless: str
    line: int
    node: ast.AST

    @property
    def key(self) -> tuple[str, str]:
        """What the same thing is called in another version: a class may become a function."""
        named = self.kind in ("function", "class", "assignment")
        return "name" if named else self.kind, self.name


def units_of(tree: ast.Module) -> list[Unit]:
    """Return the units of a module in the order of its lines; the tree is taken apart."""
    found: list[tuple[tuple[int, int], Unit]] = []
    scopes: list[tuple[Scope, tuple[str, ...], str]] = [(tree, (), "")]
    while scopes:
        scope, inside, nameless = scopes.pop()
        own = inside if isinstance(scope, ast.Module) else (*inside, _qualified(inside, scope.name))
        for definition in _take_definitions(scope):
            scopes.append((definition, own, _nameless(definition)))
        if isinstance(scope, ast.Module | ast.ClassDef):
            found += _statements(scope, own)
        if not isinstance(scope, ast.Module):
            kind = "class" if isinstance(scope, ast.ClassDef) else "function"
            unit = Unit(own[-1], kind, inside, _text(scope), nameless, scope.lineno, scope)
            found.append(((scope.lineno, scope.col_offset), unit))
    return [unit for _, unit in sorted(found, key=lambda pair: pair[0])]


def aspect_of(old: Unit, new: Unit) -> str:
    """Return the one aspect in which two versions of a definition differ, or empty."""
    one, other = _aspects(old.node), _aspects(new.node)
    differing = [name for name in one if one[name] != other.get(name)]
    same_kind = one.keys() == other.keys()
    return differing[0] if same_kind and len(differing) == 1 and differing != ["body"] else ""


def _qualified(inside: tuple[str, ...], name: str) -> str:
    return f"{inside[-1]}.{name}" if inside else name


def _text(*nodes: ast.AST) -> str:
    return "\n".join(line for node in nodes for line in walk(node))


def _nameless(definition: Definition) -> str:
    """Return the whole text of a definition, whatever it is called by itself and others."""
    name, definition.name = definition.name, ""
    lines = ["Name" if line == f"Name {name}" else line for line in walk(definition)]
    definition.name = name
    return "\n".join(lines)


def _take_definitions(scope: Scope) -> list[Definition]:
    """Take the definitions out of a scope, however deep they stand in `if`, `try` and the like."""
    taken: list[Definition] = []
    stack: list[ast.AST] = [scope]
    while stack:
        node = stack.pop()
        for field in _BLOCKS:
            children = getattr(node, field, None)
            if not isinstance(children, list):
                continue
            kept = [child for child in children if not isinstance(child, Definition)]
            taken += [child for child in children if isinstance(child, Definition)]
            stack += kept
            setattr(node, field, kept)
    return taken


def _statements(
    scope: ast.Module | ast.ClassDef, inside: tuple[str, ...]
) -> Iterator[tuple[tuple[int, int], Unit]]:
    """Yield the units of a module's or class's own statements, and take them out of a class."""
    docstring = _docstring(scope)
    for statement in scope.body:
        is_class = isinstance(scope, ast.ClassDef)
        if statement is docstring and is_class:
            continue  # of the class
        for name, kind in _named(statement, is_docstring=statement is docstring):
            shown = name if name == MODULE and not inside else _qualified(inside, name)
            shown = inside[-1] if name == MODULE and inside else shown
            # The aliases of an import are told apart by their names alone.
            text = name if kind == "import" else _text(statement)
            place = (statement.lineno, statement.col_offset)
            yield place, Unit(shown, kind, inside, text, "", statement.lineno, statement)
    if isinstance(scope, ast.ClassDef):
        scope.body = [docstring] if docstring else []


def _docstring(node: Scope) -> ast.stmt | None:
    first = node.body[0] if node.body else None
    is_text = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return first if is_text else None


def _aspects(node: ast.AST) -> dict[str, str]:
    if not isinstance(node, Definition):
        return {}
    docstring = _docstring(node)
    aspects = {
        "docstring": _text(docstring) if docstring else "",
        "decorators": _text(*node.decorator_list),
        "type parameters": _text(*getattr(node, "type_params", ())),
    }
    if isinstance(node, ast.ClassDef):
        return aspects | {"bases": _text(*node.bases, *node.keywords)}
    body = [statement for statement in node.body if statement is not docstring]
    return aspects | {
        "signature": _text(node.args) + "\n->" + (_text(node.returns) if node.returns else ""),
        "body": f"{type(node).__name__}\n{_text(*body)}",
    }


def _named(statement: ast.stmt, *, is_docstring: bool) -> list[tuple[str, str]]:
    """Return (name, kind) of what a statement is about; an import has one for each alias."""
    if is_docstring:
        return [(MODULE, "docstring")]
    if isinstance(statement, ast.Import):
        return [(f"import {_alias(alias)}", "import") for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        source = "." * statement.level + (statement.module or "")
        return [(f"from {source} import {_alias(alias)}", "import") for alias in statement.names]
    targets = list(map(_spelled, _targets(statement)))
    if targets:
        return [(_short(", ".join(targets[:_MOST_NAMES])), "assignment")]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return [(_short(f"{_spelled(statement.value.func)}()"), "statement")]
    if isinstance(statement, ast.If | ast.While):
        word = type(statement).__name__.lower()
        return [(_short(f"{word} {_spelled(statement.test)}"), "statement")]
    if isinstance(statement, _COMPOUND):
        names = list(dict.fromkeys(_bound(statement)))
        word = type(statement).__name__.lower().replace("async", "async ").replace("star", "")
        said = f"{word}: {', '.join(names[:_MOST_NAMES])}" if names else word
        return [(_short(said), "statement")]
    return [(MODULE, "statement")]


def _targets(statement: ast.AST) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    if isinstance(statement, ast.AnnAssign | ast.AugAssign):
        return [statement.target]
    alias = getattr(ast, "TypeAlias", None)
    return [statement.name] if alias and isinstance(statement, alias) else []


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a compound statement assigns or imports, in no deeper scope."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        for target in _targets(node):
            yield _spelled(target)
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name
        blocks: Iterable[list[ast.AST]] = (getattr(node, field, []) for field in _BLOCKS)
        stack += [child for block in blocks for child in block][::-1]


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _spelled(node: ast.expr) -> str:
    if isinstance(node, ast.Tuple):
        return ", ".join(map(_spelled, node.elts))
    try:
        return " ".join(ast.unparse(node).split())
    except (RecursionError, ValueError):
        return "…"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
