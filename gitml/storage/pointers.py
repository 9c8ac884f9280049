"""`.dvc` files: reading them without trust, and writing them as DVC does.

Format: https://dvc.org/doc/user-guide/project-structure/dvc-files
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import msgspec

from gitml.errors import StorageError
from gitml.storage.paths import check_output_path, is_digest, shown

__all__ = [
    "Pointer",
    "add_ignore",
    "check_output_path",
    "ignore_line",
    "parse",
    "parse_all",
    "render",
]

LEGACY = "md5-dos2unix"

_LARGEST = 1 << 20
_LARGEST_NUMBER = 1 << 63

# What DVC and gitml write for most files; reading it this way needs no YAML parser. Words that
# YAML takes for something else than text are not matched.
_PLAIN = re.compile(
    rb"outs:\n"
    rb"- md5: (?P<digest>[0-9a-f]*[a-f][0-9a-f]*(?:\.dir)?)\n"
    rb"  size: (?P<size>0|[1-9][0-9]{0,17})\n"
    rb"(?:  nfiles: (?P<files>0|[1-9][0-9]{0,17})\n)?"
    rb"  hash: md5\n"
    rb"  path: (?P<path>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)\n"
)
_BARE_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_NUMBER_LIKE = re.compile(r"[0-9]+(e[0-9]+)?")

# The keys that a Pointer has fields for.
_OWN_KEYS = {"md5", "size", "nfiles", "hash", "path"}


class Pointer(msgspec.Struct, frozen=True):
    """One output of a `.dvc` file.

    Attributes:
        path: The output's path relative to the folder of the `.dvc` file, with `/`; not checked
            (see `check_output_path`).
        digest: MD5 of the content, or `<md5>.dir` for a folder.
        size: Bytes; the sum of the files for a folder.
        files: Number of files when it is a folder.
        hash: `md5`, or `md5-dos2unix` for what DVC 2 wrote.
        meta: The file's free `meta` section.
        output: Further keys of the output (`desc`, `remote`, `push`, `isexec` …), kept as they are.
        stage: Further keys of the file (`deps`, `frozen` … of an import), kept as they are.
    """

    path: str
    digest: str
    size: int = 0
    files: int = 0
    hash: str = "md5"
    meta: dict[str, Any] = {}
    output: dict[str, Any] = {}
    stage: dict[str, Any] = {}

    @property
    def legacy(self) -> bool:
        """Whether DVC 2 wrote it, so that its objects are in the older cache."""
        return self.hash == LEGACY

    @property
    def is_folder(self) -> bool:
        """Whether it stands for a folder."""
        return self.digest.endswith(".dir")


def parse(data: bytes, where: str) -> Pointer:
    """Read a `.dvc` file that has one output.

    Args:
        data: Its bytes; they are not trusted.
        where: Its path, for messages.

    Raises:
        StorageError: It isn't valid, names no digest, or has another number of outputs.
    """
    found = parse_all(data, where)
    if len(found) != 1:
        raise StorageError(f"{shown(where)} has {len(found)} outputs, where one was expected.")
    return found[0]


def parse_all(data: bytes, where: str) -> list[Pointer]:
    """Read a `.dvc` file with any number of outputs.

    Raises:
        StorageError: It isn't valid, or an output has no digest.
    """
    plain = _PLAIN.fullmatch(data)
    if plain and is_digest(plain["digest"].decode()) and _is_bare(plain["path"].decode()):
        return [
            Pointer(
                path=plain["path"].decode(),
                digest=plain["digest"].decode(),
                size=int(plain["size"]),
                files=int(plain["files"] or 0),
            )
        ]
    if len(data) > _LARGEST:
        raise _invalid(where, "it is larger than 1 MiB")
    from gitml.storage import strictyaml

    try:
        tree = strictyaml.load(data)
    except ValueError as error:
        raise _invalid(where, str(error)) from error
    if not isinstance(tree, dict) or not isinstance(tree.get("outs"), list):
        raise _invalid(where, "it has no list `outs`")
    meta = tree.get("meta") or {}
    if not isinstance(meta, dict):
        raise _invalid(where, "`meta` is not a mapping")
    folder = tree.get("wdir") or "."
    if not isinstance(folder, str):
        raise _invalid(where, "`wdir` is not a path")
    stage = {key: item for key, item in tree.items() if key not in ("outs", "meta", "wdir")}
    return [_output(item, folder, meta, stage, where) for item in tree["outs"]]


def render(pointer: Pointer) -> bytes:
    """Return the `.dvc` file for one output; the same bytes as DVC's for plain names."""
    lines = ["outs:", f"- md5: {_digest_text(pointer.digest)}", f"  size: {pointer.size}"]
    if pointer.is_folder:
        lines.append(f"  nfiles: {pointer.files}")
    if not pointer.legacy:
        lines.append(f"  hash: {pointer.hash}")
    lines.append(f"  path: {_path_text(pointer.path)}")
    text = "\n".join(lines) + "\n"
    if pointer.output:
        further = _yaml(pointer.output)
        text += "".join(f"  {line}\n" for line in further.splitlines())
    head = {key: item for key, item in pointer.stage.items() if key == "md5"}
    tail = {key: item for key, item in pointer.stage.items() if key != "md5"}
    if pointer.meta:
        tail["meta"] = pointer.meta
    # DVC's own order: the stage's checksum first, then the rest before `outs`.
    if head:
        text = _yaml(head) + text
    if tail:
        text += _yaml(tail)
    return text.encode()


