"""Which files never change a result: documentation, licences, CI files, editor settings.

A file that is inert by these rules counts all the same when a run was seen to open it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection

# Folders whose whole content is inert, wherever they stand.
FOLDERS = frozenset(
    """
    .github .gitlab .circleci .buildkite .vscode .idea .dvc .gitml __pycache__ .pytest_cache
    .mypy_cache .ruff_cache .ipynb_checkpoints
    """.split()  # noqa: SIM905
)
# In these folders only what a native reader might take as data counts.
DOCUMENTATION = frozenset(["docs", "doc"])
DATA_SUFFIXES = frozenset(
    """
    .csv .tsv .parquet .arrow .feather .h5 .hdf5 .npy .npz .tfrecord .tfrecords .mdb .db .sqlite
    .bin .pt .pth .safetensors .onnx .zip .tar .gz .xz .zst .jsonl .wav .flac .mp3 .mp4
    """.split()  # noqa: SIM905
)
SUFFIXES = frozenset(
    """
    .md .rst .adoc .ipynb .dvc .code-workspace .swp .orig .rej .pyc .pyo
    """.split()  # noqa: SIM905
)
NAMES = frozenset(
    """
    .gitignore .gitattributes .gitmodules .gitkeep .mailmap .git-blame-ignore-revs .dvcignore
    .editorconfig .dockerignore .prettierrc .prettierignore .flake8 .pylintrc .isort.cfg
    .coveragerc .travis.yml .gitlab-ci.yml azure-pipelines.yml appveyor.yml jenkinsfile
    bitbucket-pipelines.yml .pre-commit-config.yaml .pre-commit-hooks.yaml .codecov.yml codecov.yml
    .readthedocs.yml .readthedocs.yaml mkdocs.yml dependabot.yml renovate.json codeowners
    citation.cff py.typed .python-version manifest.in mypy.ini pytest.ini tox.ini ruff.toml
    .ruff.toml .ds_store
    gitml.yaml dvc.lock
    uv.lock poetry.lock pdm.lock pipfile pipfile.lock pixi.lock conda-lock.yml pylock.toml
    pyproject.toml setup.cfg environment.yml environment.yaml
    """.split()  # noqa: SIM905
)
# `README`, `LICENSE-MIT.txt`, `CHANGES.html`; not `license_plates.txt` or `notice.json`.
_PROSE = re.compile(
    r"(?:readme|licen[cs]es?|copying|notice|authors|contributors|changelog|contributing"
    r"|code_of_conduct)(?:[-.][a-z0-9]+)?"
    r"(?:\.(?:md|rst|txt|html|adoc|org|bib))?\Z"
)
_PROSE_DATA = re.compile(r"\.(?:json|csv|ya?ml|py|tsv|toml|sh|bin)\Z")
_REQUIREMENTS = re.compile(r"(?:[\w.-]*requirements[\w.-]*|constraints[\w.-]*)\.(?:txt|in)\Z")

Rule = Callable[[str], bool]


@functools.lru_cache(maxsize=16)
def inert_rule(patterns: Collection[str] = (), project: str = "") -> Rule:
    """Return a function that says whether a path (from the repository's root) is inert by rule.

    Args:
        patterns: The project's own glob patterns (`code: {inert: […]}`), relative to its folder,
            as a tuple. One without a slash names a file or folder at any depth; `*` and `?` stay
            within a name, `**` doesn't.
        project: The project's folder, relative to the repository's root.
    """
    own = _compile(tuple(patterns), project)
    folders: dict[str, int] = {}

    def inert(path: str) -> bool:
        folder, _, name = path.rpartition("/")
        kind = folders.get(folder)
        if kind is None:
            kind = folders[folder] = _kind_of_folder(folder)
        if kind == 2 or (own is not None and own(path) is not None):
            return True
        name = name.lower()
        dot = name.rfind(".")
        suffix = name[dot:] if dot > 0 else ""
        if suffix in SUFFIXES or name in NAMES:
            return True
        if kind == 1:
            return suffix not in DATA_SUFFIXES
        if suffix == ".py":
            return False
        if _PROSE.match(name):
            return not _PROSE_DATA.search(name)
        if suffix not in (".txt", ".in"):
            return False
        return _REQUIREMENTS.match(name) is not None or f"/{folder}".endswith("/requirements")

    return inert


def _kind_of_folder(folder: str) -> int:
    parts = set(folder.split("/"))
    if any(part.endswith(".egg-info") for part in parts):
        return 2
    return 2 if parts & FOLDERS else 1 if parts & DOCUMENTATION else 0


def _compile(patterns: tuple[str, ...], project: str) -> Callable[[str], object] | None:
    if not patterns:
        return None
    prefix = re.escape(f"{project}/") if project else ""
    return re.compile("|".join(prefix + glob_body(pattern) for pattern in patterns)).match


def glob_body(pattern: str) -> str:
    """Return the regular expression (anchored at both ends by `match`) of a path pattern.

    A pattern also means everything in the folder that it names.
    """
    pattern = pattern.removeprefix("./").rstrip("/")
    anywhere = "" if "/" in pattern else r"(?:.*/)?"
    body = ""
    position = 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            body += r"(?:.*/)?"
            position += 3
        elif pattern.startswith("**", position):
            body += ".*"
            position += 2
        else:
            character = pattern[position]
            body += {"*": "[^/]*", "?": "[^/]"}.get(character, re.escape(character))
            position += 1
    return rf"{anywhere}{body}(?:/.*)?\Z"
