"""`-S key=value`: which setting in which parameter file gets which value."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gitml.bounded_yaml import decode, load
from gitml.errors import ConfigError, UsageError
from gitml.inputs import yaml_edit
from gitml.inputs.settings import kind_of, parse_tree
from gitml.values import Scalar, flatten

_MAX_TEXT = 100_000

Path = tuple[Any, ...]


class Override(msgspec.Struct, frozen=True):
    """One `-S` option.

    Attributes:
        key: The dotted key without file and `+`, as it was written.
        value: Typed as YAML types it: null, boolean, number, string, list or mapping.
        add: Whether the key may be new (`+key=value`).
        file: The parameter file it is for (`params.yaml:key=value`), or empty for any.
    """

    key: str
    value: Any
    add: bool = False
    file: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The key's parts between the dots."""
        return tuple(self.key.split("."))


def parse_override(text: str) -> Override:
    """Return the override that `key=value` or `+key=value` means.

    Raises:
        UsageError: if there is no key, no `=`, or the value is no YAML value.
    """
    head, equals, value = text.partition("=")
    hint = "Write -S key=value, such as -S optimizer.lr=0.1 or -S 'layers=[8, 4]'."
    add = head.startswith("+")
    file, _, key = head.lstrip("+").strip().rpartition(":")
    if not equals or not key or not all(key.split(".")) or len(text) > _MAX_TEXT:
        raise UsageError(f"{text[:200]!r} is no override.", hint=hint)
    try:
        typed = _plain(load(value, "value")) if value.strip() else ""
    except ConfigError as error:
        raise UsageError(
            f"The value of {key} can't be read: {error.message}",
            hint=f"Quote it if it is text: -S '{key}=\"…\"'.",
        ) from error
    return Override(key, typed, add, file)


