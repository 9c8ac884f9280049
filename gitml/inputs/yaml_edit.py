"""Changing one value in a YAML (or JSON) text, leaving every other character as it is.

The caller reads the result again and compares: whatever this can't do neatly (anchors, merge
keys, block texts) shows there, and the caller writes the file anew instead.
"""

from __future__ import annotations

import json
from typing import Any

from gitml import bounded_yaml
from gitml.errors import ConfigError

Path = tuple[Any, ...]


def dump(tree: Any) -> str:
    """Return a whole document in block style, in the given order."""
    import yaml

    return str(
        yaml.dump(tree, Dumper=bounded_yaml.dumper_class(), sort_keys=False, allow_unicode=True)
    )


def inline(value: Any, *, as_json: bool = False) -> str:
    """Return `value` on one line, valid inside of `[…]` and after `key:` alike."""
    if as_json:
        return json.dumps(value)
    import yaml

    text = yaml.dump(
        [value],
        Dumper=bounded_yaml.dumper_class(),
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=1 << 30,
        default_style='"' if isinstance(value, str) and "\n" in value else None,
    )
    return str(text).strip()[1:-1]


def replace(text: str, where: str, place: Path, value: Any, *, as_json: bool) -> str | None:
    """Return `text` with `value` at `place`, or None when there is no neat way.

    Args:
        text: The document.
        where: Its name, for messages.
        place: Keys and indices from the root to the value; the last keys may be new.
        value: What to put there.
        as_json: Whether the text is JSON, so that the value must be JSON too.
    """
    try:
        node = bounded_yaml.compose(text, where)
    except ConfigError:
        return None  # JSON that is no YAML, with tabs for example
    if node is None:
        start = text.rstrip() + "\n" if text.strip() else ""
        return start + dump(_nested(place, value))
    key_end = 0
    for depth, step in enumerate(place):
        entry = _child(node, step, where)
        if entry is None:
            new = _nested(place[depth + 1 :], value)
            return _insert(text, node, step, new, as_json=as_json)
        key_end, node = entry
    return _substitute(text, node, key_end, inline(value, as_json=as_json))


def _nested(names: Path, value: Any) -> Any:
    for name in reversed(names):
        value = {name: value}
    return value


def _child(node: Any, step: Any, where: str) -> tuple[int, Any] | None:
    """Return (where the key ends, the value's node), or None if there is no such entry."""
    if node.id == "sequence":
        return 0, node.value[step]
    if node.id == "mapping":
        for key, value in node.value:
            plain = key.id == "scalar" and not key.tag.endswith(":merge")
            if plain and bounded_yaml.construct(key, where) == step:
                return key.end_mark.index, value
    return None


def _substitute(text: str, node: Any, key_end: int, new: str) -> str | None:
    start, end = node.start_mark.index, _end(node)
    if node.id == "scalar" and node.style in ("|", ">"):
        return None
    between = text[key_end:start]
    if key_end and not between.strip(" :\n") and "\n" in between:
        # A block below its key becomes one line: `layers:\n- 8` → `layers: [8]`.
        return f"{text[:key_end]}: {new}{text[end:]}"
    if start == end:  # `key:` without a value
        start = end = text.index(":", key_end) + 1 if key_end else start
        new = f" {new}"
    return f"{text[:start]}{new}{text[end:]}"


def _end(node: Any) -> int:
    """Return where the last character of a node is; block collections' marks reach further."""
    while node.id != "scalar" and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if node.id == "mapping" else last
    return int(node.end_mark.index)


def _insert(text: str, node: Any, key: Any, value: Any, *, as_json: bool) -> str | None:
    if node.id != "mapping":
        return None
    name = inline(key, as_json=as_json)
    new = inline(value, as_json=as_json)
    end = _end(node)
    if node.flow_style:
        body = text[: end - 1]
        kept = body.rstrip()
        separator = ", " if node.value else ""
        space = body[len(kept) :]
        if node.value and "\n" in space:
            first = node.value[0][0].start_mark
            separator = ",\n" + text[first.index - first.column : first.index]
        return f"{kept}{separator}{name}: {new}{space}{text[end - 1 :]}"
    if not node.value:
        return None
    column = node.value[0][0].start_mark.column
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    return f"{text[:line_end]}\n{' ' * column}{name}: {new}{text[line_end:] or chr(10)}"
