"""Data that a run read: what DVC or Git know, what is declared, and what was merely observed.

Nothing here reads or hashes files: the caller does, and hands the digests in.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Iterable, Mapping

import msgspec

from gitml.config import DataSource
from gitml.inputs.manifest import DataInput
from gitml.regex import lazy

# Never data, whoever reads it.
_SYSTEM = tuple(
    """
    /proc/ /sys/ /dev/ /etc/ /run/ /lib/ /lib64/ /bin/ /sbin/ /usr/lib/ /usr/lib64/ /usr/bin/
    /usr/include/ /usr/libexec/ /usr/local/lib/ /usr/local/cuda /usr/local/bin/ /usr/local/include/
    /var/lib/dpkg/ /var/cache/ /var/run/ /System/ /Library/ /private/etc/
    """.split()  # noqa: SIM905
)
_SHARED = lazy(
    r"/(?:usr|opt/[^/]+|usr/local)/share/(?:zoneinfo|fonts|locale|mime|i18n|icons|misc|pyshared"
    r"|ca-certificates|terminfo|fontconfig|X11|themes|doc|man|nvidia)/"
)
# An interpreter in one of these shares its prefix with the rest of the system.
_WIDE_PREFIXES = frozenset(["/", "/usr", "/usr/local", "/opt", "/opt/homebrew"])
_INTERPRETER_FOLDERS = ("lib/", "lib64/", "bin/", "include/", "share/", "libexec/", "etc/", "ssl/")

# Below the home folder: caches and settings of tools, and credentials.
_HOME_NOISE = lazy(
    r"(?:\.config|\.local/(?:lib|bin|state|share/(?:jupyter|fonts|uv|pipx|virtualenvs))|\.ipython"
    r"|\.jupyter|\.netrc|\.gitconfig|\.git-credentials|\.aws|\.ssh|\.kaggle|\.wandb|\.docker"
    r"|\.triton|\.nv|\.pyenv|\.conda|\.condarc|\.numba_cache|\.dvc|\.matplotlib|\.fontconfig"
    r"|\.python_history|\.bash\w*|\.profile|\.zsh\w*|\.pip|\.npm"
    r"|(?:\.cache|Library/Caches)/(?:matplotlib|fontconfig|pip|uv|torch_extensions|torch/kernels"
    r"|torchinductor|triton|numba|mesa_shader_cache|nvidia|pypoetry|pre-commit|wandb|jedi|black"
    r"|ruff|mypy|tvm|pycache|virtualenv|Tensorflow|gitml|dvc)"
    r"|\.cache/huggingface/(?:token|stored_tokens|version\.txt|.*\.lock\Z))(?:/|\Z)"
)
_NOISE_PARTS = frozenset(
    """
    __pycache__ .git .dvc .gitml .pytest_cache .mypy_cache .ruff_cache .ipynb_checkpoints
    .locks .no_exist
    """.split()  # noqa: SIM905
)
_NOISE_NAME = lazy(
    r".*\.(?:pyc|pyo|so(?:\.[0-9.]+)?|dylib|pyd|nbi|nbc|lock|sock|pid)\Z|pyvenv\.cfg\Z"
    r"|fontlist-v[0-9.]+\.json\Z|\.DS_Store\Z|\.dvcignore\Z|\.gitignore\Z"
)
# What `tempfile`, multiprocessing and compilers leave in a temporary folder during a run.
_TEMPORARY = lazy(
    r"(?:tmp[a-z0-9_]{8}|pymp-[^/]*|torch[-_][^/]*|torchinductor[^/]*|triton[^/]*|wandb[^/]*"
    r"|joblib[^/]*|ray|matplotlib-[^/]*|numba[^/]*|pip-[^/]*|cc[A-Za-z0-9]{6}\.[^/]*"
    r"|\.X[^/]*|__KMP[^/]*|gitml[-_][^/]*)(?:/|\.|\Z)"
)

# Of these what earlier runs left is no data either: it is found again by the code it was made of.
_COMPILED = lazy(r"(?:torchinductor|triton|numba|torch_extensions)(?:[_-][^/]*)?\Z")


class Places(msgspec.Struct, frozen=True):
    """Where things are on the machine of a run; all absolute and real.

    Attributes:
        root: The repository's root (of the isolated work tree for an isolated run).
        prefixes: `sys.prefix` and `sys.base_prefix` of the interpreters, and their site folders.
        temporary: Folders for temporary files.
        home: The user's home folder, or empty.
        ignored: More folders that hold no data, such as the observer's own.
    """

    root: str
    prefixes: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ("/tmp", "/var/tmp")
    home: str = ""
    ignored: tuple[str, ...] = ()


def dvc_input(oid: str, size: int = 0, files: int = 0, *, restorable: bool = True) -> DataInput:
    """Return the input for a DVC pointer's (or the disk's) content hash."""
    return DataInput("dvc", oid, size, files, restorable=restorable)


def unversioned_input(
    digest: str, size: int = 0, files: int = 0, *, declared: bool = False
) -> DataInput:
    """Return the input for data that neither Git nor DVC knows."""
    return DataInput("unversioned", digest, size, files, declared, restorable=False)


def external_input() -> DataInput:
    """Return the input for declared data that isn't captured."""
    return DataInput("external", "", restorable=False)


