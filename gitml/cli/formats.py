"""The options that choose a format: `--json`, `--md`, `--csv`; the last one counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import click

Form = Literal["json", "md", "csv"]
F = TypeVar("F", bound=Callable[..., Any])


def format_options(function: F) -> F:
    """Add the three options; the command takes `form`, which is None for text."""
    for name, what in (("csv", "CSV"), ("md", "Markdown"), ("json", "JSON")):
        option = click.option(f"--{name}", "form", flag_value=name, help=f"Print {what}.")
        function = option(function)
    return function
