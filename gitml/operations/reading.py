"""What commands that only read experiments work with; it opens less than a run needs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gitml.config import FILE, load
from gitml.errors import ConfigError
from gitml.experiment.names import check_name, default_study
from gitml.git.repository import Repository, discover
from gitml.history.index import Index, open_index
from gitml.history.rows import Goals, Progress
from gitml.operations.tidying import put_back_params


class Reading(msgspec.Struct, frozen=True):
    """Where somebody reads.

    Attributes:
        repository: The Git repository.
        folder: The project's folder, relative to the repository's root (`""` is the root).
    """

    repository: Repository
    folder: str

    @property
    def study(self) -> str:
        """The current study: that of the branch."""
        return default_study(self.repository.branch, self.folder)

    def named_study(self, name: str) -> str:
        """Return the study that is named, or the current one.

        Raises:
            UsageError: if it can't name a study.
        """
        return check_name(name.removeprefix("exp/"), "study") if name else self.study

    def index(self, progress: Progress | None = None) -> Index:
        """Open the index, up to date."""
        return open_index(self.repository, progress)

    def declare_goals(self, index: Index) -> None:
        """Let the index know what `gitml.yaml` says now, which may be more than it once did.

        A file that can't be used is no reason not to show what is recorded.
        """
        try:
            config = load(self.repository.root / self.folder)
        except ConfigError:
            return
        goals: dict[str, str] = {
            name: metric.goal for name, metric in config.metrics.items() if metric.goal
        }
        effects = {
            name: metric.min_effect for name, metric in config.metrics.items() if metric.min_effect
        }
        index.declared = Goals(config.primary, goals, effects)


def open_reading(start: Path) -> Reading:
    """Find the repository and the project that `start` lies in.

    Raises:
        NotFoundError: outside of a Git repository.
    """
    repository = discover(start)
    put_back_params(repository.state_dir / "runs")
    if repository.bare:
        return Reading(repository, "")
    folder = start.resolve()
    while folder != repository.root and not (folder / FILE).is_file():
        folder = folder.parent
    relative = folder.relative_to(repository.root).as_posix()
    return Reading(repository, "" if relative == "." else relative)
