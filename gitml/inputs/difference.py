"""Differences between the inputs of two experiments, component by component."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from gitml.inputs.code_change import CodeChange
from gitml.inputs.folding import folded_alike
from gitml.inputs.manifest import (
    CodeInput,
    CommandInput,
    DataInput,
    LibrariesInput,
    PartInput,
    PartitionInput,
)
from gitml.inputs.settings import same
from gitml.inputs.versions import with_build
from gitml.values import Scalar, to_json


class Difference(msgspec.Struct, frozen=True):
    """One input that differs.

    Attributes:
        input: The component: `command`, `settings`, `code`, `data`, `partition`, `libraries`.
        name: Of the setting, file, distribution or part.
        recorded: Its value in the recorded experiment; None when it has none.
        planned: Its value now; None when it has none.
        counts: Whether it can change the result. Formatting, for example, can't.
    """

    input: str
    name: str
    recorded: Scalar
    planned: Scalar
    counts: bool = True


def compare_command(recorded: CommandInput, planned: CommandInput) -> list[Difference]:
    """Return what differs between two programs."""
    found = []
    if recorded.program != planned.program:
        words = " ".join(recorded.program), " ".join(planned.program)
        if words[0] == words[1]:  # split differently, such as `a b` against `"a b"`
            words = str(list(recorded.program)), str(list(planned.program))
        found.append(Difference("command", "program", *words))
    if recorded.folder != planned.folder:
        found.append(Difference("command", "folder", recorded.folder, planned.folder))
    return found


def compare_settings(
    recorded: Mapping[str, Scalar],
    planned: Mapping[str, Scalar],
    *,
    idle: Collection[str] = (),
) -> list[Difference]:
    """Return the settings that differ in value or type, sorted by name.

    Args:
        recorded: Name → value.
        planned: Name → value.
        idle: Names that don't count: inert ones, and paths that the run only writes to.
    """
    found = []
    for name in sorted({*recorded, *planned}):
        if name in recorded and name in planned and same(recorded[name], planned[name]):
            continue
        one, other = to_json(recorded.get(name)), to_json(planned.get(name))
        found.append(Difference("settings", name, one, other, name not in idle))
    return found


def compare_code(changes: Iterable[CodeChange]) -> list[Difference]:
    """Return the differences that the changed files of `which_changed` stand for."""
    words: dict[str, tuple[str | None, str | None]] = {
        "added": (None, "added"),
        "removed": ("there", None),
        "changed": ("before", "changed"),
        "formatting": ("before", "formatting"),
    }
    return [
        Difference("code", change.path, *words[change.kind], change.counts) for change in changes
    ]


def compare_manifest_code(recorded: CodeInput, planned: CodeInput) -> list[Difference]:
    """Return what differs between the code components of two finished runs.

    Of files that are no modules only one digest is known here, so they are named together.
    """
    found = []
    for path in sorted({*recorded.modules, *planned.modules}):
        one, other = recorded.modules.get(path), planned.modules.get(path)
        if one is None or other is None:
            words = ("reached", None) if other is None else (None, "reached")
            found.append(Difference("code", path, *words))
        elif one.content != other.content:
            counts = one.syntax != other.syntax
            word = "changed" if counts else "formatting"
            found.append(Difference("code", path, "before", word, counts))
    if recorded.others != planned.others:
        found.append(Difference("code", "other files", recorded.others, planned.others))
    for name in sorted({*recorded.editable, *planned.editable}):
        sources = recorded.editable.get(name), planned.editable.get(name)
        if sources[0] != sources[1]:
            found.append(Difference("libraries", name, *sources))
    return found


def compare_data(
    recorded: Mapping[str, DataInput], planned: Mapping[str, DataInput]
) -> list[Difference]:
    """Return the data inputs that differ in content.

    The same content under another name, and content that is now tracked otherwise, is said but
    doesn't count: the names that a program uses are in its settings and its code. What a run read
    and then overwrote has no known content, and is never the same as anything.
    """
    recorded, planned = folded_alike([recorded, planned])
    gone = {name: item for name, item in recorded.items() if name not in planned}
    come = {name: item for name, item in planned.items() if name not in recorded}
    found = []
    for name in sorted(recorded.keys() & planned.keys()):
        one, other = recorded[name], planned[name]
        if one.digest != other.digest or _is_lost(one):
            found.append(Difference("data", name, one.digest, other.digest))
        elif one.kind != other.kind:
            found.append(Difference("data", name, one.kind, other.kind, counts=False))
    for name, item in sorted(gone.items()):
        twin = next((n for n, i in sorted(come.items()) if i.digest == item.digest != ""), None)
        if twin is None:
            found.append(Difference("data", name, item.digest or item.kind, None))
        else:
            del come[twin]
            found.append(Difference("data", name, name, twin, counts=False))
    for name, item in sorted(come.items()):
        found.append(Difference("data", name, None, item.digest or item.kind))
    return found


def compare_partition(recorded: PartitionInput, planned: PartitionInput) -> list[Difference]:
    """Return the parts that differ; how the split was made is no difference.

    Of equal parts, what else the file says (labels, the order of examples) is data.
    """
    found = []
    for name in sorted({*recorded.parts, *planned.parts}):
        one, other = recorded.parts.get(name), planned.parts.get(name)
        if one != other:
            found.append(Difference("partition", name, _part(one), _part(other)))
    if not found and recorded.rows != planned.rows:
        name = planned.source or recorded.source
        found.append(Difference("data", name, recorded.rows or None, planned.rows or None))
    return found


def compare_libraries(recorded: LibrariesInput, planned: LibrariesInput) -> list[Difference]:
    """Return the Python and library versions that differ.

    Before a run, `planned` has the versions that are installed of what the recorded run imported.
    """
    found = []
    for name, one, other in (
        ("python", recorded.python, planned.python),
        ("implementation", recorded.implementation, planned.implementation),
    ):
        if one != other:
            found.append(Difference("libraries", name, one or None, other or None))
    for name in sorted({*recorded.imported, *planned.imported}):
        versions = recorded.imported.get(name), planned.imported.get(name)
        builds = recorded.builds.get(name, ""), planned.builds.get(name, "")
        if versions[0] != versions[1]:
            found.append(Difference("libraries", name, *versions))
        elif builds[0] != builds[1]:
            one, other = (with_build(versions[0] or "", build) for build in builds)
            found.append(Difference("libraries", name, one, other))
    return found


def _is_lost(item: DataInput) -> bool:
    # Of what is external the content is not known either; that caps the level instead.
    return not item.digest and item.kind != "external"


def _part(part: PartInput | None) -> str | None:
    if part is None:
        return None
    known = " ".join(
        f"{name} {value.removeprefix('sha256:')[:12]}"
        for name, value in (("", part.digest), ("groups", part.groups), ("content", part.content))
        if value
    )
    return f"{part.count} examples{' ' if known else ''}{known.strip()}"
