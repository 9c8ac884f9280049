"""Regular expressions that are compiled when they are first used.

Compiling a long one takes longer than reading a small repository's index, and most runs need few.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_METHODS = ("match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer")


class _Lazy:
    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._text, self._flags)
        for method in _METHODS:  # found without this function from now on
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def lazy(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what behaves like `re.compile(text, flags)` and is compiled at its first use.

    A mistake in `text` is an `re.error` at that moment.
    """
    return cast("re.Pattern[AnyStr]", _Lazy(text, flags))
