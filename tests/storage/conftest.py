"""A project with DVC set up by gitml, and plain `dvc` as the judge."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitml.storage import place
from gitml.storage.place import Storage


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path_factory.mktemp("machine")
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(own / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(own / "global"))
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(own / "site"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    place.setup(root)
    return root


@pytest.fixture
def storage(project: Path) -> Storage:
    found = place.find(project, project)
    assert found is not None
    return found


@pytest.fixture
def quarantine(tmp_path: Path) -> Path:
    return tmp_path / "bad"


@pytest.fixture
def dvc(project: Path) -> Callable[..., str]:
    """Run plain `dvc` in the project and return what it printed."""

    def run(*arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "dvc"), *arguments],
            cwd=cwd or project,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
