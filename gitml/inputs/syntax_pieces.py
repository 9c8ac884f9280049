"""Which definitions differ between two versions of a Python source.

The versions are cut into definitions and statements, and these are compared by the same walk that
the digest of the file takes, so what doesn't change the digest never shows here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from gitml.inputs import syntax
from gitml.inputs.pieces import Change, Piece
from gitml.inputs.syntax_units import MODULE, Unit, aspect_of, units_of

_NAMELESS = "statement"


def differing_definitions(old: bytes, new: bytes) -> tuple[Piece, ...] | None:
    """Return the pieces of a source that differ, in the order of the newer version.

    Args:
        old: The recorded version.
        new: The present one.

    Returns:
        Nothing when the digests are the same; None when one of them can't be parsed, so that only
        the file as a whole can be named.
    """
    trees = syntax.parse(old), syntax.parse(new)
    if trees[0] is None or trees[1] is None:
        return None
    if syntax.walk(trees[0]) == syntax.walk(trees[1]):
        return ()
    before, after = units_of(trees[0]), units_of(trees[1])
    found = [*_contents(before, after), *_orders(before, after)]
    # What is cut differently (`import a, b` for two lines) has the same pieces.
    return tuple(found) or (Piece(MODULE, "reordered", "statement"),)


def differing_cells(old: bytes, new: bytes) -> tuple[Piece, ...] | None:
    """Return the code cells of a notebook that differ, by their number; None for no notebook."""
    from difflib import SequenceMatcher

    cells = syntax.code_cells(old), syntax.code_cells(new)
    if cells[0] is None or cells[1] is None:
        return None
    before, after = (_numbered(one) for one in (cells[0], cells[1]))
    digests = [[digest for _, digest in side] for side in (before, after)]
    found: list[Piece] = []
    matcher = SequenceMatcher(None, digests[0], digests[1], autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        gone, come = before[start:end], after[other_start:other_end]
        both = min(len(gone), len(come))
        found += [_cell(number, "changed") for number, _ in come[:both]]
        found += [_cell(number, "added") for number, _ in come[both:]]
        found += [_cell(number, "removed") for number, _ in gone[both:]]
    return tuple(found)


def _numbered(cells: Iterable[str]) -> list[tuple[int, str]]:
    return [
        (number, syntax.syntax_digest(text.encode()))
        for number, text in enumerate(cells, 1)
        if text.strip()
    ]


def _cell(number: int, change: Change) -> Piece:
    return Piece(f"cell {number}", change, "cell")


def _contents(before: Sequence[Unit], after: Sequence[Unit]) -> list[Piece]:
    """Return what was added, removed, changed and renamed, whatever its place."""
    old, new = _by_key(before), _by_key(after)
    turned = {key[1] for key in old.keys() & new.keys() if old[key][0].kind != new[key][0].kind}
    gone = _outermost((old[key] for key in old if key not in new), turned)
    come = _outermost((new[key] for key in new if key not in old), turned)
    renamed = _pairs(gone, come, _is_renamed)
    replaced = _pairs(gone, come, _is_replaced)
    taken = {id(unit) for pair in (*renamed, *replaced) for unit in pair}
    pieces = [_piece(other, "renamed", was=one.name) for one, other in renamed]
    pieces += [_piece(other, "changed") for _, other in replaced]
    pieces += [_piece(unit, "added") for unit in come if id(unit) not in taken]
    pieces += [piece for key in new if key in old for piece in _same_name(old[key], new[key])]
    pieces.sort(key=lambda piece: piece.line)
    return pieces + [_piece(unit, "removed") for unit in gone if id(unit) not in taken]


def _outermost(groups: Iterable[Sequence[Unit]], turned: set[str]) -> list[Unit]:
    """Return one unit for each name, without what came or went together with its scope.

    Scopes among `turned` are of another kind now, so all in them came or went.
    """
    found = [unit for units in groups for unit in units]
    scopes = turned | {unit.name for unit in found if unit.kind in ("class", "function")}
    once = {unit.key: unit for unit in reversed(found) if scopes.isdisjoint(unit.inside)}
    return list(once.values())[::-1]


def _by_key(units: Iterable[Unit]) -> dict[tuple[str, str], list[Unit]]:
    found: dict[tuple[str, str], list[Unit]] = {}
    for unit in units:
        found.setdefault(unit.key, []).append(unit)
    return found


def _pairs(
    gone: Iterable[Unit], come: Iterable[Unit], fits: Callable[[Unit, Unit], bool]
) -> list[tuple[Unit, Unit]]:
    """Return those that went with those that came in their place."""
    waiting = list(gone)
    pairs = []
    for unit in come:
        twin = next((one for one in waiting if fits(one, unit)), None)
        if twin is not None:
            waiting.remove(twin)
            pairs.append((twin, unit))
    return pairs


def _is_renamed(one: Unit, other: Unit) -> bool:
    return one.nameless == other.nameless != "" and one.inside == other.inside


def _is_replaced(one: Unit, other: Unit) -> bool:
    """Whether a statement without a name took the place of another one of its sort."""
    kinds = {one.kind, other.kind}
    same = type(one.node) is type(other.node) and one.inside == other.inside
    return kinds == {_NAMELESS} and same


def _same_name(old: Sequence[Unit], new: Sequence[Unit]) -> list[Piece]:
    """Return what differs between what has the same name (overloads, several calls of `print`)."""
    before, after = [unit.text for unit in old], [unit.text for unit in new]
    if before == after:
        return []
    pairs = zip(before, after, strict=False)
    first = next((place for place, (one, other) in enumerate(pairs) if one != other), len(before))
    where = new[min(first, len(new) - 1)]
    if len(old) == len(new) == 1:
        return [_piece(where, "changed", aspect=aspect_of(old[0], new[0]))]
    come, gone = Counter(after) - Counter(before), Counter(before) - Counter(after)
    if not come and not gone:
        return [_piece(where, "reordered")]
    if where.kind == _NAMELESS and not (come and gone):
        return [_piece(where, "added" if come else "removed")]
    return [_piece(where, "changed")]


def _piece(unit: Unit, change: Change, was: str = "", aspect: str = "") -> Piece:
    return Piece(unit.name, change, unit.kind, was, aspect, unit.line)


def _orders(before: Sequence[Unit], after: Sequence[Unit]) -> list[Piece]:
    """Return the scopes in which what is there before and after stands in another order."""
    found = []
    sequences = _sequences(before), _sequences(after)
    for scope, (kind, line, keys) in sequences[1].items():
        if scope not in sequences[0]:
            continue
        others = sequences[0][scope][2]
        common = set(keys) & set(others)
        one, other = ([key for key in side if key in common] for side in (others, keys))
        if one != other and sorted(one) == sorted(other):
            imports = _without_imports(one) == _without_imports(other)
            found.append(
                Piece(scope or MODULE, "reordered", "import" if imports else kind, line=line)
            )
    return found


def _without_imports(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [key for key in keys if key[0] != "import"]


def _sequences(units: Sequence[Unit]) -> dict[str, tuple[str, int, list[tuple[str, str]]]]:
    """Return scope → (its kind, its line, the keys of what stands in it)."""
    kinds = {unit.name: (unit.kind, unit.line) for unit in units if unit.kind == "class"}
    found: dict[str, tuple[str, int, list[tuple[str, str]]]] = {}
    for unit in units:
        scope = unit.inside[-1] if unit.inside else ""
        if not scope or scope in kinds:
            kind, line = kinds.get(scope, ("statement", 0))
            found.setdefault(scope, (kind, line, []))[2].append(unit.key)
    return found
