"""YAML from outside: small, shallow, without anchors that multiply and without repeated keys."""

from __future__ import annotations

from typing import Any

import yaml

_DEEPEST = 64
# Aliases of aliases multiply when somebody walks the tree: ten can't do harm.
_ALIASES = 10

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Strict(_Loader):  # type: ignore[misc]
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = getattr(key, "value", None)
            if isinstance(name, str):
                if name in seen:
                    raise ValueError(f"the key {name[:100]!r} is there twice")
                seen.add(name)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def load(data: bytes) -> Any:
    """Return what one YAML document says, as dictionaries, lists and scalars.

    Raises:
        ValueError: It isn't YAML, nests deeper than 64 levels, has more than 10 aliases, repeats
            a key, or has a tag that isn't standard.
    """
    try:
        text = data.decode()
        _check_shape(text)
        return yaml.load(text, Loader=_Strict)  # a subclass of the safe loader
    except yaml.YAMLError as error:
        raise ValueError(_one_line(error)) from error
    except (UnicodeDecodeError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"it can't be read ({error})") from error


def _check_shape(text: str) -> None:
    """Count depth and aliases from the events, before anything is built from them."""
    depth = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if depth > _DEEPEST:
            raise ValueError(f"it nests deeper than {_DEEPEST} levels")
        if aliases > _ALIASES:
            raise ValueError(f"it has more than {_ALIASES} aliases")


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{problem} (line {mark.line + 1})" if mark else " ".join(str(problem).split())
