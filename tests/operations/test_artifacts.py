"""What is said about the files of a run, however many there are."""

from __future__ import annotations

import pickle

from gitml.config import Config
from gitml.git.repository import discover
from gitml.operations.artifacts import Shelf, StoredOutputs
from gitml.storage import place
from tests.conftest import Project


def stored(project: Project, *paths: str) -> StoredOutputs:
    repository = discover(project.root)
    shelf = Shelf(
        repository,
        place.find(project.root, project.root),
        project.root,
        "",
        Config(),
        repository.state_dir / "staging",
        None,
    )
    shelf.put_all(paths)
    return shelf.finish()


def test_many_pickles_that_stay_as_they_are_get_one_sentence(project: Project) -> None:
    paths = [f"out/optimizer-{number}.pkl" for number in range(5)]
    (project.root / "out").mkdir()
    for path in paths:
        (project.root / path).write_bytes(pickle.dumps({"path": path}))
    (said,) = stored(project, *paths).warnings
    assert said.startswith("5 files are stored as checkpoints")
    assert paths[0] in said and "3 more" in said
    (alone,) = stored(project, paths[0]).warnings
    assert alone.startswith(f"{paths[0]} is stored as a checkpoint: it is a plain pickle")
