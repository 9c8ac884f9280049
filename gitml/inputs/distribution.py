"""One installed distribution, as its metadata folder describes it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from gitml.inputs.secrets import mask_tokens

Source = Literal["index", "url", "vcs", "editable", "local"]

_BUILD = 12  # characters of a commit or digest
_HEAD = 16_384  # name and version are at the top of METADATA; its description can be long
_MODULE = re.compile(r"([A-Za-z_]\w*)(?:\.cpython-[\w-]+|\.abi3|\.pypy[\w-]+)?\.(?:py|so|pyd)\Z")
_IDENTITY_LESS = ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD", "uv_cache.json")


class Distribution(msgspec.Struct, frozen=True, omit_defaults=True):
    """An installed distribution.

    Attributes:
        name: Normalised (PEP 503): lower case, words joined by `-`.
        version: As its metadata has it, local label included.
        site: The site folder that it is installed in.
        tags: Compatibility tags of the wheel it came from (`cp311-cp311-linux_x86_64`).
        record: `sha256:<hex>` over the sorted (file, hash) pairs of RECORD, without what
            differs between two installs of one wheel; empty when there is no RECORD.
        source: Where it came from; `local` is a folder or file on this machine.
        url: For `url` and `vcs` (without credentials), else empty.
        hashes: Of the archive it came from, such as `sha256=<hex>`, where known.
        commit: For `vcs`.
        folder: Of the sources, for `editable`.
        top_level: Names of the modules and packages that can be imported.
    """

    name: str
    version: str
    site: str
    tags: tuple[str, ...] = ()
    record: str = ""
    source: Source = "index"
    url: str = ""
    hashes: tuple[str, ...] = ()
    commit: str = ""
    folder: str = ""
    top_level: tuple[str, ...] = ()


def normalised(name: str) -> str:
    """Return a distribution's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def build_of(distribution: Distribution) -> str:
    """Return what tells two installs of one version apart, or nothing for what an index has.

    The commit that it was built from, else a digest of what was installed. Sources of an editable
    install are digested elsewhere.
    """
    if distribution.source == "vcs" and distribution.commit:
        return distribution.commit[:_BUILD]
    if distribution.source in ("vcs", "url", "local"):
        return distribution.record.removeprefix("sha256:")[:_BUILD]
    return ""


def read_distribution(path: Path, site: str) -> Distribution | None:
    """Return what a `.dist-info` or `.egg-info` (folder or file) describes, or None if nothing.

    Raises:
        OSError: if it can't be read.
        ValueError: if it isn't text.
    """
    metadata = _metadata(path)
    name, version = _field(metadata, "Name"), _field(metadata, "Version")
    if not name or not version:
        return None
    rows = _record_rows(path)
    direct = _direct_url(path)
    top_level = _top_level(path, rows)
    return Distribution(
        name=normalised(name),
        version=version,
        site=site.rstrip("/"),
        tags=_tags(path),
        record=_record_digest(rows),
        top_level=top_level or (name.replace("-", "_"),),
        **_source(direct),
    )


def read_egg_link(path: Path, site: str) -> Distribution | None:
    """Return what an `.egg-link` (an editable install of old) points to; errors as above."""
    folder = Path(path.read_text("utf-8").split("\n")[0].strip())
    for info in sorted(folder.glob("*.egg-info")):
        found = read_distribution(info, site)
        if found is not None:
            return msgspec.structs.replace(found, source="editable", folder=str(folder))
    return None


def _metadata(path: Path) -> str:
    if path.is_file():
        return _head(path)
    name = "METADATA" if path.suffix == ".dist-info" else "PKG-INFO"
    return _head(path / name)


def _head(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(_HEAD).decode("utf-8", "replace")


def _field(metadata: str, name: str) -> str:
    for line in metadata.splitlines():
        if not line:
            break
        key, colon, value = line.partition(":")
        if colon and key.lower() == name.lower():
            return value.strip()
    return ""


def _tags(path: Path) -> tuple[str, ...]:
    try:
        lines = _head(path / "WHEEL").splitlines()
    except OSError:
        return ()
    return tuple(sorted(line[4:].strip() for line in lines if line.startswith("Tag:")))


def _record_rows(path: Path) -> list[tuple[str, str]]:
    """Return the (file, hash) pairs of RECORD."""
    try:
        text = (path / "RECORD").read_text("utf-8")
    except OSError:
        return []
    rows = []
    for line in text.splitlines():
        if line.startswith('"'):
            name, _, rest = line[1:].partition('",')
            digest = rest.partition(",")[0]
        else:
            name, digest, _ = (*line.rsplit(",", 2), "", "")[:3]
        if name:
            rows.append((name, digest))
    return rows


def _record_digest(rows: list[tuple[str, str]]) -> str:
    lines = sorted(
        f"{name},{digest}\n"
        for name, digest in rows
        # Scripts hold the path of their environment; the others differ by installer.
        if not name.endswith((".pyc", *_IDENTITY_LESS)) and not name.startswith(("../", "/"))
    )
    if not lines:
        return ""
    return "sha256:" + hashlib.sha256("".join(lines).encode("utf-8", "replace")).hexdigest()


def _top_level(path: Path, rows: list[tuple[str, str]]) -> tuple[str, ...]:
    names: set[str] = set()
    for name, _ in rows:
        first, slash, rest = name.partition("/")
        if not slash:
            module = _MODULE.match(first)
            if module and not first.startswith("__editable__"):
                names.add(module[1])
        elif rest and first.isidentifier() and first != "__pycache__":
            names.add(first)
    if not names:
        names = _listed_top_level(path)
    return tuple(sorted(names))


def _listed_top_level(path: Path) -> set[str]:
    if not path.is_dir():
        return set()
    for name in ("top_level.txt", "installed-files.txt"):
        try:
            lines = (path / name).read_text("utf-8").splitlines()
        except OSError:
            continue
        parts = [line.strip().removeprefix("../").split("/")[0] for line in lines]
        names = {part.removesuffix(".py") for part in parts}
        return {part for part in names if part.isidentifier() and part != "__pycache__"}
    return set()


def _direct_url(path: Path) -> dict[str, Any]:
    """Return PEP 610's `direct_url.json`, or nothing for what came from an index."""
    try:
        found = json.loads((path / "direct_url.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _source(direct: dict[str, Any]) -> dict[str, Any]:
    url = str(direct.get("url") or "")
    if not url:
        return {}
    archive, vcs, folder = (direct.get(f"{kind}_info") for kind in ("archive", "vcs", "dir"))
    if isinstance(vcs, dict):
        commit = str(vcs.get("commit_id") or "")
        return {"source": "vcs", "url": mask_tokens(url), "commit": commit}
    path = _local_path(url)
    if isinstance(folder, dict) and folder.get("editable"):
        return {"source": "editable", "folder": path}
    if path:
        return {"source": "local"}
    hashes = archive.get("hashes") if isinstance(archive, dict) else None
    pairs = hashes.items() if isinstance(hashes, dict) else ()
    return {
        "source": "url",
        "url": mask_tokens(url),
        "hashes": tuple(sorted(f"{name}={value}" for name, value in pairs)),
    }


def _local_path(url: str) -> str:
    """Return the path of a `file:` address, else nothing."""
    if not url.startswith("file:"):
        return ""
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(url).path)
