"""The data of one recorded experiment against the present: what is on disk, declared, and piped."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from gitml.inputs import sameness
from gitml.inputs.folding import ALL, as_now, names_in
from gitml.inputs.manifest import DataInput, Manifest
from gitml.inputs.sameness import Difference
from gitml.operations.data import hash_path, open_hashes
from gitml.operations.data_seen import STANDARD_INPUT, files_in, standard_input
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.storage.hashes import Hashes

# Their content can't be had by reading a file.
_UNREADABLE = ("external", "listing")


def compare_data(
    project: Project, recorded: Manifest, plan: Plan, outputs: Collection[str]
) -> list[Difference]:
    """Return the inputs of data that differ from what they were, or that came or went.

    Args:
        project: Where.
        recorded: The inputs of the recorded run.
        plan: The inputs as far as they are known before a run.
        outputs: Paths that recorded runs wrote: they don't come up in a folder by themselves.
    """
    planned: dict[str, DataInput] = dict(plan.data)
    oids = {entry.path: entry.oid for entry in plan.entries}
    with open_hashes(project) as hashes:
        for name, item in recorded.data.items():
            if name in planned or item.kind in _UNREADABLE:
                continue
            if item.kind == "git":
                if not item.declared and name in oids:
                    planned[name] = DataInput("git", oids[name], declared=False)
                continue
            now = _present(project, name, item, hashes, outputs)
            if now is not None:
                planned[name] = now
    return _without_retracked(sameness.compare_data(recorded.data, planned), recorded, plan)


def _present(
    project: Project, name: str, item: DataInput, hashes: Hashes, outputs: Collection[str]
) -> DataInput | None:
    """Return what a recorded input holds now; None when it isn't there."""
    if name == STANDARD_INPUT:
        return standard_input()
    path = Path(name) if os.path.isabs(name) else project.repository.root / name
    if item.names:
        return refolded(path, name, item, hashes, outputs)
    # A pipe that took its place would be waited for.
    return hash_path(path, hashes) if path.is_file() or path.is_dir() else None


def refolded(
    path: Path, name: str, item: DataInput, hashes: Hashes, outputs: Collection[str] = ()
) -> DataInput:
    """Return the files of a folder that are one input as they are on disk now.

    Args:
        path: The folder.
        name: Of the input.
        item: As it was recorded.
        hashes: What is known of the files on disk.
        outputs: Paths that recorded runs wrote.
    """
    there = files_in(path) if item.names == ALL else ()
    present = [file for file in there if name + file not in outputs]
    places = {file: path / file for file in names_in(item, present)}
    digests = {
        file: hash_path(place, hashes).digest for file, place in places.items() if place.is_file()
    }
    return as_now(item, digests, present)


def _without_retracked(
    differences: list[Difference], recorded: Manifest, plan: Plan
) -> list[Difference]:
    """Return the differences, where a folder that DVC tracks now is what was read before."""
    changed = {one.name for one in differences if one.planned is None or one.recorded is not None}
    found = []
    for one in differences:
        item = plan.data.get(one.name)
        if one.recorded is None and item is not None and item.kind == "dvc" and item.files:
            below = {name for name in recorded.data if name.startswith(f"{one.name}/")}
            if below and not below & changed:
                one = Difference("data", one.name, "unversioned", "dvc", counts=False)
        found.append(one)
    return found
