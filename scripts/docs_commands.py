"""The reference of commands, from click's own description of them."""

from __future__ import annotations

from collections.abc import Iterator

import click
from docs_text import cell

from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import root


def commands() -> str:
    """Return the reference of every command, from click's own description of it."""
    sections = []
    for path, command in walk_commands():
        ctx = click.Context(command, info_name=path)
        title = f"{'##' if path == 'gitml' else '###'} {path}\n"
        usage = " ".join([path, *command.collect_usage_pieces(ctx)])
        sections.append(title)
        sections.append(f"```text\n{usage}\n```\n")
        sections.append(_help(command))
        if isinstance(command, click.Group):
            sections.append(_members(path, command, ctx))
        else:
            sections.append(_options(command, ctx))
        if isinstance(command, ExampleCommand) and command.examples:
            shown = "\n".join(command.examples)
            sections.append(f"Examples:\n\n```sh\n{shown}\n```\n")
    return "\n".join(part for part in sections if part)


def walk_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name, in the order in which people meet them."""
    yield from _walk("gitml", root)


def _walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command, info_name=path)
        for name in command.list_commands(ctx):
            child = command.get_command(ctx, name)
            assert child is not None
            yield from _walk(f"{path} {name}", child)


def _help(command: click.Command) -> str:
    """Return the help text; what stands behind `\\b` keeps its lines."""
    paragraphs = []
    for paragraph in (command.help or "").replace("\f", "").split("\n\n"):
        lines = [line.rstrip() for line in paragraph.splitlines()]
        if lines and lines[0].strip() in ("\b", "\\b"):
            if lines[1:] and lines[1].strip() == "Examples:":
                shown = "\n".join(line.strip() for line in lines[2:]).rstrip()
                paragraphs.append(f"Examples:\n\n```sh\n{shown}\n```")
            else:
                paragraphs.append("```text\n" + "\n".join(lines[1:]) + "\n```")
        else:
            paragraphs.append(" ".join(line.strip() for line in lines).strip())
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _members(path: str, group: click.Group, ctx: click.Context) -> str:
    rows = ["| command | does |", "| --- | --- |"]
    options = _options(group, ctx)
    for name in group.list_commands(ctx):
        child = group.get_command(ctx, name)
        assert child is not None
        anchor = f"{path} {name}".replace(" ", "-")
        rows.append(f"| [`{path} {name}`](#{anchor}) | {child.get_short_help_str(120)} |")
    return "\n".join([*([options] if options else []), *rows]) + "\n"


def _options(command: click.Command, ctx: click.Context) -> str:
    rows = []
    for parameter in command.get_params(ctx):
        found = parameter.get_help_record(ctx)
        named = isinstance(parameter, click.Option) and parameter.name != "help"
        if named and found is not None:
            rows.append(f"| `{cell(found[0])}` | {cell(found[1])} |")
    if not rows:
        return ""
    return "\n".join(["| option | means |", "| --- | --- |", *rows]) + "\n"
