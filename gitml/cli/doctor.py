"""`gitml doctor`."""

from __future__ import annotations

import click

from gitml.cli import output
from gitml.cli.errors import DONE, FOUND
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing


@click.command(name="doctor", cls=ExampleCommand, examples=("gitml doctor", "gitml doctor --json"))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
def command(standing: Standing, as_json: bool) -> int:
    """Say what is wrong here, and how to mend it.

    Nothing is changed. The exit status is 1 when something keeps experiments from being recorded
    or found.
    """
    from gitml.operations.doctor import diagnose
    from gitml.views import documents, health

    findings = diagnose(standing.start)
    if as_json:
        output.emit_json(documents.findings(findings))
    else:
        output.emit(health.render(findings, colour=output.colour()))
    return FOUND if any(finding.level == "error" for finding in findings) else DONE
