"""Where the order of arguments can matter: options beside words, and beside configuration files.

`train.py --lr 0.1 big.py` may mean something else than `train.py big.py --lr 0.1`: a program that
reads its arguments from left to right lets the later one win. Among themselves options may stand
in any order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gitml.values import Scalar

_CONFIGURATION = re.compile(r"\.(?:ya?ml|toml|ini|cfg|conf|gin|jsonnet)\Z", re.IGNORECASE)
_NAMES = frozenset(("config", "conf", "cfg", "c"))


def is_configuration(name: str, value: Scalar) -> bool:
    """Return whether an option most likely names a file that sets other options."""
    if not isinstance(value, str):
        return False
    sounds = not _NAMES.isdisjoint(re.split(r"[-_.]", name.lower()))
    return bool(_CONFIGURATION.search(value)) or (sounds and "." in value)


def place_options(order: Sequence[tuple[str, bool]], words: Sequence[str]) -> list[str]:
    """Return the words that are no options, and between them what stood before each.

    That is `[options]` for all of the options, or their names (`[--lr --seed]`). Options that
    stand behind everything are not named, so most commands are just their words.

    Args:
        order: The names of options and whether each names a configuration file, and `("", True)`
            for each of `words`, in the order in which they stood.
        words: The words that are no options.
    """
    total = sum(not is_fixed for _, is_fixed in order)
    placed: list[str] = []
    before: list[str] = []
    said = 0
    left = list(words)
    for name, is_fixed in order:
        if not is_fixed:
            before.append(name)
            continue
        if len(before) > said:
            every = not said and len(before) == total
            placed.append("[options]" if every else _named(before[said:]))
            said = len(before)
        if not name:
            placed.append(left.pop(0))
        elif said:
            placed.append(_named([name]))
    return placed + left


def _named(names: Iterable[str]) -> str:
    return f"[{' '.join(f'--{name}' for name in sorted(names))}]"