def _plain(value: Any) -> Any:
    """Return `value` with dates as text, since JSON has none."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, Scalar) else str(value)


def apply(files: Mapping[str, bytes], overrides: Iterable[Override]) -> dict[str, bytes]:
    """Return the parameter files that the overrides change, with their new bytes.

    Comments, order and formatting stay as they are wherever the file's format allows it.

    Args:
        files: Path → bytes of all parameter files, the main one first.
        overrides: Applied in their order.

    Raises:
        UsageError: for a key that no file has (the nearest one and `+key=value` are named), that
            several files have, or that is a section.
        ConfigError: if a file is malformed.
    """
    current = dict(files)
    for override in overrides:
        path, place = _locate(current, override)
        current[path] = _write(current[path], path, place, override.value)
    return {path: data for path, data in current.items() if data != files[path]}


def _locate(files: Mapping[str, bytes], override: Override) -> tuple[str, Path]:
    """Return the file and the place in it (existing or new) that an override is about."""
    candidates = _candidates(files, override)
    trees = {path: parse_tree(files[path], path) for path in candidates}
    found = {path: place for path, tree in trees.items() if (place := find(tree, override.parts))}
    if len(found) > 1:
        raise UsageError(
            f"{override.key} is in {' and '.join(found)}.",
            hint=f"Name the file: -S {next(iter(found))}:{override.key}=…",
        )
    if found:
        path, place = next(iter(found.items()))
        _refuse_section(trees[path], place, override)
        return path, place
    if override.add:
        path = candidates[0]
        return path, _new_place(trees[path], override)
    raise _unknown(trees, override)


def _candidates(files: Mapping[str, bytes], override: Override) -> list[str]:
    if not files:
        raise UsageError(
            f"There is no parameter file that could have {override.key}.",
            hint="Make params.yaml, or list the project's files under `params` in gitml.yaml.",
        )
    if override.file and override.file not in files:
        raise UsageError(
            f"{override.file} is no parameter file of this project.",
            hint=f"Parameter files: {', '.join(files)}.",
        )
    return [override.file] if override.file else list(files)


def find(tree: Any, parts: tuple[str, ...]) -> Path | None:
    """Return the keys and indices that lead to a dotted name, or None; keys may hold dots."""
    if not parts:
        return ()
    if isinstance(tree, list):
        if re.fullmatch(r"-?\d{1,9}", parts[0]) and -len(tree) <= int(parts[0]) < len(tree):
            index = int(parts[0]) % len(tree)
            rest = find(tree[index], parts[1:])
            return None if rest is None else (index, *rest)
        return None
    if not isinstance(tree, dict):
        return None
    names = {str(key): key for key in tree}
    for length in range(1, len(parts) + 1):
        key = ".".join(parts[:length])
        if key in names:
            rest = find(tree[names[key]], parts[length:])
            if rest is not None:
                return (names[key], *rest)
    return None


def _refuse_section(tree: Any, place: Path, override: Override) -> None:
    present = _get(tree, place)
    if isinstance(present, dict) and present and not isinstance(override.value, dict):
        names = ", ".join(f"{override.key}.{name}" for name in list(present)[:5])
        raise UsageError(
            f"{override.key} is a section, not a value.", hint=f"Name one of its keys: {names}."
        )


def _new_place(tree: Any, override: Override) -> Path:
    """Return where `+key` goes: below the deepest section that is there already."""
    place: list[Any] = []
    node = tree
    for part in override.parts:
        if isinstance(node, dict):
            key = {str(name): name for name in node}.get(part, part)
            place.append(key)
            node = node.get(key, {})
        elif node is None:
            place.append(part)
            node = {}
        else:
            inside = ".".join(str(step) for step in place)
            raise UsageError(
                f"{override.key} can't be added, since {inside} is not a section.",
                hint="Give the whole list, such as -S 'layers=[8, 4]'."
                if isinstance(node, list)
                else "",
            )
    return tuple(place)


def _unknown(trees: Mapping[str, Any], override: Override) -> UsageError:
    import difflib

    known = {name: None for tree in trees.values() for name in flatten(tree) if name}
    near = difflib.get_close_matches(override.key, known, n=1, cutoff=0.5)
    if not near:
        last = override.key.rpartition(".")[2]
        near = [name for name in known if name.rpartition(".")[2] == last][:1]
    nearest = f"Did you mean {near[0]}? " if near else ""
    return UsageError(
        f"No setting is called {override.key} in {', '.join(trees)}.",
        hint=f"{nearest}To add a new one, write +{override.key}=….",
    )


def _get(tree: Any, place: Path) -> Any:
    for step in place:
        tree = tree[step]
    return tree


def _set(tree: Any, place: Path, value: Any) -> Any:
    """Return a copy of `tree` with `value` at `place`; sections on the way are made."""
    changed = copy.deepcopy(tree)
    node = changed
    for step in place[:-1]:
        if isinstance(node, dict) and not isinstance(node.get(step), dict | list):
            node[step] = {}
        node = node[step]
    node[place[-1]] = value
    return changed


def _write(data: bytes, path: str, place: Path, value: Any) -> bytes:
    kind = kind_of(path)
    before = _unshared(parse_tree(data, path))
    wanted = _set(before, place, value)
    if _same(before, wanted):
        return data
    text = decode(data, path)
    changed: str | None
    if kind == "toml":
        changed = _write_toml(text, path, place, value)
    else:
        changed = yaml_edit.replace(text, path, place, value, as_json=kind == "json")
        if changed is None or not _reads_as(changed, path, wanted):
            changed = _dump(text, wanted, kind)
    if not _reads_as(changed, path, wanted):
        raise ConfigError(
            f"{path}: {'.'.join(map(str, place))} can't be set there without changing more.",
            hint="Edit the file by hand.",
        )
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    return mark + changed.encode()


def _unshared(tree: Any) -> Any:
    """Return `tree` with YAML's aliases as copies, so that setting one place changes one place."""
    if isinstance(tree, dict):
        return {key: _unshared(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_unshared(value) for value in tree]
    return tree


def _reads_as(text: str, path: str, wanted: Any) -> bool:
    try:
        return _same(parse_tree(text.encode(), path), wanted)
    except (ConfigError, UnicodeEncodeError):
        return False


def _same(one: Any, other: Any) -> bool:
    """Compare by value and type: 1, 1.0 and True are three values, NaN equals itself."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


def _dump(text: str, tree: Any, kind: str) -> str:
    if kind == "json":
        indent = re.search(r"^\{\s*?\n([ \t]+)\"", text)
        ending = "\n" if text.endswith("\n") else ""
        plain = text.isascii()
        spaces = indent[1] if indent else None
        return json.dumps(tree, indent=spaces, ensure_ascii=plain) + ending
    return yaml_edit.dump(tree)


def _write_toml(text: str, path: str, place: Path, value: Any) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if value is None:
        raise UsageError(f"TOML has no null, so {path} can't hold it.")
    try:
        document: Any = tomlkit.parse(text)
        node = document
        for step in place[:-1]:
            if isinstance(node, dict) and step not in node:
                node[step] = tomlkit.table()
            node = node[step]
        node[place[-1]] = value
        return str(tomlkit.dumps(document))
    except (TOMLKitError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: {'.'.join(map(str, place))} can't be set: {error}.") from error