def ignore_line(name: str) -> str:
    """Return the line of a `.gitignore` that ignores exactly `name` in its own folder."""
    escaped = "".join("\\" + char if char in "\\[]!*#?" else char for char in name)
    # Git drops blanks at the end of a line, and can't spell a line break other than as `?`.
    stripped = escaped.rstrip(" \t")
    escaped = stripped + "".join("\\" + char for char in escaped[len(stripped) :])
    return "/" + re.sub(r"[\r\n]", "?", escaped)


def add_ignore(existing: bytes, name: str) -> bytes:
    """Return the content of a `.gitignore` with the line for `name`, added only if missing."""
    line = os.fsencode(ignore_line(name))
    lines = [one.rstrip(b"\r") for one in existing.split(b"\n")]
    if line in lines:
        return existing
    ending = b"\r\n" if existing.endswith(b"\r\n") else b"\n"
    if existing and not existing.endswith(b"\n"):
        existing += ending
    return existing + line + ending


def _output(
    item: Any, folder: str, meta: dict[str, Any], stage: dict[str, Any], where: str
) -> Pointer:
    if not isinstance(item, dict):
        raise _invalid(where, "an output is not a mapping")
    path, digest = item.get("path"), item.get("md5")
    if not isinstance(path, str) or not path:
        raise _invalid(where, "an output has no path")
    # YAML reads a digest of decimal digits alone as a number, and DVC takes it as text.
    if isinstance(digest, int) and not isinstance(digest, bool):
        digest = str(digest)
    if not isinstance(digest, str) or not is_digest(digest):
        raise _invalid(where, f"the output {shown(path)} has no valid `md5`")
    kind = item.get("hash", LEGACY)
    if kind not in ("md5", LEGACY):
        raise _invalid(where, f"the hash {shown(str(kind))} is not supported, only md5")
    return Pointer(
        path=path if folder == "." else f"{folder.rstrip('/')}/{path}",
        digest=digest,
        size=_number(item.get("size", 0), "size", where),
        files=_number(item.get("nfiles", 0), "nfiles", where),
        hash=kind,
        meta=meta,
        output={key: value for key, value in item.items() if key not in _OWN_KEYS},
        stage=stage,
    )


def _number(value: Any, key: str, where: str) -> int:
    if type(value) is not int or not 0 <= value < _LARGEST_NUMBER:
        raise _invalid(where, f"`{key}` is not a number of its kind")
    return value


def _invalid(where: str, reason: str) -> StorageError:
    return StorageError(
        f"{shown(where)} is not a valid .dvc file: {reason}.",
        hint="Restore it from Git, or track the data again with `dvc add`.",
    )


def _digest_text(digest: str) -> str:
    return f"'{digest}'" if _NUMBER_LIKE.fullmatch(digest) else digest


def _path_text(path: str) -> str:
    if _is_bare(path):
        return path
    # JSON's quoted strings are YAML's, except that YAML takes no unprintable characters.
    quoted = json.dumps(path, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escaped(char) for char in quoted)


def _is_bare(path: str) -> bool:
    """Return whether YAML takes the path for text without quotes."""
    return _BARE_PATH.fullmatch(path) is not None and path.lower() not in _WORDS


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _yaml(tree: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=False)
