"""YAML from files that nobody vouches for: bounded, without duplicate keys, with line numbers.

PyYAML's safe C loader with three additions. Size, nesting and aliases are bounded before anything
is built (libyaml's composer recurses in C, so deep nesting would end the process). Duplicate keys
are errors. Floats follow YAML 1.2, so that `1e-3` is a number and not a string.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from gitml.errors import ConfigError

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_NODES = 500_000

_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+\Z")
_FLOAT_TAG = "tag:yaml.org,2002:float"


def load(data: bytes | str, where: str) -> Any:
    """Return the one document in `data` as plain values; None when it is empty.

    Args:
        data: UTF-8 text.
        where: The file's name for messages.

    Raises:
        ConfigError: with file and line, if it is no YAML or goes beyond the bounds.
    """
    return construct(compose(data, where), where)


def compose(data: bytes | str, where: str) -> Any:
    """Return the root node (with marks that say where things are), or None when it is empty.

    Raises:
        ConfigError: as for `load`.
    """
    import yaml

    text = decode(data, where)
    try:
        _check_events(text, where)
        node = yaml.compose(text, Loader=loader_class())
    except yaml.YAMLError as error:
        raise _explain(error, where) from error
    if node is not None:
        _measure(node, 1, {}, set(), where)
    return node


def construct(node: Any, where: str) -> Any:
    """Return the plain value of a node that `compose` made.

    Raises:
        ConfigError: for tags beyond plain YAML (`!!python/…`) and values that can't be built.
    """
    import yaml

    if node is None:
        return None
    loader = loader_class()("")
    try:
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise _explain(error, where) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{where}, line {line(node)}: a value that is not what its tag or spelling promises.",
            hint="Put quotes around it if it is meant as text.",
        ) from error
    finally:
        loader.dispose()


def decode(data: bytes | str, where: str) -> str:
    """Return `data` as text without a byte-order mark.

    Raises:
        ConfigError: if it is larger than the bound or isn't UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"{where} has {len(data):,} bytes, more than the {MAX_BYTES:,} that gitml reads.",
            hint="Put large tables into a data file; settings are short.",
        )
    if isinstance(data, str):
        try:
            data.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"{where}: not UTF-8 text.") from error
        return data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{where}, line {number}: not UTF-8 text.") from error


def line(node: Any) -> int:
    """Return the line (from 1) at which a node starts."""
    return int(node.start_mark.line) + 1


@functools.cache
def loader_class() -> Any:
    """Return PyYAML's safe loader (in C where there is one) with floats as in YAML 1.2."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("BoundedLoader", (base,), {})
    loader.add_implicit_resolver(_FLOAT_TAG, _FLOAT, list("-+.0123456789"))
    loader.add_constructor(_FLOAT_TAG, _construct_float)
    return loader


@functools.cache
def dumper_class() -> Any:
    """Return PyYAML's safe dumper, quoting every string that `loader_class` would not keep one."""
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumper: Any = type("BoundedDumper", (base,), {"ignore_aliases": lambda self, data: True})
    dumper.add_implicit_resolver(_FLOAT_TAG, _FLOAT, list("-+.0123456789"))
    return dumper


def _construct_float(loader: Any, node: Any) -> float | str:
    value: float = loader.construct_yaml_float(node)
    # A short commit id such as 1234e5678 would become infinity, and two of them the same.
    if math.isinf(value) and "inf" not in node.value.lower():
        return str(node.value)
    return value


def _check_events(text: str, where: str) -> None:
    import yaml

    depth = aliases = 0
    event: Any
    for event in yaml.parse(text, Loader=loader_class()):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if depth > MAX_DEPTH or aliases > MAX_ALIASES:
            what = "nested too deeply" if depth > MAX_DEPTH else "too many aliases"
            raise ConfigError(f"{where}, line {event.start_mark.line + 1}: {what}.")


def _measure(
    node: Any, depth: int, known: dict[int, tuple[int, int]], above: set[int], where: str
) -> tuple[int, int]:
    """Return (number of nodes with aliases expanded, height); refuse what is beyond the bounds."""
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return 1, 1
    key = id(node)
    if key in above:
        raise ConfigError(f"{where}, line {line(node)}: a value that contains itself.")
    size, height = known.get(key, (0, 0))
    if not size:
        if depth > MAX_DEPTH:
            raise ConfigError(f"{where}, line {line(node)}: nested too deeply.")
        above.add(key)
        size = 1
        for child in _children(node, where):
            inner, tall = _measure(child, depth + 1, known, above, where)
            size, height = size + inner, max(height, tall)
        above.discard(key)
        height += 1
        known[key] = size, height
    if size > MAX_NODES or depth + height - 1 > MAX_DEPTH + 1:
        raise ConfigError(f"{where}, line {line(node)}: too large once its aliases are expanded.")
    return size, height


def _children(node: Any, where: str) -> list[Any]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return list(node.value)
    seen: set[tuple[str, str]] = set()
    children = []
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            name = (key.tag, key.value)
            if name in seen:
                raise ConfigError(
                    f"{where}, line {line(key)}: the key {key.value!r} is there twice.",
                    hint="Keep one of them; which one counts would depend on the reader.",
                )
            seen.add(name)
        children += [key, value]
    return children


def _explain(error: Any, where: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    at = f", line {mark.line + 1}" if mark is not None else ""
    problem = str(getattr(error, "problem", "") or error).split("\n")[0]
    if "could not determine a constructor" in problem:
        problem = "a tag that plain YAML doesn't have; only plain values are read"
    return ConfigError(f"{where}{at}: {problem}.")
