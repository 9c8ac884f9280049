"""The lock file of an experiment: PEP 751 `pylock.toml` over everything that was installed.

No wheel's hash is kept in an installed environment, so hashes and addresses come from the project's
own lock, from another one made for it, or from `direct_url.json`. An entry without an address is no
valid package of the format: what only has hashes (from `poetry.lock` and requirements files) is
listed under `[[tool.gitml.hashed]]`, and what has none under `[[tool.gitml.unlocked]]`, and then
the lock says that it is partial.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from gitml.inputs.distribution import Distribution, normalised
from gitml.inputs.lock_sources import Archive, find_archives
from gitml.values import digest

_HEADER = "# Written by gitml: what was installed when the experiment ran (PEP 751).\n"
_BLOCK = "[[packages]]\n"


class LockFile(msgspec.Struct, frozen=True):
    """A rendered lock.

    Attributes:
        data: Bytes of the `pylock.toml`; the same for the same environment.
        state: `complete` when every distribution is pinned by a hash or a commit.
        digest: Over (name, version, source, address or commit, installed files), not over the
            bytes: where an index keeps a file is no difference.
        unlocked: Names of those that aren't.
        packages: Normalised name → version of everything that was installed.
        sources: Normalised name → where it came from, for what didn't come from an index:
            `editable`, `local`, `url <address>`, or `git <commit>` (and other such systems).
    """

    data: bytes
    state: Literal["complete", "partial"]
    digest: str
    unlocked: tuple[str, ...]
    packages: dict[str, str]
    sources: dict[str, str] = {}


def render_lock(
    python: str,
    distributions: Iterable[Distribution],
    known: Sequence[Path] = (),
    root: str = "",
) -> LockFile:
    """Return the lock of an environment.

    Args:
        python: Version of the interpreter, such as `3.11.7`.
        distributions: All that is installed, in any order.
        known: Lock files that know archives, best first; see `find_archives`.
        root: Absolute path of the repository's root. Editable installs from inside of it are the
            project itself, which the commit pins: they are left out.
    """
    present = locked_distributions(distributions, root)
    blocks = {
        item.name: _package(item, body)
        for item in present
        if item.source in ("url", "vcs") and (body := _direct_body(item))
    }
    hashes: dict[str, list[str]] = {}
    missing = {d.name: d for d in present if d.source == "index"}
    for lock in known:
        for name, archives in find_archives(lock, missing).items():
            fitting = _fitting(missing[name], archives)
            body = _archives_body([archive for archive in fitting if archive.url])
            if body:
                blocks[name] = _package(missing.pop(name), body)
            elif fitting:
                hashes.setdefault(name, sorted({archive.hash for archive in fitting}))
    unlocked = [item for item in present if item.name not in blocks]
    parts = [
        _HEADER,
        'lock-version = "1.0"\n',
        f"requires-python = {_quote(_requires(python))}\n",
        'created-by = "gitml"\n',
        "" if blocks else "packages = []\n",
        *(f"\n{_BLOCK}{blocks[item.name]}" for item in present if item.name in blocks),
        f"\n[tool.gitml]\npython = {_quote(python)}\n",
        *(_unlocked(item, hashes.get(item.name, ())) for item in unlocked),
    ]
    loose = tuple(item.name for item in unlocked if item.name not in hashes)
    return LockFile(
        data="".join(parts).encode("utf-8", "replace"),
        state="partial" if loose else "complete",
        digest=environment_digest(present),
        unlocked=loose,
        packages={item.name: item.version for item in present},
        sources={item.name: text for item in present if (text := _source(item))},
    )


def locked_versions(data: bytes) -> dict[str, str]:
    """Return name → version of a lock that `render_lock` made, with what has no address."""
    pattern = re.compile(
        r"^\[\[(?:packages|tool\.gitml\.(?:hashed|unlocked))\]\]\n"
        r'name = "([^"\n]*)"\nversion = "([^"\n]*)"$',
        re.MULTILINE,
    )
    return dict(pattern.findall(data.decode("utf-8", "replace")))


def locked_distributions(
    distributions: Iterable[Distribution], root: str = ""
) -> list[Distribution]:
    """Return what a lock is about, sorted: all but what is installed from the repository itself."""
    return sorted(
        (d for d in distributions if not _is_project(d, root)), key=lambda d: (d.name, d.version)
    )


def environment_digest(distributions: Iterable[Distribution]) -> str:
    """Return the digest of an environment: of `locked_distributions`."""
    return digest(
        [
            [item.name, item.version, item.source, item.commit or item.url, item.record]
            for item in distributions
        ]
    )


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


def _fitting(item: Distribution, archives: list[Archive]) -> list[Archive]:
    """Return the wheels that could have been installed here, else source distributions.

    Hashes whose archive isn't known could be any of them.
    """
    tags = set(item.tags)
    wheels = [a for a in archives if a.name.endswith(".whl") and tags & wheel_tags(a.name)]
    return wheels or [archive for archive in archives if not archive.name.endswith(".whl")]


def _archives_body(archives: list[Archive]) -> str:
    wheels = [archive for archive in archives if archive.name.endswith(".whl")]
    if wheels:
        inner = ", ".join(_archive(wheel) for wheel in sorted(wheels, key=lambda a: a.name))
        return f"wheels = [{inner}]\n"
    return f"sdist = {_archive(archives[0])}\n" if archives else ""


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
        f"hashes = {{sha256 = {_quote(archive.hash.removeprefix('sha256:'))}}}}}"
    )


def _unlocked(item: Distribution, hashes: Sequence[str]) -> str:
    lines = [
        f"\n[[tool.gitml.{'hashed' if hashes else 'unlocked'}]]",
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
    if hashes:
        lines.append(f"hashes = [{', '.join(map(_quote, hashes))}]")
    label = item.version.partition("+")[2]
    if item.source == "index" and re.fullmatch(r"cpu|cu[0-9]+|rocm[0-9.]+|xpu", label):
        lines.append(f"index = {_quote(f'the package index for {label} builds')}")
    return "\n".join(lines) + "\n"


def _source(item: Distribution) -> str:
    if item.source == "index":
        return ""
    if item.source == "vcs":
        kind, plus, _ = item.url.partition("+")
        return f"{kind if plus else 'git'} {item.commit}".rstrip()
    return f"url {item.url}" if item.source == "url" else item.source


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
        locked: Name → version that a lock of gitml's has, from `locked_versions`.
        distributions: From `libraries.installed`.
    """
    found: dict[str, tuple[str, str | None]] = {}
    for name, version in locked.items():
        present = distributions.get(normalised(name))
        if present is None or present.version != version:
            found[normalised(name)] = (version, present.version if present else None)
    return found
