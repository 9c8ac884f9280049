"""Addresses and hashes of archives from a project's own lock: `uv.lock` or `pylock.toml`.

A `uv.lock` of a few hundred packages takes `tomllib` longer than everything else in a run. Both
formats are written by machines, one table a package, so the text is cut at the tables and only
those that are wanted are parsed.
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
_NAME = re.compile(r'^name\s*=\s*["\']([^"\'\n]+)["\']', re.MULTILINE)
_VERSION = re.compile(r'^version\s*=\s*["\']([^"\'\n]+)["\']', re.MULTILINE)
_CUT = re.compile(r"^\[\[(?:package|packages)\]\][ \t]*$", re.MULTILINE)


class Archive(msgspec.Struct, frozen=True):
    """A wheel or source distribution: file name, address, hash and size (0 when not known)."""

    name: str
    url: str
    sha256: str
    size: int = 0


def find_archives(lock: Path, wanted: Mapping[str, Distribution]) -> dict[str, list[Archive]]:
    """Return name → archives of the wanted distributions whose version the lock has.

    Args:
        lock: A `uv.lock` or `pylock.toml`; one that can't be read knows nothing.
        wanted: Normalised name → distribution.
    """
    found: dict[str, list[Archive]] = {}
    for table in _tables(lock, wanted):
        name = normalised(str(table.get("name", "")))
        item = wanted.get(name)
        if item is None or str(table.get("version", "")) != item.version:
            continue
        wheels, sdist = table.get("wheels"), table.get("sdist")
        entries = [*(wheels if isinstance(wheels, list) else ()), sdist]
        archives = [archive for entry in entries if (archive := _archive(entry)) is not None]
        if archives:
            found.setdefault(name, []).extend(archives)
    return found


def locked_by(lock: Path) -> dict[str, str]:
    """Return normalised name → version of all that a `uv.lock` or `pylock.toml` pins."""
    found = {}
    for block in _blocks(lock):
        name, version = _NAME.search(block), _VERSION.search(block)
        if name and version:
            found[normalised(name[1])] = version[1]
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
    if sha256 is None:  # uv.lock: `hash = "sha256:…"`
        kind, _, value = str(entry.get("hash", "")).partition(":")
        sha256 = value if kind == "sha256" else None
    if not isinstance(url, str) or not isinstance(sha256, str) or not _SHA256.match(sha256):
        return None
    from urllib.parse import unquote, urlsplit

    size = entry.get("size")
    name = str(entry.get("name") or unquote(urlsplit(url).path.rpartition("/")[2]))
    known = size if isinstance(size, int) and size > 0 else 0
    return Archive(name, mask_tokens(url), sha256, known)
