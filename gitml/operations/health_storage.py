"""What `gitml doctor` looks at in storage: DVC, its cache and remote, disks."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gitml.errors import GitmlError
from gitml.operations.health import Finding, Scene

OLDEST = (3, 60)
_LOW = 5_000_000_000
_NONE_LEFT = 200_000_000
_NETWORK = re.compile(
    r"(nfs\d?|cifs|smb\w*|fuse\.(sshfs|s3fs|gcsfuse|rclone|glusterfs|ceph\S*)|"
    r"ceph|lustre|gpfs|beegfs|glusterfs|afs|9p)"
)


def version() -> Iterator[Finding]:
    """Say whether DVC is there, and a version that gitml knows; it is not imported."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        said = installed("dvc")
    except PackageNotFoundError:
        yield Finding(
            "error", "dvc", "DVC is not installed beside gitml", "pip install 'dvc>=3.60'"
        )
        return
    found = re.match(r"(\d+)\.(\d+)", said)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    if OLDEST <= number < (4, 0):
        yield Finding("ok", "dvc", f"dvc version {said}")
    else:
        yield Finding(
            "warning", "dvc", f"dvc {said} is not tested with gitml", "pip install 'dvc>=3.60,<4'"
        )


def setup(scene: Scene) -> Iterator[Finding]:
    """Say whether DVC is set up."""
    if scene.project is None or scene.repository.bare:
        return
    if scene.storage is None:
        yield Finding(
            "warning",
            "dvc",
            "DVC is not set up here, so weights and other large results can't be stored",
            "gitml init",
        )
    else:
        yield Finding("ok", "dvc", f"set up in {scene.storage.root}")


def cache(scene: Scene) -> Iterator[Finding]:
    """Write into the folders that an experiment is written to."""
    folders = {"Git's objects": scene.repository.common_dir / "objects"}
    if scene.storage is not None:
        folders["DVC's cache"] = scene.storage.cache
    for name, folder in folders.items():
        place = _existing(folder)
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            yield Finding(
                "error",
                "cache",
                f"{name} can't be written: {error.strerror} ({place})",
                "Check who owns the folder, and whether it is mounted read-only.",
            )
        else:
            yield Finding("ok", "cache", f"{name} can be written ({folder})")


def space(scene: Scene) -> Iterator[Finding]:
    """Say how much room is left on the disks that an experiment is written to."""
    seen: set[int] = set()
    for folder in _folders(scene):
        place = _existing(folder)
        device = place.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(place).free
        said = f"{free / 1e9:.1f} GB free on the disk of {place}"
        if free < _NONE_LEFT:
            yield Finding("error", "disk", said, "Free some space before training.")
        elif free < _LOW:
            yield Finding("warning", "disk", said, "Weights and data may not fit.")
        else:
            yield Finding("ok", "disk", said)


def network(scene: Scene) -> Iterator[Finding]:
    """Say which parts are on a network file system, where locks and clocks are less exact."""
    mounts = _mounts()
    names = {"the Git repository": scene.repository.common_dir}
    if scene.storage is not None:
        names["DVC's cache"] = scene.storage.cache
    if scene.project is not None:
        for source in scene.project.config.data:
            if source.path:
                names[f"the data {source.path}"] = scene.project.root / source.path
    for name, folder in names.items():
        kind = file_system(folder, mounts)
        if _NETWORK.fullmatch(kind):
            mend = "Keep the repository itself on a local disk if it feels slow."
            if name.startswith("the data"):
                mend = (
                    "Hashing it may be slow the first time; `by: listing` is the quick, weak way."
                )
            yield Finding("note", "network file systems", f"{name} is on {kind} ({folder})", mend)


def remote(scene: Scene) -> Iterator[Finding]:
    """Say whether the DVC remote is there and answers."""
    storage = scene.storage
    if storage is None:
        return
    from gitml.storage import remotes, settings

    config = settings.read(storage.config_files)
    name = str(config["core"].get("remote", ""))
    if not config["remote"]:
        yield Finding(
            "note",
            "remote",
            "there is no DVC remote, so artifacts stay on this machine",
            "dvc remote add --default NAME URL",
        )
        return
    if not name and len(config["remote"]) > 1:
        yield Finding(
            "warning",
            "remote",
            f"none of the DVC remotes {', '.join(sorted(config['remote']))} is the default",
            "dvc remote default NAME",
        )
        return
    name = name or next(iter(config["remote"]))
    try:
        said = remotes.reachable(storage, name)
    except GitmlError as error:
        yield Finding("error", "remote", error.message, error.hint)
        return
    if said:
        yield Finding(
            "error",
            "remote",
            f"the DVC remote {name} can't be reached: {said}",
            "Check the URL, your credentials and the network: `dvc remote list`.",
        )
    else:
        yield Finding("ok", "remote", f"the DVC remote {name} answers")


def file_system(folder: Path, mounts: list[tuple[str, str]]) -> str:
    """Return the type of the file system that `folder` is on, or empty where it isn't known."""
    path = os.path.realpath(_existing(folder))
    best = ("", "")
    for point, kind in mounts:
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def _mounts() -> list[tuple[str, str]]:
    """Return (mount point, type) of every mount, or nothing where the system doesn't tell."""
    try:
        text = Path("/proc/mounts").read_text("utf-8", "surrogateescape")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) >= 3:
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1])
            found.append((point, fields[2]))
    return found


def _folders(scene: Scene) -> list[Path]:
    folders = [scene.repository.root, scene.repository.common_dir]
    if scene.storage is not None:
        folders.append(scene.storage.cache)
    return [*folders, Path(tempfile.gettempdir())]


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
