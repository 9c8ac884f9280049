"""How alike two experiments are: differences input by input, and the level that they add up to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from gitml.inputs.arguments import PREFIX, could_be_output
from gitml.inputs.difference import (
    Difference,
    compare_code,
    compare_command,
    compare_data,
    compare_libraries,
    compare_manifest_code,
    compare_partition,
    compare_settings,
)
from gitml.inputs.manifest import CommandInput, DataInput, Manifest, PartitionInput
from gitml.inputs.settings import matching
from gitml.values import Scalar, digest

__all__ = [
    "LEVELS",
    "Difference",
    "Level",
    "cap_of",
    "compare",
    "compare_code",
    "compare_command",
    "compare_data",
    "compare_level",
    "compare_libraries",
    "compare_manifest_code",
    "compare_partition",
    "compare_settings",
    "describe",
    "level_of",
    "lookup_digest",
]

Level = Literal["identical", "equivalent", "replicate", "re-environment", "near", "new"]

# From strict to loose.
LEVELS: tuple[Level, ...] = (
    "identical",
    "equivalent",
    "replicate",
    "re-environment",
    "near",
    "new",
)

NEAR_SETTINGS = 2
NEAR_FILES = 3
_SHOWN = 3
_CODE_WORDS = {
    "formatting": "comments or formatting of",
    "added": "new",
    "reached": "newly reached",
}


def level_of(
    differences: Iterable[Difference], seeds: Collection[str], cap: Level = "identical"
) -> Level:
    """Return the level that some differences add up to.

    Args:
        differences: All of them, those that don't count included.
        seeds: Names of the settings that are seeds.
        cap: The best level there can be; see `cap_of`.
    """
    present = list(differences)
    counting = [difference for difference in present if difference.counts]
    level: Level
    if not present:
        level = "identical"
    elif not counting:
        level = "equivalent"
    elif all(_is_seed(difference, seeds) for difference in counting):
        level = "replicate"
    elif all(difference.input == "libraries" for difference in counting):
        level = "re-environment"
    else:
        level = "near" if _is_near(counting, seeds) else "new"
    return max(level, cap, key=LEVELS.index)


def cap_of(*data: Mapping[str, DataInput]) -> Level:
    """Return the best level that data inputs allow.

    What isn't captured may have changed (`near` at best); sizes and times say little
    (`equivalent` at best).
    """
    kinds = {item.kind for inputs in data for item in inputs.values()}
    if "external" in kinds:
        return "near"
    return "equivalent" if "listing" in kinds else "identical"


def compare(recorded: Manifest, planned: Manifest) -> list[Difference]:
    """Return all differences between the manifests of two finished runs."""
    return [
        *compare_command(recorded.command, planned.command),
        *compare_settings(recorded.settings, planned.settings),
        *compare_manifest_code(recorded.code, planned.code),
        *compare_data(recorded.data, planned.data),
        *compare_partition(recorded.partition, planned.partition),
        *compare_libraries(recorded.libraries, planned.libraries),
    ]


def compare_level(recorded: Manifest, planned: Manifest) -> Level:
    """Return the level between two finished runs."""
    seeds = {*recorded.seeds, *planned.seeds}
    return level_of(compare(recorded, planned), seeds, cap_of(recorded.data, planned.data))


def describe(differences: Iterable[Difference]) -> str:
    """Return one short phrase: `lr 0.1 → 0.01, formatting of train.py and 2 more`.

    Differences that count come first; nothing at all is `nothing`.
    """
    ordered = sorted(differences, key=lambda difference: not difference.counts)
    phrases = [_phrase(difference) for difference in ordered[:_SHOWN]]
    more = len(ordered) - len(phrases)
    if more:
        return f"{', '.join(phrases)} and {more} more"
    if len(phrases) > 1:
        return f"{', '.join(phrases[:-1])} and {phrases[-1]}"
    return phrases[0] if phrases else "nothing"


def lookup_digest(
    command: CommandInput,
    settings: Mapping[str, Scalar],
    data: Mapping[str, DataInput],
    partition: PartitionInput,
    seeds: Collection[str] = (),
) -> str:
    """Return the key that finds candidates for "seen before?": what is known before a run.

    Left out are seeds (so that replicates are found too), arguments that could only name outputs,
    and all that is merely observed. Data counts by content, wherever it lies.

    Args:
        command: The command component.
        settings: The settings that count.
        data: Data inputs; those that aren't declared are left out.
        partition: One that comes from a declared file; another's is left out.
        seeds: Patterns or names of the settings that are seeds.
    """
    skipped = matching(settings, seeds)
    kept = {
        name: value
        for name, value in settings.items()
        if name not in skipped and not (name.startswith(PREFIX) and could_be_output(name, value))
    }
    declared = sorted(
        item.digest or f"{item.kind} {name}" for name, item in data.items() if item.declared
    )
    parts = partition.parts if partition.source not in ("", "log_split") else {}
    return digest(
        {
            "program": command.program,
            "folder": command.folder,
            "settings": kept,
            "data": declared,
            "partition": {name: [p.count, p.digest, p.groups] for name, p in parts.items()},
        }
    )


def _is_seed(difference: Difference, seeds: Collection[str]) -> bool:
    return difference.input == "settings" and difference.name in seeds


def _is_near(counting: list[Difference], seeds: Collection[str]) -> bool:
    inputs = [d.input for d in counting if not _is_seed(d, seeds)]
    settings = inputs.count("settings")
    files = inputs.count("code") + inputs.count("data")
    other = "command" in inputs or "partition" in inputs
    return not other and settings <= NEAR_SETTINGS and files <= NEAR_FILES


def _phrase(difference: Difference) -> str:
    name, one, other = difference.name, difference.recorded, difference.planned
    if difference.input == "code":
        gone = "no longer reached" if one == "reached" else "removed"
        word = gone if other is None else _CODE_WORDS.get(str(other), "changed")
        unused = "" if difference.counts or other == "formatting" else " (not used)"
        return f"{word} {name}{unused}"
    if difference.input == "data":
        if one is None or other is None:
            return f"{'no longer' if other is None else 'newly'} reads {name}"
        if difference.counts:
            return f"content of {name}"
        return f"{name} is now {other}"
    if difference.input == "partition":
        return f"the {name} part"
    if difference.input == "command":
        return f"{name} `{one}` → `{other}`"
    texts = _value(one), _value(other)
    if texts[0] == texts[1]:  # the number 1 and the text "1"
        texts = repr(one), repr(other)
    return f"{name} {texts[0]} → {texts[1]}"


def _value(value: Scalar) -> str:
    if value is None:
        return "none"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text.removeprefix("sha256:")[:12] if text.startswith("sha256:") else text
    return text if len(text) <= 40 else f"{text[:39]}…"
