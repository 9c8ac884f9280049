"""Importances of features, and explanations of single predictions, of two experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from gitml.comparison.contents import ComparedExplanations, ComparedImportances
from gitml.comparison.statistics.attributions import Attributions, compare_attributions
from gitml.comparison.statistics.rankings import compare_rankings
from gitml.errors import GitmlError
from gitml.operations.artifact_files import Arm, ArtifactFiles
from gitml.operations.artifact_sides import Source, sides_of

Content = TypeVar("Content")


def compare_importances(
    files: ArtifactFiles, arms: Sequence[Arm]
) -> tuple[ComparedImportances, ...]:
    """Compare the importances of features of two experiments and their replicates.

    Args:
        files: Gives the files; what isn't on this machine is left in its `missing`.
        arms: Two experiments. Nothing is compared for another number of them.

    Returns:
        One entry for each file that both have. `comparison` is None where its notes say why it
        can't be compared.
    """
    from gitml.outputs.importance_file import Importances, read_importances

    def read(source: Source) -> Importances:
        return read_importances(source.path, source.where, source.suffix)

    compared = []
    for sides in sides_of(files, arms, "importance"):
        notes = list(sides.notes)
        a, b = (_read(sources, read, notes) for sources in (sides.a, sides.b))
        for one in (*a, *b):
            notes += [note for note in one.notes if note not in notes]
        comparison = None
        if a and b:
            comparison = compare_rankings([one.values for one in a], [one.values for one in b])
        compared.append(ComparedImportances(sides.path, comparison, tuple(notes)))
    return tuple(compared)


def compare_explanations(
    files: ArtifactFiles, arms: Sequence[Arm]
) -> tuple[ComparedExplanations, ...]:
    """Compare the explanations of two experiments, example by example, joined by id.

    Replicates aren't read: one run explains its own predictions.

    Args:
        files: Gives the files; what isn't on this machine is left in its `missing`.
        arms: Two experiments. Nothing is compared for another number of them.

    Returns:
        One entry for each file that both have. `comparison` is None where its notes say why it
        can't be compared.
    """
    from gitml.outputs.explanations_file import Explanations, read_explanations

    def read(source: Source) -> Explanations:
        return read_explanations(source.path, source.where, source.suffix)

    compared = []
    for sides in sides_of(files, arms, "explanation", replicates=False):
        notes = list(sides.notes)
        read_sides = [_read(sources, read, notes) for sources in (sides.a, sides.b)]
        comparison = None
        if all(read_sides):
            one, other = read_sides[0][0], read_sides[1][0]
            notes += [*one.notes, *other.notes]
            try:
                comparison = compare_attributions(
                    Attributions(one.ids, one.values, one.features),
                    Attributions(other.ids, other.values, other.features),
                )
            except GitmlError as error:
                notes.append(_sentence(error))
        compared.append(ComparedExplanations(sides.path, comparison, tuple(notes)))
    return tuple(compared)


def _read(
    sources: Sequence[Source], read: Callable[[Source], Content], notes: list[str]
) -> list[Content]:
    """Return what the runs of an arm have; nothing when its own file can't be read."""
    found: list[Content] = []
    for place, source in enumerate(sources):
        try:
            found.append(read(source))
        except GitmlError as error:
            notes.append(_sentence(error))
            if place == 0:
                return []
    return found


def _sentence(error: GitmlError) -> str:
    return f"{error.message} {error.hint}".strip()
