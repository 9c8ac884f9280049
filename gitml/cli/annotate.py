"""`gitml exp note`, `gitml exp tag` and `gitml exp hide`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitml.cli import output
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing

if TYPE_CHECKING:
    from gitml.operations.annotate import Annotated


@click.command(
    name="note",
    cls=ExampleCommand,
    examples=("gitml exp note brave-otter 'overfits after epoch 20'",),
)
@click.argument("experiment", metavar="EXP")
@click.argument("text", metavar="TEXT")
@click.option("--json", "as_json", is_flag=True, help="Print the experiment as JSON.")
@click.pass_obj
def note(standing: Standing, experiment: str, text: str, as_json: bool) -> int:
    """Add a note to an experiment."""
    from gitml.operations import annotate

    return _tell(annotate.note(standing.start, experiment, text), "noted", as_json)


@click.command(
    name="tag",
    cls=ExampleCommand,
    examples=(
        "gitml exp tag brave-otter baseline paper",
        "gitml exp tag brave-otter --remove paper",
    ),
)
@click.argument("experiment", metavar="EXP")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--remove", metavar="NAME", multiple=True, help="Take a tag away.")
@click.option("--json", "as_json", is_flag=True, help="Print the experiment as JSON.")
@click.pass_obj
def tag(
    standing: Standing,
    experiment: str,
    names: tuple[str, ...],
    remove: tuple[str, ...],
    as_json: bool,
) -> int:
    """Add tags to an experiment."""
    from gitml.operations import annotate

    done = annotate.tag(standing.start, experiment, names, remove=remove)
    return _tell(done, "tagged", as_json)


@click.command(
    name="hide",
    cls=ExampleCommand,
    examples=("gitml exp hide brave-otter", "gitml exp hide brave-otter --undo"),
)
@click.argument("experiment", metavar="EXP")
@click.option("--undo", is_flag=True, help="Show it again.")
@click.option("--json", "as_json", is_flag=True, help="Print the experiment as JSON.")
@click.pass_obj
def hide(standing: Standing, experiment: str, undo: bool, as_json: bool) -> int:
    """Leave an experiment out of tables.

    Nothing is deleted: `gitml exp list --hidden` still shows it.
    """
    from gitml.operations import annotate

    done = annotate.hide(standing.start, experiment, hidden=not undo)
    return _tell(done, "shown again" if undo else "hidden", as_json)


def _tell(done: Annotated, verb: str, as_json: bool) -> int:
    from gitml.views import documents, sentences

    if as_json:
        (document,) = documents.experiments([done.row])
        output.emit_json({**document, "event": done.event})
    else:
        output.emit(sentences.annotated(done, verb))
    return 0
