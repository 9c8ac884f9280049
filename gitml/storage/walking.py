"""The files of a folder as DVC sees them: links followed, `.dvcignore` honoured."""

from __future__ import annotations

import importlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gitml.errors import StorageError
from gitml.storage.paths import why_unsafe

_IGNORE_FILE = ".dvcignore"


class Entry(NamedTuple):
    """One file in a folder.

    Attributes:
        relpath: Path from the folder, with `/`.
        path: Where it is.
        info: Its state, links followed.
    """

    relpath: str
    path: str
    info: os.stat_result


class _Rule(NamedTuple):
    base: str
    regex: re.Pattern[str]
    ignore: bool
    folders_only: bool


def files_in(folder: Path, *, strict: bool = False, cache: Path | None = None) -> list[Entry]:
    """List the files of a folder that are part of it for DVC, sorted by path.

    `.git`, `.hg`, `.dvc`, links to folders, DVC projects inside, and what a `.dvcignore` above
    the folder names are left out, as DVC does.

    Args:
        folder: An existing folder.
        strict: Whether to refuse what could not be restored elsewhere: links that leave the
            folder, DVC projects inside of it, and names that other systems can't write.
        cache: Folder that links may lead into all the same: DVC itself may have made them.

    Raises:
        StorageError: There is a `.dvcignore` in it, a name that isn't UTF-8, a broken link, or
            something that isn't a file; and for what `strict` refuses.
        OSError: It can't be read.
    """
    folder = Path(os.path.abspath(folder))
    rules = _rules_above(folder)
    places = [folder, cache] if cache else [folder]
    real = tuple(os.path.realpath(place) + "/" for place in places) if strict else ()
    return sorted(_walk(str(folder), "", rules, real), key=lambda entry: entry.relpath)


def _walk(folder: str, prefix: str, rules: list[_Rule], real: tuple[str, ...]) -> Iterator[Entry]:
    with os.scandir(folder) as scanned:
        found = list(scanned)
    for item in found:
        relpath = prefix + item.name
        is_folder = item.is_dir(follow_symlinks=False)
        is_link = item.is_symlink()
        # os.walk, which DVC uses, counts links to folders among the folders but doesn't enter.
        if _ignored(item.path, is_folder or (is_link and item.is_dir()), rules):
            continue
        _check_name(item, relpath, bool(real))
        if is_link and real:
            _check_link(item.path, real)
        if is_folder:
            if os.path.isdir(f"{item.path}/.dvc"):
                _refuse_project(item.path, bool(real))
                continue
            yield from _walk(item.path, relpath + "/", rules, real)
        elif not (is_link and item.is_dir()):
            yield Entry(relpath, item.path, _state(item))


def _check_name(item: os.DirEntry[str], relpath: str, strict: bool) -> None:
    try:
        relpath.encode()
    except UnicodeEncodeError:
        raise StorageError(
            f"The name {os.fsencode(item.path)!r} is not UTF-8, and DVC can't store it.",
            hint="Rename the file.",
        ) from None
    if item.name == _IGNORE_FILE:
        raise StorageError(
            f"{item.path} stands inside a folder that is stored as a whole.",
            hint="Move its patterns into a .dvcignore above that folder.",
        )
    reason = why_unsafe(relpath) if strict else ""
    if reason:
        raise StorageError(f"{item.path} can't be stored: {reason}.", hint="Rename the file.")


def _check_link(path: str, real: tuple[str, ...]) -> None:
    if not (os.path.realpath(path) + "/").startswith(real):
        raise StorageError(
            f"{path} is a link that leaves the folder ({os.path.realpath(path)}).",
            hint="Put the file itself there, or track what it points at.",
        )


def _refuse_project(path: str, strict: bool) -> None:
    if strict:
        raise StorageError(
            f"{path} is a DVC project of its own, which DVC leaves out of a stored folder.",
            hint="Store it apart, or remove its .dvc folder.",
        )


def _state(item: os.DirEntry[str]) -> os.stat_result:
    try:
        info = os.stat(item.path)
    except FileNotFoundError:
        what = "is a broken link" if item.is_symlink() else "vanished while it was being read"
        raise StorageError(f"{item.path} {what}.") from None
    if not stat.S_ISREG(info.st_mode):
        raise StorageError(f"{item.path} is not a regular file, so it can't be stored.")
    return info


def _ignored(path: str, is_folder: bool, rules: list[_Rule]) -> bool:
    """Return whether the last rule that matches says so, as in `.gitignore`."""
    for rule in rules:
        if rule.folders_only and not is_folder:
            continue
        relpath = path[len(rule.base) :]
        if rule.regex.match(relpath) or (is_folder and rule.regex.match(relpath + "/")):
            return rule.ignore
    return False


def _rules_above(folder: Path) -> list[_Rule]:
    """Collect the rules that hold inside `folder`, strongest first."""
    base = _base(folder)
    rules = [
        _Rule(base, re.compile(rf"(?:.*/)?{re.escape(name)}(?:/|$)"), True, folders_only)
        for name, folders_only in ((".hg", True), (".git", False), (".dvc", True))
    ]
    root = next((one for one in folder.parents if (one / ".dvc").is_dir()), None)
    between = [one for one in folder.parents if root and one.is_relative_to(root)]
    for one in reversed(between):
        rules.extend(_rules_of(one))
    return rules[::-1]


def _rules_of(folder: Path) -> Iterator[_Rule]:
    if not (folder / _IGNORE_FILE).is_file():  # a pipe would be waited for
        return
    try:
        text = (folder / _IGNORE_FILE).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return
    except UnicodeDecodeError:
        raise StorageError(f"{folder / _IGNORE_FILE} is not UTF-8.") from None
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        return
    translate = _translator()
    for line in lines:
        regex, ignore = translate(line)
        if regex is not None and ignore is not None:
            yield _Rule(_base(folder), re.compile(regex), ignore, line.endswith("/"))


def _base(folder: Path) -> str:
    return str(folder).rstrip("/") + "/"


def _translator() -> Callable[[str], tuple[str | None, bool | None]]:
    """Return the function that DVC itself translates patterns with."""
    patterns: Any
    try:
        patterns = importlib.import_module("pathspec.patterns.gitignore.spec")
        kind = patterns.GitIgnoreSpecPattern
    except ImportError:  # pathspec before 1.0
        patterns = importlib.import_module("pathspec.patterns.gitwildmatch")
        kind = patterns.GitWildMatchPattern
    translate: Callable[[str], tuple[str | None, bool | None]] = kind.pattern_to_regex
    return translate
