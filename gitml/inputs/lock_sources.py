"""Addresses and hashes of archives from lock files.

A `uv.lock` of a few hundred packages takes `tomllib` longer than everything else in a run. The
TOML formats are written by machines, one table a package, so the text is cut at the tables and
only those that are wanted are parsed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gitml.inputs.distribution import Distribution, normalised
from gitml.inputs.secrets import mask_tokens

_MAX_BYTES = 64 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_HASH = re.compile(r"sha(?:256|384|512):[0-9a-f]+\Z")
_NAME = re.compile(r'^name\s*=\s*["\']([^"\'\n]+)["\']', re.MULTILINE)
_VERSION = re.compile(r'^version\s*=\s*["\']([^"\'\n]+)["\']', re.MULTILINE)
_CUT = re.compile(r"^\[\[(?:package|packages)\]\][ \t]*$", re.MULTILINE)


class Archive(msgspec.Struct, frozen=True):
    """A wheel or source distribution.

    Attributes:
        name: File name; empty when only the hash is known.
        url: Address, or empty.
        hash: `sha256:<hex>`; other kinds only without an address.
        size: Bytes; 0 when not known.
    """

    name: str
    url: str
    hash: str
    size: int = 0


def find_archives(lock: Path, wanted: Mapping[str, Distribution]) -> dict[str, list[Archive]]:
    """Return name → archives of the wanted distributions whose version the lock has.

    Args:
        lock: A `uv.lock`, `pylock.toml`, `poetry.lock` (no addresses), `Pipfile.lock` or
            requirements file (hashes alone); one that can't be read knows nothing.
        wanted: Normalised name → distribution.
    """
    if lock.suffix == ".txt" or lock.name.startswith("requirements"):
        return _from_requirements(lock, wanted)
    if lock.name == "Pipfile.lock":
        return _from_pipfile(lock, wanted)
    found: dict[str, list[Archive]] = {}
    for table in _tables(lock, wanted):
        name = normalised(str(table.get("name", "")))
        item = wanted.get(name)
        if item is None or str(table.get("version", "")) != item.version:
            continue
        lists = (table.get("wheels"), table.get("files"))
        entries = [entry for some in lists if isinstance(some, list) for entry in some]
        entries.append(table.get("sdist"))
        archives = [archive for entry in entries if (archive := _archive(entry)) is not None]
        if archives:
            found.setdefault(name, []).extend(archives)
    return found


def _from_requirements(lock: Path, wanted: Mapping[str, Distribution]) -> dict[str, list[Archive]]:
    from gitml.inputs.requirements_file import read_requirements

    try:
        lines = read_requirements(lock, lock.parent).lines
    except (OSError, ValueError):
        return {}
    return {
        line.name: [Archive("", "", value) for value in line.hashes]
        for line in lines
        if line.hashes and line.name in wanted and line.version == wanted[line.name].version
    }


def _from_pipfile(lock: Path, wanted: Mapping[str, Distribution]) -> dict[str, list[Archive]]:
    try:
        tables = msgspec.json.decode(lock.read_bytes(), type=dict[str, dict[str, Any]])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    found: dict[str, list[Archive]] = {}
    for section in ("develop", "default"):
        for name, package in tables.get(section, {}).items():
            item = wanted.get(normalised(name))
            if item is None or not isinstance(package, dict):
                continue
            hashes = package.get("hashes")
            if package.get("version") == f"=={item.version}" and isinstance(hashes, list):
                known = [str(value) for value in hashes if _HASH.match(str(value))]
                found[item.name] = [Archive("", "", value) for value in known]
    return found


def _blocks(lock: Path) -> list[str]:
    try:
        if lock.stat().st_size > _MAX_BYTES:
            return []
        text = lock.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return _CUT.split(text)[1:]


def _tables(lock: Path, wanted: Mapping[str, Distribution]) -> list[dict[str, Any]]:
    import tomllib

    tables = []
    for block in _blocks(lock):
        name, version = _NAME.search(block), _VERSION.search(block)
        item = wanted.get(normalised(name[1])) if name else None
        if item is None or version is None or version[1] != item.version:
            continue
        # Sub-tables of a package are named after its list; they say nothing about archives.
        own = re.split(r"^\[", block, maxsplit=1, flags=re.MULTILINE)[0]
        try:
            tables.append(tomllib.loads(own))
        except (ValueError, RecursionError):
            continue
    return tables


def _archive(entry: object) -> Archive | None:
    if not isinstance(entry, dict):
        return None
    url = entry.get("url")
    hashes = entry.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    if sha256 is None:  # uv.lock and poetry.lock: `hash = "sha256:…"`
        kind, _, value = str(entry.get("hash", "")).partition(":")
        sha256 = value if kind == "sha256" else None
    if not isinstance(sha256, str) or not _SHA256.match(sha256):
        return None
    file = entry.get("file")
    if not isinstance(url, str):
        return Archive(file, "", f"sha256:{sha256}") if isinstance(file, str) else None
    from urllib.parse import unquote, urlsplit

    size = entry.get("size")
    name = str(entry.get("name") or unquote(urlsplit(url).path.rpartition("/")[2]))
    known = size if isinstance(size, int) and size > 0 else 0
    return Archive(name, mask_tokens(url), f"sha256:{sha256}", known)
