"""Groups whose commands are imported when they are used, and commands with examples."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, and its line in the help of its group.

    Attributes:
        place: `module:attribute`.
        summary: The same as the first line of the command's own help.
    """

    place: str
    summary: str


class ExampleCommand(click.Command):
    """A command whose help ends in examples that one can copy."""

    def __init__(self, *arguments: Any, examples: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, unwrapped."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
        super().format_epilog(ctx, formatter)


class LazyGroup(click.Group):
    """A group that knows the names of its commands, and imports one when it is asked for."""

    def __init__(
        self,
        *arguments: Any,
        entries: Mapping[str, Entry] | None = None,
        groups: Collection[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.entries = dict(entries or {})
        self.groups = groups  # names of the commands that are groups themselves

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which people meet them."""
        return [*self.entries, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now, or None if there is none of that name."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        _load_msgspec()
        module, _, attribute = entry.place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; the error suggests the nearest one."""
        word = args[0]
        if not word.startswith("-") and self.get_command(ctx, word) is None:
            raise click.UsageError(f"There is no command {word!r}.{self._nearest(ctx, word)}", ctx)
        return super().resolve_command(ctx, args)

    def _nearest(self, ctx: click.Context, word: str) -> str:
        import difflib

        names = self.list_commands(ctx)
        near = difflib.get_close_matches(word, names, n=1)
        if not near:
            groups = [(name, self.get_command(ctx, name)) for name in names if name in self.groups]
            near = [
                f"{name} {word}"
                for name, group in groups
                if isinstance(group, LazyGroup) and word in group.entries
            ]
        return f" Did you mean {near[0]!r}?" if near else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        lines = [(name, entry.summary) for name, entry in self.entries.items()]
        for name in super().list_commands(ctx):
            command = super().get_command(ctx, name)
            if command is not None:
                lines.append((name, command.get_short_help_str(formatter.width)))
        with formatter.section("Commands"):
            formatter.write_dl(lines)


def _load_msgspec() -> None:
    """Import msgspec, which every command needs, without what it doesn't need itself.

    It asks typing_extensions, where that is installed, for three names that Python has had since
    3.11, and falls back to Python's own. Importing it takes a tenth of a short command's time.
    """
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    blocked: dict[str, Any] = {"typing_extensions": None}
    sys.modules.update(blocked)
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]
