"""What the tests of logged files share: a run's folder, and reading back what is in it."""

from __future__ import annotations

import csv
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitml.api.place import RUN_VARIABLE


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(RUN_VARIABLE, str(tmp_path))
    return tmp_path


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def examples_of(function: Callable[..., Any]) -> list[str]:
    """Return the lines of code in a docstring: its indented block before the arguments."""
    text = inspect.getdoc(function) or ""
    blocks = [block for block in text.split("Args:")[0].split("\n\n") if block.startswith("    ")]
    return [line for block in blocks for line in textwrap.dedent(block).splitlines()]


def left_over(run: Path) -> list[str]:
    """Return unfinished files."""
    return [path.name for path in (run / "made").rglob("*.tmp")]