def listing_input(entries: Iterable[tuple[str, int, int]]) -> DataInput:
    """Return the input for a folder of which only names, sizes and times are known.

    Args:
        entries: (path relative to the folder, bytes, modification time in ns) of every file.
    """
    known = sorted(entries)
    return DataInput(
        "listing",
        listing_digest(known),
        sum(size for _, size, _ in known),
        len(known),
        restorable=False,
    )


def listing_digest(entries: Iterable[tuple[str, int, int]]) -> str:
    """Return `sha256:<hex>` over the sorted names, sizes and times; arguments as above."""
    lines = (f"{path}\0{size} {time}\n" for path, size, time in sorted(entries))
    text = "".join(lines).encode("utf-8", "surrogateescape")
    return "sha256:" + hashlib.sha256(text).hexdigest()


def external_inputs(sources: Iterable[DataSource]) -> dict[str, DataInput]:
    """Return the inputs of the declared sources that aren't captured, by location."""
    return {source.external: external_input() for source in sources if source.external}


def inside_reads(read: Mapping[str, bool], places: Places) -> tuple[str, ...]:
    """Return the files in the repository that a run read before writing them.

    Args:
        read: Absolute path → whether it was read before the run wrote it.
        places: Where things are.

    Returns:
        Paths from the repository's root, sorted; Git's and DVC's own files, caches and
        environments inside the repository left out.
    """
    prefix = places.root.rstrip("/") + "/"
    ignored = _prefixes([*_narrow_prefixes(places), *places.ignored])
    ignored = tuple(folder for folder in ignored if folder.startswith(prefix))
    return tuple(
        sorted(
            path[len(prefix) :]
            for path, first in read.items()
            if first
            and path.startswith(prefix)
            and not path.startswith(ignored)
            and not is_noise(path[len(prefix) :])
        )
    )


def outside_reads(
    read: Mapping[str, bool],
    places: Places,
    appeared: Callable[[str], bool] | None = None,
) -> tuple[str, ...]:
    """Return the files outside of the repository that count as data of the run.

    Not the Python installation and its libraries, the system's files, caches and settings of
    tools, nor temporary files that the run made itself.

    Args:
        read: Absolute path → whether it was read before the run wrote it.
        places: Where things are.
        appeared: Says whether a file in a temporary folder came up (or went away) during the run,
            so that the run made it, be it by native code. Without it the names of `tempfile`,
            multiprocessing and compilers are told by their looks.

    Returns:
        Absolute paths, sorted.
    """
    inside = places.root.rstrip("/") + "/"
    noise = _SYSTEM + _prefixes([*_narrow_prefixes(places), *places.ignored])
    temporary = _prefixes(places.temporary)
    around = _temporary_top(inside, temporary)  # the project may be in a temporary folder itself
    home = places.home.rstrip("/") + "/" if places.home not in ("", "/") else ""
    found = []
    for path, first in read.items():
        if not first or path.startswith((inside, *noise)) or _SHARED.match(path):
            continue
        if home and path.startswith(home) and _HOME_NOISE.match(path[len(home) :]):
            continue
        top = _temporary_top(path, temporary)
        if top and _COMPILED.match(top.rpartition("/")[2]):
            continue
        if top and appeared is not None:
            if appeared(path):
                continue
        elif top and top != around and _TEMPORARY.match(top.rpartition("/")[2]):
            continue
        if not is_noise(path):
            found.append(path)
    return tuple(sorted(found))


def _prefixes(folders: Iterable[str]) -> tuple[str, ...]:
    return tuple(folder.rstrip("/") + "/" for folder in folders if folder not in ("", "/"))


def _narrow_prefixes(places: Places) -> list[str]:
    """Return the interpreters' folders; of `/usr` and the like only those that hold Python."""
    narrow: list[str] = []
    root = places.root.rstrip("/") + "/"
    for prefix in places.prefixes:
        prefix = prefix.rstrip("/") or "/"
        if prefix in _WIDE_PREFIXES or root.startswith(f"{prefix}/"):
            folders = (posixpath.join(prefix, name).rstrip("/") for name in _INTERPRETER_FOLDERS)
            narrow += [
                folder
                for folder in folders
                if not folder.endswith("/share") and not root.startswith(f"{folder}/")
            ]
        else:
            narrow.append(prefix)
    return narrow


def is_noise(path: str) -> bool:
    """Return whether a path is of Git, DVC, a cache, or a file that is never data."""
    parts = path.split("/")
    return not _NOISE_PARTS.isdisjoint(parts) or _NOISE_NAME.match(parts[-1]) is not None


def _temporary_top(path: str, temporary: tuple[str, ...]) -> str:
    """Return the entry of a temporary folder that a path is in, or empty."""
    for folder in temporary:
        if path.startswith(folder):
            return folder + path[len(folder) :].partition("/")[0]
    return ""
