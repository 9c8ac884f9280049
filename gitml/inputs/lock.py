"""The lock file of an experiment: PEP 751 `pylock.toml` over everything that was installed.

No wheel's hash is kept in an installed environment, so hashes and addresses come from the lock of
the experiment before, from the project's own lock, or from `direct_url.json`. What none of them
knows is listed under `[[tool.gitml.unlocked]]`, and the lock says that it is partial.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from gitml.inputs.distribution import Distribution, normalised
from gitml.inputs.lock_sources import Archive, find_archives
from gitml.values import digest

_HEADER = "# Written by gitml: what was installed when the experiment ran (PEP 751).\n"
_BLOCK = "[[packages]]\n"
# A block as `_package` writes it; from another's lock nothing else is taken over.
_OWN_BLOCK = re.compile(
    r'name = "(?P<name>[a-z0-9-]+)"\nversion = "(?P<version>[A-Za-z0-9.+!_-]+)"\n'
    r"(?P<body>(?:(?:sdist|archive|vcs) = \{[^\n]*\}\n|wheels = \[[^\n]*\]\n)+)"
    r'\[packages\.tool\.gitml\]\nrecord = "(?P<record>[a-z0-9:]*)"\n\s*\Z'
)


class LockFile(msgspec.Struct, frozen=True):
    """A rendered lock.

    Attributes:
        data: Bytes of the `pylock.toml`; the same for the same environment.
        state: `complete` when every distribution has a source with a hash.
        digest: Over (name, version, source, address or commit, installed files), not over the
            bytes: where an index keeps a file is no difference.
        unlocked: Names without such a source.
        packages: Normalised name → version of everything that was installed.
    """

    data: bytes
    state: Literal["complete", "partial"]
    digest: str
    unlocked: tuple[str, ...]
    packages: dict[str, str]


def render_lock(
    python: str,
    distributions: Iterable[Distribution],
    project_lock: Path | None = None,
    previous: bytes | None = None,
    root: str = "",
) -> LockFile:
    """Return the lock of an environment.

    Args:
        python: Version of the interpreter, such as `3.11.7`.
        distributions: All that is installed, in any order.
        project_lock: The project's `uv.lock` or `pylock.toml`, read only for what `previous`
            doesn't know.
        previous: Bytes of the lock of an earlier experiment, as this function made them.
        root: Absolute path of the repository's root. Editable installs from inside of it are the
            project itself, which the commit pins: they are left out.
    """
    known = _own_blocks(previous) if previous else {}
    present = sorted(
        (d for d in distributions if not _is_project(d, root)), key=lambda d: (d.name, d.version)
    )
    blocks: dict[str, str] = {}
    for item in present:
        body = known.get((item.name, item.version, item.record))
        if item.source == "index" and body is not None:
            blocks[item.name] = _package(item, body)
        elif item.source in ("url", "vcs") and (direct := _direct_body(item)):
            blocks[item.name] = _package(item, direct)
    missing = {d.name: d for d in present if d.name not in blocks and d.source == "index"}
    if missing and project_lock is not None:
        for name, archives in find_archives(project_lock, missing).items():
            body = _archives_body(missing[name], archives)
            if body:
                blocks[name] = _package(missing[name], body)
    unlocked = [item for item in present if item.name not in blocks]
    parts = [
        _HEADER,
        'lock-version = "1.0"\n',
        f"requires-python = {_quote(_requires(python))}\n",
        'created-by = "gitml"\n',
        *(f"\n{_BLOCK}{blocks[item.name]}" for item in present if item.name in blocks),
        f"\n[tool.gitml]\npython = {_quote(python)}\n",
        *(_unlocked(item) for item in unlocked),
    ]
    return LockFile(
        data="".join(parts).encode("utf-8", "replace"),
        state="partial" if unlocked else "complete",
        digest=_digest(present),
        unlocked=tuple(item.name for item in unlocked),
        packages={item.name: item.version for item in present},
    )


def locked_versions(data: bytes) -> dict[str, str]:
    """Return name → version of a lock that `render_lock` made, unlocked ones included."""
    pattern = re.compile(
        r'^\[\[(?:packages|tool\.gitml\.unlocked)\]\]\nname = "([^"\n]*)"\nversion = "([^"\n]*)"$',
        re.MULTILINE,
    )
    return dict(pattern.findall(data.decode("utf-8", "replace")))


def _is_project(item: Distribution, root: str) -> bool:
    folder = item.folder.rstrip("/") + "/"
    return bool(root and item.folder and folder.startswith(root.rstrip("/") + "/"))


def _requires(python: str) -> str:
    parts = python.split(".")
    return f"=={parts[0]}.{parts[1]}.*" if len(parts) > 1 and parts[1].isdigit() else ">=3"


def _package(item: Distribution, body: str) -> str:
    return (
        f"name = {_quote(item.name)}\nversion = {_quote(item.version)}\n{body}"
        f"[packages.tool.gitml]\nrecord = {_quote(item.record)}\n"
    )


def _own_blocks(data: bytes) -> dict[tuple[str, str, str], str]:
    """Return (name, version, record) → body of the packages in a lock of gitml's."""
    text = data.decode("utf-8", "replace")
    found = {}
    for block in text.partition("\n[tool.gitml]\n")[0].split(f"\n{_BLOCK}")[1:]:
        match = _OWN_BLOCK.match(block)
        if match:
            found[match["name"], match["version"], match["record"]] = match["body"]
    return found


