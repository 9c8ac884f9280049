"""What users should know before a rerun begins, and what may explain how it came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitml.comparison.reproduction import Reproduction
from gitml.experiment.record import Record
from gitml.git.trees import Entry
from gitml.inputs.sameness import describe
from gitml.operations.rerun_data import Supply
from gitml.operations.rerun_environment import Chosen


def announcements(
    record: Record, chosen: Chosen, supply: Supply, entries: Iterable[Entry]
) -> list[str]:
    """Return sentences about a rerun that is about to begin: its Python, what isn't captured.

    Args:
        record: Of the experiment.
        chosen: The Python.
        supply: Where the data comes from.
        entries: Files of the experiment's tree.
    """
    said = []
    if chosen.kind == "here" and chosen.differing:
        differing = describe(chosen.differing)
        said.append(f"{chosen.python} differs from what {record.name} ran with: {differing}.")
    elif chosen.kind == "here":
        said.append(f"{chosen.python} has what {record.name} imported, so it is used.")
    elif chosen.kind == "locked":
        said.append(f"Using the environment built from its lock file: {chosen.python}")
    if chosen.others:
        what = "package that it didn't import differs"
        if len(chosen.others) > 1:
            what = "packages that it didn't import differ"
        said.append(f"{len(chosen.others)} {what} from the lock file of {record.name}.")
    said += [
        f"{name} was not captured, so nobody knows whether it is what it was."
        for name in supply.uncaptured
    ]
    modules = [entry.path for entry in entries if entry.mode == "160000"]
    if modules:
        said.append(f"The submodule {modules[0]} is not checked out for a rerun.")
    return said


def hints_for(record: Record, facts: Mapping[str, object], found: Reproduction) -> tuple[str, ...]:
    """Return sentences about usual causes; none when everything is the same bit for bit.

    Args:
        record: Of the experiment.
        facts: About the machine that the rerun was on.
        found: What differs.
    """
    if found.verdict == "reproduced" or found.failure:
        return ()
    hints = []
    if not record.inputs.seeds:
        hints.append(
            "No seed is declared, so nobody knows whether both runs drew the same random numbers: "
            "name it under `seeds:` in gitml.yaml, and set it in the script."
        )
    if record.environment.get("gpu") or facts.get("gpu"):
        hints.append(
            "Many operations on a GPU sum in another order each time; "
            "torch.use_deterministic_algorithms(True) and CUBLAS_WORKSPACE_CONFIG=:4096:8 ask for "
            "a fixed one."
        )
    if _processor(record.environment) != _processor(facts):
        hints.append(
            "The processor is another one, and numerical libraries choose their code by it: the "
            "last digits may differ."
        )
    if any(item.kind == "external" for item in record.inputs.data.values()):
        hints.append("External data was not captured, and may have changed.")
    elif record.network:
        hints.append("The experiment used the network; what it got there may have changed.")
    return tuple(hints)


def _processor(facts: Mapping[str, object]) -> object:
    cpu = facts.get("cpu")
    return cpu.get("model") if isinstance(cpu, dict) else None
