"""Reading objects in a partial clone without fetching what is not there.

Git ends with an error when it meets a promised object that it may not fetch, where it says
"missing" in every other repository. So such objects are read through a second, empty Git folder
that shares the objects and has promised nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from gitml.errors import RepositoryError
from gitml.git.command import Git

_FOLDER = "gitml/offline.git"


def without_promises(git: Git) -> dict[str, str]:
    """Return an environment in which Git reads this repository's objects and no references.

    Raises:
        RepositoryError: if the folder that this needs can't be made.
    """
    asked = ("rev-parse", "--show-object-format", "--path-format=absolute", "--git-common-dir")
    object_format, _, place = os.fsdecode(git.run(*asked).removesuffix(b"\n")).partition("\n")
    common = Path(place)
    folder = common / _FOLDER
    try:
        (folder / "refs").mkdir(parents=True, exist_ok=True)
        (folder / "objects").mkdir(exist_ok=True)
        _write(folder / "HEAD", "ref: refs/heads/none\n")
        _write(folder / "config", _config(object_format))
    except OSError as error:
        raise RepositoryError(
            f"{folder} can't be made: {error.strerror}.",
            hint="Reading a partial clone without the network needs it.",
        ) from error
    return {
        **git.environment,
        "GIT_DIR": str(folder),
        "GIT_OBJECT_DIRECTORY": str(common / "objects"),
    }


def _config(object_format: str) -> str:
    return (
        "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
        f"[extensions]\n\tobjectFormat = {object_format}\n"
    )


def _write(path: Path, text: str) -> None:
    try:
        if path.read_text() == text:
            return
    except FileNotFoundError:
        pass
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)
