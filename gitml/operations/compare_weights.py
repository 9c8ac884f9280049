"""The weights of two experiments: from their tensor manifests, or element by element."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from gitml.comparison import weights
from gitml.comparison.contents import WeightsComparison
from gitml.comparison.weights_measuring import Measured, measure
from gitml.errors import GitmlError, NotFoundError, StorageError
from gitml.history.rows import Progress
from gitml.operations.artifact_files import Arm, ArtifactFiles, pairs
from gitml.outputs.artifact import Artifact
from gitml.outputs.tensor_manifest import TensorSummary, manifest, parse
from gitml.outputs.tensor_places import Place, places

Tensors = list[TensorSummary]
Places = dict[str, Place]

_SUFFIX = ".safetensors"


def compare_weights(
    files: ArtifactFiles,
    arms: Sequence[Arm],
    *,
    exact: bool = False,
    progress: Progress | None = None,
) -> tuple[WeightsComparison, ...]:
    """Return what changed in the weights that both of two experiments have.

    Without `exact` nothing but the tensor manifests in Git is read. Where weights can't be read, a
    note says so, and what the manifests say is returned.

    Args:
        files: Gives the manifests and the weights.
        arms: The experiments; of any number but two, nothing is returned.
        exact: Whether to read the weights themselves.
        progress: Takes (done, total) in bytes, of one artifact after the other.
    """
    if len(arms) != 2:
        return ()
    found = []
    for one, other in pairs(arms, ("weights",)):
        if one is not None and other is not None:
            found.append(_Compared(files, arms, (one, other)).result(exact, progress))
    return tuple(found)


class _Compared:
    """One artifact of both experiments."""

    def __init__(
        self, files: ArtifactFiles, arms: Sequence[Arm], items: tuple[Artifact, Artifact]
    ) -> None:
        self._files = files
        self._arms = arms
        self._items = items
        self._notes: list[str] = []

    def result(self, exact: bool, progress: Progress | None) -> WeightsComparison:
        """Return the comparison."""
        measured = None
        listed = [self._listed(side) for side in (0, 1)]
        if exact:
            try:
                located = [self._located(side) for side in (0, 1)]
                listed = [
                    manifest(sorted({place.path for place in where.values()}))
                    if tensors is None and where
                    else tensors
                    for tensors, where in zip(listed, located, strict=True)
                ]
                measured = self._measured(listed, located, progress)
            except (StorageError, NotFoundError) as error:
                self._notes.append(f"The weights can't be read: {error.message}")
        first, second = listed
        if first is None or second is None:
            self._unlisted(listed)
            first = second = []
        return weights.compare_weights(
            first,
            second,
            paths=(self._items[0].path, self._items[1].path),
            titles=[arm.title for arm in self._arms],
            measured=measured,
            notes=self._notes,
        )

    def _name(self, side: int) -> str:
        return f"{self._items[side].path} of {self._arms[side].title}"

    def _listed(self, side: int) -> Tensors | None:
        """Return the tensors by the manifest in Git; None where there is none that can be read."""
        path = self._items[side].tensors
        if not path:
            return None
        try:
            data = self._files.committed(self._arms[side].run, path)
            return None if data is None else parse(data, path)
        except GitmlError as error:
            self._notes.append(f"The tensors of {self._name(side)} are unknown: {error.message}")
            return None

    def _located(self, side: int) -> Places:
        """Return where the tensors are; empty where they aren't on this machine.

        Raises:
            StorageError: if a file isn't sound.
        """
        run, item = self._arms[side].run, self._items[side]
        paths: list[Path | None] = [
            self._files.file(run, item, member)
            for member in self._files.members(run, item)
            if (member.path or item.path).endswith(_SUFFIX)
        ]
        found = [path for path in paths if path is not None]
        if not found or len(found) < len(paths):
            absent = f"{run.row.experiment}: {item.path}" in self._files.missing
            why = (
                "isn't on this machine: `gitml exp pull` brings it"
                if absent
                else "holds no safetensors files"
            )
            self._notes.append(f"{self._name(side)} {why}.")
            return {}
        return places(found)

    def _measured(
        self,
        listed: Sequence[Tensors | None],
        located: Sequence[Places],
        progress: Progress | None,
    ) -> dict[str, Measured] | None:
        """Return what reading the tensors gives that aren't known to be the same.

        Raises:
            StorageError: if a file can't be read.
        """
        ours, theirs = located
        first, second = listed
        if not ours or not theirs or first is None or second is None:
            return None
        if importlib.util.find_spec("numpy") is None:
            self._notes.append("Reading weights needs numpy: pip install 'gitml[torch]'.")
            return None
        return measure(first, second, ours, theirs, progress)

    def _unlisted(self, listed: Sequence[Tensors | None]) -> None:
        one, other = self._items
        if one.digest == other.digest:
            self._notes.append(f"{other.path} is the same in both; its tensors aren't known.")
            return
        for side, tensors in enumerate(listed):
            if tensors is None and not any(self._name(side) in note for note in self._notes):
                self._notes.append(f"No tensors are known of {self._name(side)}.")
