"""Which paths that come from outside (`.dvc` files, `.dir` objects) may be written to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from gitml.errors import StorageError

DIGEST = re.compile(r"[0-9a-f]{32}(\.dir)?", re.ASCII)

_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST = 4096
_LONGEST_NAME = 255

# Code points that HFS+ ignores, so that `.g\u200cit` is `.git` there; Git's own list in
# https://github.com/git/git/blob/master/utf8.c (next_hfs_char).
_INVISIBLE = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)


def is_digest(text: str) -> bool:
    """Return whether `text` is an MD5 in hexadecimal, with or without `.dir`."""
    return DIGEST.fullmatch(text) is not None


def check_digest(text: str) -> str:
    """Return `text` if it is a digest.

    Raises:
        StorageError: It isn't.
    """
    if not is_digest(text):
        raise StorageError(f"{shown(text)} is not a digest of DVC storage (32 hexadecimal digits).")
    return text


def shown(text: str) -> str:
    """Spell a name from outside so that it fits into one line of a message."""
    spelled = ascii(text) if not text.isprintable() else f"'{text}'"
    return spelled if len(spelled) <= 200 else spelled[:197] + "…'"


def why_unsafe(path: str) -> str:
    """Say why a relative path with `/` must not be written to; empty when it may."""
    if not path:
        return "it is empty"
    if "\0" in path:
        return "it holds a NUL byte"
    if "\\" in path:
        return "it holds a backslash"
    if path.startswith("/") or _DRIVE.match(path):
        return "it is absolute"
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "it is not valid UTF-8"
    if length > _LONGEST:
        return f"it is longer than {_LONGEST} bytes"
    for name in path.split("/"):
        reason = _why_unsafe_name(name)
        if reason:
            return reason
    return ""


def _why_unsafe_name(name: str) -> str:
    if name in ("", ".", ".."):
        return f"it has {name!r} as a part"
    if len(name.encode()) > _LONGEST_NAME:
        return f"it has a part of more than {_LONGEST_NAME} bytes"
    plain = disguised(name)
    if plain in (".git", "git~1"):
        return "it leads into .git"
    if plain == ".dvc":
        return "it leads into .dvc"
    return ""


def disguised(name: str) -> str:
    """Return a file name as the most forgiving filesystem would understand it.

    Case and invisible characters don't count on macOS; on Windows trailing dots, blanks and
    everything from a colon on don't.
    """
    visible = name.translate(_INVISIBLE)
    folded = unicodedata.normalize("NFKC", visible).casefold()
    return folded.split(":", 1)[0].rstrip(" .")


def check_member_paths(paths: Iterable[str], where: str) -> None:
    """Refuse a list of paths in which any is unsafe, or two would be the same file.

    Args:
        paths: Relative paths with `/`, as listed in a `.dir` object.
        where: What lists them, for the message.

    Raises:
        StorageError: With the offending path and the reason.
    """
    files: dict[str, str] = {}
    folders: set[str] = set()
    for path in paths:
        reason = why_unsafe(path)
        if reason:
            raise _refused(where, path, reason)
        same = _collapsed(path)
        if same in files:
            raise _refused(
                where, path, f"on some filesystems it is the same as {shown(files[same])}"
            )
        files[same] = path
        parent = same.rpartition("/")[0]
        while parent and parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    for same in folders & files.keys():
        raise _refused(where, files[same], "it is both a file and a folder")


def _collapsed(path: str) -> str:
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _refused(where: str, path: str, reason: str) -> StorageError:
    return StorageError(
        f"{where} lists an unsafe path, {shown(path)}: {reason}.",
        hint="Nothing was written. Rename the file where the data comes from and track it again.",
    )


def check_output_path(where_dvc: str, path: str) -> str:
    """Return where the output of a `.dvc` file is.

    Args:
        where_dvc: Path of the `.dvc` file, from the repository's root, with `/`.
        path: The output's path, as the `.dvc` file names it.

    Returns:
        The output's path from the repository's root, with `/`.

    Raises:
        StorageError: It would be outside of the repository, in `.git` or `.dvc`, or isn't a path.
    """
    reason = _why_no_output(path)
    parts = [part for part in where_dvc.split("/")[:-1] if part not in ("", ".")]
    for name in path.rstrip("/").split("/"):
        if reason:
            break
        if name == "..":
            if not parts:
                reason = "it is outside of the repository"
            else:
                parts.pop()
        elif name != ".":
            parts.append(name)
    where = "/".join(parts)
    reason = reason or why_unsafe(where)
    if reason:
        raise StorageError(
            f"{shown(where_dvc)} names an unsafe output, {shown(path)}: {reason}.",
            hint="Nothing was written. Look at who changed that file: `git log -p -- <file>`.",
        )
    return where


def _why_no_output(path: str) -> str:
    """Say why a path can't be an output, whatever folder it is relative to."""
    if path.startswith("/") or _DRIVE.match(path):
        return "it is absolute"
    if "://" in path:
        return "it is not in the repository"
    if "\\" in path or "\0" in path:
        return "it holds a backslash or a NUL byte"
    last = disguised(path.rstrip("/").rpartition("/")[2])
    if last.endswith(".dvc") or last in ("dvc.yaml", "dvc.lock", ".dvcignore"):
        return "it is a file of DVC itself"
    return ""
