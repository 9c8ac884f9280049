"""Environment markers (`python_version < "3.12"`) evaluated for an interpreter that isn't this one.

The names and their meaning are those of the PyPA's "Dependency specifiers".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_NAMES = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalVM"}
_LONGEST = 2_000  # characters of a marker; longer ones are nobody's


def environment_of(python: str, implementation: str) -> dict[str, str]:
    """Return the environment of an interpreter on this machine.

    Args:
        python: Its version, such as `3.11.7`.
        implementation: Its `sys.implementation.name`, such as `cpython`.
    """
    import platform

    return {
        "implementation_name": implementation,
        "implementation_version": python,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": python,
        "platform_python_implementation": _NAMES.get(implementation, implementation),
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": sys.platform,
        "extra": "",
    }


class Markers:
    """The markers of one lock file, each evaluated once.

    Args:
        environment: From `environment_of`.
        groups: Dependency groups that are installed by default (PEP 751).
    """

    def __init__(self, environment: Mapping[str, str], groups: Iterable[str] = ()) -> None:
        self._environment = dict(environment)
        self._groups = frozenset(groups)
        self._known: dict[str, bool | None] = {"": True}

    def holds(self, text: str) -> bool | None:
        """Return whether a marker holds; None if it can't be evaluated. An empty one holds."""
        if text not in self._known:
            self._known[text] = self._evaluate(text)
        return self._known[text]

    def any_holds(self, texts: Iterable[str]) -> bool:
        """Return whether one of several markers holds, or there is none."""
        found = [self.holds(text) for text in texts]
        return not found or any(found)

    def fits(self, specifier: str) -> bool:
        """Return whether the interpreter's version is in a `requires-python` such as `>=3.10`."""
        if not specifier or specifier == "*":
            return True
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        version = self._environment["python_full_version"]
        try:
            return SpecifierSet(specifier[:_LONGEST]).contains(version, prereleases=True)
        except (InvalidSpecifier, ValueError):
            return True

    def _evaluate(self, text: str) -> bool | None:
        if len(text) > _LONGEST:
            return None
        from packaging.markers import InvalidMarker, UndefinedComparison, UndefinedEnvironmentName

        environment: dict[str, Any] = dict(self._environment)
        try:
            if "extras" not in text and "dependency_groups" not in text:
                return bool(_parsed(text).evaluate(environment))
            # Two sets that only lock files have; older releases of packaging don't know them.
            environment.update(extras=set(), dependency_groups=set(self._groups))
            return bool(_parsed(text).evaluate(environment, context="lock_file"))
        except (
            InvalidMarker,
            UndefinedComparison,
            UndefinedEnvironmentName,
            TypeError,
            ValueError,
            KeyError,
            RecursionError,
        ):
            return None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Any:
    from packaging.markers import Marker

    return Marker(text)
