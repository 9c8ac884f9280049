"""Requirements files: the versions that their lines pin with `==`, and the hashes beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gitml.inputs.distribution import normalised
from gitml.inputs.lock_formats import Entry
from gitml.inputs.markers import Markers

_MAX_FILES = 50
_MAX_BYTES = 4 << 20
_COMMENT = re.compile(r"(?:^|\s)#.*\Z")
_HASH = re.compile(r"\s--hash[= ]\s*(sha256|sha384|sha512):([0-9a-fA-F]+)")
_INCLUDE = re.compile(r"(?:(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?=[^-\s])))(.+)\Z")
_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?P<rest>.*)\Z", re.DOTALL)
_PINNED = re.compile(r"\(?\s*={2,3}\s*(?P<version>[A-Za-z0-9][A-Za-z0-9.+!_-]*)\s*\)?\Z")
_COMMIT = re.compile(r"@\s*\w+\+.*@(?P<commit>[0-9a-f]{40})(?:#.*)?\Z")


class Requirement(msgspec.Struct, frozen=True):
    """One line.

    Attributes:
        name: Normalised.
        version: That it pins, or empty.
        marker: Its environment marker, or empty.
        hashes: `sha256:<hex>` and their like.
        commit: Of the version control system that it names, or empty.
        constraint: Whether it comes from a constraints file.
    """

    name: str
    version: str
    marker: str = ""
    hashes: tuple[str, ...] = ()
    commit: str = ""
    constraint: bool = False


class RequirementsFile(msgspec.Struct, frozen=True):
    """All lines of a requirements file and of those that it includes.

    Attributes:
        lines: In their order.
        files: Absolute paths of everything that was read.
        problems: Sentences about what was left out.
    """

    lines: tuple[Requirement, ...]
    files: tuple[str, ...]
    problems: tuple[str, ...] = ()

    @property
    def pins(self) -> bool:
        """Whether it pins anything."""
        return any(line.version or line.commit for line in self.lines)


def read_requirements(path: Path, inside: Path) -> RequirementsFile:
    """Read a requirements file and what it includes.

    Args:
        path: The file.
        inside: Nothing outside of this folder is read.

    Raises:
        OSError: if the file itself can't be read.
    """
    reader = _Reader(os.path.realpath(inside))
    reader.read(os.path.realpath(path), constraint=False, first=True)
    return RequirementsFile(tuple(reader.lines), tuple(reader.files), tuple(reader.problems))


def requirement_entries(found: RequirementsFile, markers: Markers) -> list[Entry]:
    """Return what the lines pin for an interpreter.

    A constraint is only asked for when a requirement names the same distribution.
    """
    holding = [line for line in found.lines if markers.holds(line.marker)]
    required = {line.name for line in holding if not line.constraint}
    return [
        Entry(line.name, line.version, line.name in required, line.commit)
        for line in holding
        if line.version or line.commit
    ]


def parse_line(line: str) -> Requirement | None:
    """Return the requirement of a logical line; None if it is none, or has no name."""
    hashes = tuple(f"{kind}:{value.lower()}" for kind, value in _HASH.findall(line))
    match = _NAMED.match(line.partition(" --")[0].strip())
    if match is None:
        return None
    rest = match["rest"]
    # An address may hold a semicolon; PEP 508 asks for a blank before the one of a marker.
    cut = " ;" if rest.startswith("@") else ";"
    what, _, marker = rest.partition(cut)
    what = what.strip()
    pinned, commit = _PINNED.match(what), _COMMIT.match(what)
    if what and what[0] not in "=<>!~@(":
        return None  # a path, such as `./wheels/a.whl`
    return Requirement(
        name=normalised(match["name"]),
        version=pinned["version"] if pinned else "",
        marker=marker.strip(),
        hashes=hashes,
        commit=commit["commit"] if commit else "",
    )


class _Reader:
    """The files of one requirements file, in the order of their inclusion."""

    def __init__(self, inside: str) -> None:
        self._inside = inside.rstrip("/") + "/"
        self.lines: list[Requirement] = []
        self.files: list[str] = []
        self.problems: list[str] = []

    def read(self, path: str, *, constraint: bool, first: bool = False) -> None:
        if path in self.files or len(self.files) >= _MAX_FILES:
            return
        self.files.append(path)
        try:
            text = _text_of(path)
        except (OSError, ValueError):
            if first:
                raise
            self.problems.append(f"{os.path.basename(path)} can't be read.")
            return
        for line in _logical_lines(text):
            included = _INCLUDE.match(line)
            if included is not None:
                self._include(included[2].strip().strip("'\""), path, constraint, included[1])
            elif not line.startswith("-"):
                requirement = parse_line(line)
                if requirement is not None:
                    self.lines.append(msgspec.structs.replace(requirement, constraint=constraint))

    def _include(self, name: str, origin: str, constraint: bool, option: str) -> None:
        if "://" in name or "\0" in name:
            self.problems.append("An address that a requirements file includes is not read.")
            return
        path = os.path.realpath(os.path.join(os.path.dirname(origin), name))
        if not path.startswith(self._inside):
            self.problems.append("A requirements file outside of the repository is not read.")
            return
        self.read(path, constraint=constraint or option in ("-c", "--constraint"))


def _text_of(path: str) -> str:
    with open(path, "rb") as stream:
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError("it is larger than any requirements file should be")
    return data.decode("utf-8-sig", "replace")


def _logical_lines(text: str) -> Iterator[str]:
    """Yield lines without comments, those that end in a backslash joined with the next one."""
    parts: list[str] = []
    for line in text.splitlines():
        stripped = _COMMENT.sub("", line)
        if stripped.endswith("\\") and stripped == line:
            parts.append(stripped[:-1])
            continue
        whole = "".join([*parts, stripped]).strip()
        parts = []
        if whole:
            yield whole
    if whole := "".join(parts).strip():
        yield whole
