"""Parameters, command and environment side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitml.comparison.result import Fact, Setting
from gitml.comparison.sides import absent, equal, line_up, names_of
from gitml.experiment.record import Record
from gitml.values import Scalar, flatten, to_json


def compare_params(records: Sequence[Record], *, everything: bool) -> tuple[Setting, ...]:
    """Return the parameters; those that are equal everywhere only if `everything` is wanted."""
    sides = [record.params for record in records]
    counting = {name for record in records for name in record.inputs.settings}
    seeds = {name for record in records for name in record.inputs.seeds}
    return tuple(
        Setting(fact.name, fact.values, fact.missing, fact.name in counting, fact.name in seeds)
        for fact in _facts(sides, everything)
    )


def compare_command(records: Sequence[Record], *, everything: bool) -> tuple[Fact, ...]:
    """Return the program, the folder it ran in, and the command as it was given."""
    sides: list[dict[str, Scalar]] = [
        {
            "program": " ".join(record.inputs.command.program),
            "folder": record.inputs.command.folder,
            "command": " ".join(record.argv),
        }
        for record in records
    ]
    return _facts(sides, everything)


def compare_environment(records: Sequence[Record], *, everything: bool) -> tuple[Fact, ...]:
    """Return the facts about platform, processors and threads."""
    return _facts([flatten(record.environment) for record in records], everything)


def _facts(sides: Sequence[Mapping[str, Scalar]], everything: bool) -> tuple[Fact, ...]:
    facts = []
    for name in names_of(sides):
        values, missing = line_up(sides, name), absent(sides, name)
        if everything or not equal(values, missing):
            facts.append(Fact(name, tuple(map(to_json, values)), missing))
    return tuple(facts)
