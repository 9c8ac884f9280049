"""A file of the project that differs, down to functions, cells and lines, and why it counts."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Collection, Mapping

import msgspec

from gitml.comparison.explanation import Detail, begin
from gitml.git.trees import Change
from gitml.inputs.difference import Difference
from gitml.inputs.manifest import CodeInput
from gitml.inputs.pieces import Lines, Piece, changed_lines
from gitml.inputs.syntax_pieces import differing_cells, differing_definitions

# Of one file; the rest is counted.
MAX_PIECES = 100
_LINK, _MODULE_LINK = "120000", "160000"
_SHORT = 7
_PYTHON = (".py", ".pyw")


class CodeContext(msgspec.Struct, frozen=True):
    """What is known about the code of the recorded run, and of the change to it.

    Attributes:
        recorded: The code component of the recorded run.
        scripts: Words of its command that may name Python files, as paths in the repository.
        libraries: Top-level names that it imported from libraries.
        changes: What differs in the trees, by path.
        contents: The blobs that are needed and here, by object id.
        reasons: Why others aren't among them, by object id: a sentence.
        respelled: Files of settings and of ids, which are compared by value.
    """

    recorded: CodeInput
    scripts: frozenset[str]
    libraries: Collection[str]
    changes: Mapping[str, Change]
    contents: Mapping[str, bytes]
    reasons: Mapping[str, str] = {}
    respelled: Collection[str] = ()


def code_detail(difference: Difference, context: CodeContext) -> Detail:
    """Return the detail of a file that differs."""
    change = context.changes.get(difference.name)
    kind = _kind(difference.name, change, context)
    word = _word(difference, change)
    detail = msgspec.structs.replace(
        begin(difference, word), kind=kind, why=_why(difference, word, kind, context)
    )
    if word != "changed":
        return detail
    if change is None:
        return msgspec.structs.replace(detail, note=_UNKNOWN)
    if _MODULE_LINK in (change.old_mode, change.new_mode):
        note = f"It was at {change.old[:_SHORT]}, and is at {change.new[:_SHORT]} now."
        return msgspec.structs.replace(detail, note=note)
    versions = context.contents.get(change.old), context.contents.get(change.new)
    if versions[0] is None or versions[1] is None:
        reasons = (context.reasons.get(oid) for oid in (change.old, change.new))
        note = next((reason for reason in reasons if reason), _MANY)
        return msgspec.structs.replace(detail, note=note)
    if kind == "link":
        return _with_targets(detail, change, versions[0], versions[1])
    return _with_pieces(detail, versions[0], versions[1])


def _with_targets(detail: Detail, change: Change, old: bytes, new: bytes) -> Detail:
    if (change.old_mode, change.new_mode) != (_LINK, _LINK):
        return detail
    one, other = (target.decode("utf-8", "replace") for target in (old, new))
    return msgspec.structs.replace(detail, note=f"It led to {one}, and leads to {other} now.")


_MANY = "Too many files differ for it to be compared."
_UNKNOWN = "Only digests of it are recorded."


def _with_pieces(detail: Detail, old: bytes, new: bytes) -> Detail:
    """Add what differs between two versions of a file."""
    pieces: tuple[Piece, ...] | None = None
    lines: Lines | None = None
    note = ""
    if detail.kind in ("script", "module"):
        pieces = differing_definitions(old, new)
        if pieces is None:
            note = "Python can't parse it, so it counts as a whole."
    elif detail.kind == "notebook":
        pieces = differing_cells(old, new)
    if not pieces:
        lines = changed_lines(old, new)
    found = pieces or ()
    return msgspec.structs.replace(
        detail,
        pieces=found[:MAX_PIECES],
        more=max(0, len(found) - MAX_PIECES),
        lines=lines,
        note=note,
    )


def wanted_blobs(differences: Collection[Difference], changes: Mapping[str, Change]) -> list[str]:
    """Return the object ids of the files whose two versions have to be read."""
    return [
        oid
        for difference in differences
        if difference.input == "code" and difference.planned == "changed"
        for change in [changes.get(difference.name)]
        if change is not None and _MODULE_LINK not in (change.old_mode, change.new_mode)
        for oid in (change.old, change.new)
        if oid
    ]


def _kind(path: str, change: Change | None, context: CodeContext) -> str:
    if change and {_LINK, _MODULE_LINK} & {change.old_mode, change.new_mode}:
        return "link"
    if path in context.scripts and (path.endswith(_PYTHON) or path in context.recorded.modules):
        return "script"
    if path.endswith(".ipynb"):
        return "notebook"
    is_module = path.endswith(_PYTHON) or path in context.recorded.modules
    return "module" if is_module else "file"


def _word(difference: Difference, change: Change | None) -> str:
    if difference.planned == "formatting":
        return "formatting"
    if difference.planned is None:
        return "removed"
    if difference.recorded is None:
        return "added"
    return "mode" if change and change.old == change.new else "changed"


def _why(difference: Difference, word: str, kind: str, context: CodeContext) -> str:
    path, code = difference.name, context.recorded
    if word == "formatting":
        return "the same values" if path in context.respelled else "the same syntax tree"
    if kind == "link":
        return "a link leads to other files"
    if not difference.counts:
        return "not reached by the run"
    if "reached" in (difference.recorded, difference.planned):
        return "reached by one of the runs only"
    if path in code.opened:
        return "opened by the run"
    if path in code.modules:
        if not code.observed:
            return "tracked, and the run wasn't observed"
        return "the script of the command" if kind == "script" else "reached by the run"
    if kind == "module" and code.observed:
        return _why_new(path, context)
    return "tracked, be it read or not"


def _why_new(path: str, context: CodeContext) -> str:
    """Return why a Python file that the run never reached would be picked up, or is missed."""
    code = context.recorded
    folder, file = posixpath.split(path)
    if folder in code.listed:
        return f"the run listed the folder {folder or '.'}"
    stem = file.rpartition(".")[0]
    subject = folder if stem == "__init__" else posixpath.join(folder, stem)
    name = posixpath.basename(subject)
    if f"{subject}.py" in code.modules or f"{subject}/__init__.py" in code.modules:
        return f"it would be imported as {name}"
    if any(module.startswith(f"{subject}/") for module in code.modules):
        return f"it would be imported with the package {name}"
    if name in sys.stdlib_module_names:
        return f"it would hide Python's own {name}"
    if name in context.libraries:
        return f"it would hide the library {name}"
    parts = path.split("/")
    folders = ("/".join(parts[:depth]) for depth in range(len(parts)))
    listed = next((above for above in folders if above in code.listed), None)
    if listed is not None:
        return f"the run walked through the folder {listed or '.'}"
    return f"code that the run reached mentions {name}"
