"""What examples look like on which two experiments differ, out of the recorded data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gitml.comparison.contents import Picture
from gitml.comparison.statistics.flips import Flips
from gitml.config import Examples
from gitml.errors import RecordError
from gitml.operations.artifact_files import Arm, ArtifactFiles
from gitml.operations.recorded_data import RecordedData, is_inside
from gitml.outputs.example_images import images_of, media_of, smaller
from gitml.outputs.example_rows import rows_of
from gitml.outputs.table_file import is_table

MOST_A_DIRECTION = 24
_LARGEST = 32_000_000
_LARGEST_TEXT = 4_000


def pictures_of(
    files: ArtifactFiles, arms: Sequence[Arm], flips: Flips, examples: Examples | None
) -> tuple[tuple[Picture, ...], list[str]]:
    """Return what flipped examples look like, and sentences on what can't be shown.

    They are taken from the data of the second experiment, as it was recorded; where that isn't on
    this machine, from that of the first.

    Args:
        files: Where experiments and storage are.
        arms: Two experiments.
        flips: The examples; the first 24 of each direction are shown.
        examples: What `gitml.yaml` says; nothing is shown without it.
    """
    wanted = _wanted(flips)
    if examples is None or not wanted:
        return (), []
    problem = f"{examples.path}, where examples are to be seen, was not recorded or isn't here."
    for arm in (arms[1], arms[0]):
        with RecordedData(files, arm.run) as data:
            try:
                found = _look(data, arm.run.record.project, examples, wanted)
            except RecordError as error:
                return (), [f"{error.message} {error.hint}".strip()]
        if found is not None:
            return found, _said(found, wanted, examples)
    return (), [f"{problem} `dvc pull` brings back what a remote has."]


def _wanted(flips: Flips) -> list[str]:
    found: list[str] = []
    for direction in ("lost", "won", "changed"):
        names = [flip.id for flip in flips.examples if flip.direction == direction]
        found += names[:MOST_A_DIRECTION]
    return found


def _look(
    data: RecordedData, project: str, examples: Examples, wanted: Sequence[str]
) -> tuple[Picture, ...] | None:
    """Return the pictures; None when the data isn't here at all."""
    path = f"{project}/{examples.path}" if project else examples.path
    if "{id}" in path:
        return tuple(one for name in wanted if (one := _single(data, path, name))) or None
    place = data.find(path)
    if place is None:
        return None
    if path.lower().endswith(".npz"):
        arrays = examples.ids, examples.images
        return tuple(
            Picture(name, "image/png", content)
            for name, content in images_of(place, examples.path, arrays, wanted)
        )
    if not is_table(path):
        raise RecordError(
            f"`examples` in gitml.yaml names {examples.path}, which is neither .npz nor a table.",
            hint="A pattern such as data/images/{id}.png names single files.",
        )
    suffix = os.path.splitext(path)[1]
    rows = rows_of(place, examples.path, suffix, examples.id, examples.show, wanted)
    return tuple(
        Picture(name, "text/plain", _cut(text).encode("utf-8", "replace"))
        for name, text in rows.items()
    )


def _single(data: RecordedData, pattern: str, name: str) -> Picture | None:
    """Return the picture of one example; None where its id leads nowhere."""
    path = pattern.replace("{id}", name)
    # An id is what some file says: it must not lead to another folder than the pattern's.
    if not is_inside(name) or not is_inside(path):
        return None
    place = data.find(path)
    if place is None or not 0 < place.stat().st_size <= _LARGEST:
        return None
    content = _read(place)
    media = media_of(content)
    if media.startswith("image/"):
        return Picture(name, *smaller(media, content))
    try:
        return Picture(name, "text/plain", _cut(content[:_LARGEST_TEXT].decode()).encode())
    except UnicodeDecodeError:
        return None


def _read(place: Path) -> bytes:
    with place.open("rb") as file:
        return file.read(_LARGEST)


def _cut(text: str) -> str:
    return text if len(text) <= _LARGEST_TEXT else f"{text[:_LARGEST_TEXT]}…"


def _said(found: Sequence[Picture], wanted: Sequence[str], examples: Examples) -> list[str]:
    lost = len(wanted) - len(found)
    if not lost:
        return []
    many = "example isn't" if lost == 1 else "examples aren't"
    return [f"{lost:,} flipped {many} shown: not found by their ids in {examples.path}."]
