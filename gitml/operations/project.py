"""The project that a command works in: repository, configuration and storage, opened once."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from gitml import config as configuration_file
from gitml.background import begin
from gitml.config import Config
from gitml.experiment.names import check_name, default_study
from gitml.git.repository import Repository, configuration, discover, truthy
from gitml.operations.tidying import put_back_params
from gitml.storage import place
from gitml.storage.place import Storage


class Project(msgspec.Struct, frozen=True):
    """Where a command works.

    Attributes:
        repository: The Git repository.
        config: `gitml.yaml`, or defaults.
        folder: The project's folder, relative to the repository's root (`""` is the root).
        start: The folder where the user stands, relative to the repository's root.
        git_config: Git's configuration.
        storage: DVC storage, or None where DVC isn't set up.
    """

    repository: Repository
    config: Config
    folder: str
    start: str
    git_config: dict[str, str]
    storage: Storage | None

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.repository.root / self.folder

    @property
    def state_dir(self) -> Path:
        """Where gitml keeps what is derived or temporary."""
        return self.repository.state_dir

    @property
    def runs_dir(self) -> Path:
        """Where the journal keeps runs that are not recorded yet."""
        return self.state_dir / "runs"

    @property
    def quarantine(self) -> Path:
        """Where corrupt objects are set aside."""
        return self.state_dir / "bad"

    @property
    def signs(self) -> bool:
        """Whether Git is configured to sign commits."""
        return truthy(self.git_config.get("commit.gpgsign", "false"))

    def in_repository(self, path: str) -> str:
        """Return a path relative to the project as one relative to the repository's root.

        One that leaves the repository begins with `../`.
        """
        return os.path.normpath(os.path.join(self.folder, path)) if path else self.folder

    def study(self, named: str = "") -> str:
        """Return the study that is meant: the one named, or the branch's.

        Raises:
            UsageError: if `named` can't name a study.
        """
        if named:
            return check_name(named.removeprefix("exp/"), "study")
        return default_study(self.repository.branch, self.folder)


def open_project(start: Path) -> Project:
    """Open the project that `start` lies in.

    Raises:
        NotFoundError: outside of a Git repository.
        ConfigError: if `gitml.yaml` is wrong.
    """
    repository = discover(start)
    git_config = begin(lambda: configuration(repository))
    put_back_params(repository.state_dir / "runs")
    standing = "" if repository.bare else _relative(start.resolve(), repository.root)
    folder = _project_folder(repository.root, standing)
    main = None
    if repository.git_dir != repository.common_dir:
        main = repository.common_dir.parent / folder
    return Project(
        repository=repository,
        config=configuration_file.load(repository.root / folder),
        folder=folder,
        start=standing,
        git_config=git_config(),
        storage=None
        if repository.bare
        else place.find(repository.root / folder, repository.root, fallback=main),
    )


def _relative(path: Path, root: Path) -> str:
    relative = path.relative_to(root).as_posix()
    return "" if relative == "." else relative


def _project_folder(root: Path, standing: str) -> str:
    folder = root / standing
    while True:
        if (folder / configuration_file.FILE).is_file():
            return _relative(folder, root)
        if folder == root:
            return ""
        folder = folder.parent