def _direct_body(item: Distribution) -> str:
    """Return the body for what was installed from an address, or empty without a hash."""
    if item.source == "vcs":
        kind, plus, url = item.url.partition("+")
        url = url if plus else item.url
        if not item.commit or not url:
            return ""
        vcs = _quote(kind if plus else "git")
        return f"vcs = {{type = {vcs}, url = {_quote(url)}, commit-id = {_quote(item.commit)}}}\n"
    hashes = [pair.partition("=") for pair in item.hashes]
    if not hashes:
        return ""
    inner = ", ".join(f"{name} = {_quote(value)}" for name, _, value in hashes)
    return f"archive = {{url = {_quote(item.url)}, hashes = {{{inner}}}}}\n"


def _archives_body(item: Distribution, archives: list[Archive]) -> str:
    """Return the wheels that could have been installed here, else the source distribution."""
    tags = set(item.tags)
    wheels = [a for a in archives if a.name.endswith(".whl") and tags & wheel_tags(a.name)]
    if wheels:
        inner = ", ".join(_archive(wheel) for wheel in sorted(wheels, key=lambda a: a.name))
        return f"wheels = [{inner}]\n"
    sources = [archive for archive in archives if not archive.name.endswith(".whl")]
    return f"sdist = {_archive(sources[0])}\n" if sources else ""


def wheel_tags(filename: str) -> set[str]:
    """Return the tags that a wheel's file name stands for: `a-1-py2.py3-none-any.whl` has two."""
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) < 5:
        return set()
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    return {f"{p}-{a}-{s}" for p in pythons for a in abis for s in platforms}


def _archive(archive: Archive) -> str:
    size = f", size = {archive.size}" if archive.size else ""
    return (
        f"{{name = {_quote(archive.name)}, url = {_quote(archive.url)}{size}, "
        f"hashes = {{sha256 = {_quote(archive.sha256)}}}}}"
    )


def _unlocked(item: Distribution) -> str:
    lines = [
        "\n[[tool.gitml.unlocked]]",
        f"name = {_quote(item.name)}",
        f"version = {_quote(item.version)}",
        f"source = {_quote(item.source)}",
    ]
    if item.url:
        lines.append(f"url = {_quote(item.url)}")
    if item.tags:
        lines.append(f"tags = [{', '.join(map(_quote, item.tags))}]")
    if item.record:
        lines.append(f"record = {_quote(item.record)}")
    label = item.version.partition("+")[2]
    if item.source == "index" and re.fullmatch(r"cpu|cu[0-9]+|rocm[0-9.]+|xpu", label):
        lines.append(f"index = {_quote(f'the package index for {label} builds')}")
    return "\n".join(lines) + "\n"


def _digest(items: list[Distribution]) -> str:
    return digest(
        [
            [item.name, item.version, item.source, item.commit or item.url, item.record]
            for item in items
        ]
    )


def _quote(text: str) -> str:
    """Return a TOML basic string."""
    escaped = "".join(
        f"\\u{ord(c):04x}" if c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" else c
        for c in text.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'


def drift(
    locked: Mapping[str, str], distributions: Mapping[str, Distribution]
) -> dict[str, tuple[str, str | None]]:
    """Return name → (locked, installed or None) of what differs; what is installed besides is fine.

    Args:
        locked: Name → version that a lock asks for.
        distributions: From `libraries.installed`.
    """
    found: dict[str, tuple[str, str | None]] = {}
    for name, version in locked.items():
        present = distributions.get(normalised(name))
        if present is None or present.version != version:
            found[normalised(name)] = (version, present.version if present else None)
    return found
