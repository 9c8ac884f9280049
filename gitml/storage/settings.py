"""DVC's configuration files (system, global, project, local), merged the way DVC does it.

Format: https://dvc.org/doc/user-guide/project-structure/configuration
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

from gitml.errors import StorageError

_NAMED = re.compile(r'^\s*(remote|machine|db)\s*"(.*)"\s*$')
_URL = re.compile(r"\w+://")
_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]*@")
_LARGEST = 1 << 20

# Settings of a remote that are paths relative to the file that they stand in.
_PATHS_OF_REMOTES = frozenset(
    {
        "url",
        "gdrive_user_credentials_file",
        "gdrive_service_account_json_file_path",
        "credentialpath",
        "configpath",
        "keyfile",
        "cert_path",
        "key_path",
    }
)

Settings = dict[str, Any]


class ConfigFile(msgspec.Struct, frozen=True):
    """One file of DVC's configuration.

    Attributes:
        path: The file; it needn't exist.
        base: Folder that the relative paths in it start from.
    """

    path: Path
    base: Path


def config_files(dvc_dir: Path, home: Path | None = None) -> tuple[ConfigFile, ...]:
    """Return DVC's configuration files for the folder `.dvc`, weakest first.

    Args:
        dvc_dir: The `.dvc` folder whose `config` counts.
        home: Another `.dvc` folder whose `config.local` counts, and from which relative paths
            start: that of the main work tree, when `dvc_dir` is in a linked one.
    """
    home = home or dvc_dir
    system, own = _machine_folders()
    return (
        ConfigFile(system / "config", system),
        ConfigFile(own / "config", own),
        ConfigFile(dvc_dir / "config", home),
        ConfigFile(home / "config.local", home),
    )


def read(files: tuple[ConfigFile, ...]) -> Settings:
    """Read and merge configuration files; later ones win, key by key.

    Returns:
        Section → key → value, with lower-case names; `remote` is name → settings.

    Raises:
        StorageError: A file can't be read or parsed.
    """
    merged: Settings = {"core": {}, "cache": {}, "remote": {}}
    for file in files:
        _merge(merged, _read_one(file))
    return merged


def is_true(value: object) -> bool:
    """Return whether a setting is switched on; DVC knows only `true` and `false`."""
    return str(value).strip().lower() == "true"


def without_password(text: str) -> str:
    """Return `text` with the passwords in its URLs masked."""
    return _PASSWORD.sub(r"\1:***@", text)


def _read_one(file: ConfigFile) -> Settings:
    # A pipe would be waited for, and a device read for ever.
    if file.path.exists() and not file.path.is_file():
        raise StorageError(f"DVC's configuration {file.path} is no file.")
    try:
        data = file.path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise StorageError(f"DVC's configuration {file.path} can't be read: {error}.") from error
    if len(data) > _LARGEST:
        raise StorageError(f"DVC's configuration {file.path} is larger than 1 MiB.")
    try:
        lines = data.decode().splitlines()
        if not any(line.strip() and not line.lstrip().startswith("#") for line in lines):
            return {}
        sections = _parse(lines)
    except ValueError as error:
        raise StorageError(
            f"DVC's configuration {file.path} is not valid: {error}",
            hint="Mend it by hand, or with `dvc config` and `dvc remote modify`.",
        ) from error
    return _absolute(sections, file.base)


def _parse(lines: list[str]) -> Settings:
    from configobj import ConfigObj, ConfigObjError  # type: ignore[import-untyped]

    try:
        raw = _lowered(ConfigObj(lines).dict())
    except ConfigObjError as error:
        raise ValueError(str(error)) from error
    sections: Settings = {}
    for name, value in raw.items():
        match = _NAMED.match(name)
        if not isinstance(value, dict):
            continue
        if match:
            sections.setdefault(match[1], {})[match[2]] = value
        else:
            sections[name] = value
    return sections


def _lowered(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key.lower(): _lowered(item) for key, item in value.items()}


def _absolute(sections: Settings, base: Path) -> Settings:
    cache = sections.get("cache", {})
    if isinstance(cache.get("dir"), str):
        cache["dir"] = resolved(cache["dir"], base)
    for remote in sections.get("remote", {}).values():
        for key in _PATHS_OF_REMOTES & remote.keys():
            if isinstance(remote[key], str):
                remote[key] = resolved(remote[key], base)
    return sections


def resolved(path: str, base: Path) -> str:
    """Return a path of the configuration as an absolute one; URLs stay as they are."""
    if _URL.match(path):
        return path
    return os.path.abspath(base / Path(path).expanduser())


def _merge(into: Settings, update: Settings) -> None:
    for key, value in update.items():
        if isinstance(into.get(key), dict) and isinstance(value, dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _machine_folders() -> tuple[Path, Path]:
    """Return the folders of the machine's and the user's configuration, as DVC finds them."""
    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR")
    own = os.environ.get("DVC_GLOBAL_CONFIG_DIR")
    if not sys.platform.startswith("linux"):  # pragma: no cover
        import platformdirs

        system = system or platformdirs.site_config_dir("dvc", "iterative")
        own = own or platformdirs.user_config_dir("dvc", "iterative")
    elif not system or not own:
        # What platformdirs answers on Linux; importing it costs more than reading the files.
        shared = os.environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep)[0].strip() or "/etc/xdg"
        private = os.environ.get("XDG_CONFIG_HOME", "").strip() or "~/.config"
        system = system or str(Path(shared).expanduser() / "dvc")
        own = own or str(Path(private).expanduser() / "dvc")
    return Path(system), Path(own)
