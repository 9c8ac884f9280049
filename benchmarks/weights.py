"""Weights: what a changed head, and no change at all, add to each store; and storing them fast."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import projects
from benchmarks.cases import Figure

_SCRIPT = f"""\
import sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
import torch
import gitml
from benchmarks.weights import network
kind, head, path = sys.argv[1:]
model = network()
torch.manual_seed(int(head))
torch.nn.init.normal_(model.head.weight)
torch.nn.init.normal_(model.head.bias)
gitml.save_weights(model, path) if kind == "gitml" else torch.save(model.state_dict(), path)
"""
_HEAD = (512 * 10 + 10) * 4
_LFS = "*.pt filter=lfs diff=lfs merge=lfs -text\n"


def network() -> Any:
    """Return a convolutional network with batch normalisation, eight blocks, 38 MB in all."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [64, 128, 256, 256, 512, 512, 512, 512]
            self.stem = nn.Conv2d(3, 64, 3)
            self.blocks = nn.ModuleList(
                nn.Sequential(nn.Conv2d(before, after, 3), nn.BatchNorm2d(after), nn.ReLU())
                for before, after in zip([64, *widths], widths, strict=False)
            )
            self.head = nn.Linear(512, 10)

    torch.manual_seed(0)
    return Network()


def weights(scratch: Path, rounds: int, size: int) -> list[Figure]:
    """Storage and speed."""
    return [*storage_sizes(scratch), *storing_weights(scratch, rounds, size)]


def storage_sizes(scratch: Path) -> list[Figure]:
    """Bytes that a second version adds: another head, and the same weights again."""
    model = sum(tensor.nbytes for tensor in network().state_dict().values())
    allowed = _HEAD + model / 100
    stores: dict[str, Callable[[Path], dict[str, float]]] = {
        "gitml": _gitml,
        "DVC, one file": _dvc,
        "one file in Git": _git,
    }
    if shutil.which("git-lfs"):
        stores["Git LFS, one file"] = _lfs
    else:
        print("git-lfs is not installed, so its rows are left out", file=sys.stderr)
    sizes = {name: store(scratch / name.replace(" ", "-")) for name, store in stores.items()}
    ours = sizes.pop("gitml")
    head = f"weights with another head ({_HEAD / 1000:.0f} of {model / 1000:,.0f} kB): bytes added"
    again = "the same weights, saved again: bytes added to the store"
    figures = [
        Figure(head, ours["head"], allowed / 1000, "the head, and 1 % of the model", 1.0, "kB")
    ]
    for name, each in sizes.items():
        figures.append(Figure(head, ours["head"], each["head"], name, None, "kB"))
        if "packed" in each:
            packed = f"{name}, after `git gc`"
            figures.append(Figure(head, ours["head"], each["packed"], packed, None, "kB"))
    for name, each in sizes.items():
        other = f"{name}, `torch.save` under another name"
        figures.append(Figure(again, ours["again"], each["renamed"], other, None, "kB"))
    return figures


def storing_weights(scratch: Path, rounds: int, size: int) -> list[Figure]:
    """Saving a model of `size` bytes and storing it, against hashing plus copying, and DVC."""
    import torch

    folder = projects.make_project(scratch / "store-weights")
    torch.manual_seed(0)
    layers = torch.nn.ModuleList(
        torch.nn.Linear(1024, size // 16 // 4096, bias=False) for _ in range(16)
    )
    ours, bare, theirs = [], [], []
    for _ in range(rounds):
        ours.append(_save_and_store(folder, layers))
        bare.append(_hash_and_copy(folder, sorted((folder / "model").iterdir())))
        theirs.append(_save_and_add(folder, layers))
    mega = size // 1_000_000
    what = f"saving {mega:,} MB of weights and storing them"
    return [
        Figure(what, min(ours), min(bare), "one MD5 pass plus the copy", 1.3),
        Figure(what, min(ours), min(theirs), "`torch.save`, then `dvc add`"),
    ]


def _save_and_store(folder: Path, model: Any) -> float:
    """Return the seconds of `save_weights` and of what recording does with the folder."""
    import gitml
    from gitml.config import Config
    from gitml.git.repository import discover
    from gitml.operations.artifacts import Shelf
    from gitml.storage import place

    storage = place.find(folder, folder)
    assert storage is not None
    run = folder / ".git/gitml-bench"
    for old in (storage.cache, run, folder / "model"):
        shutil.rmtree(old, ignore_errors=True)
    (run / "weights/objects").mkdir(parents=True)
    repository = discover(folder)
    os.sync()
    os.environ["GITML_RUN_DIR"] = str(run)
    try:
        started = time.perf_counter()
        gitml.save_weights(model, folder / "model")
        shelf = Shelf(repository, storage, folder, "", Config(), run / "staging", None, run)
        shelf.put_all([f"model/{name}" for name in os.listdir(folder / "model")])
        return time.perf_counter() - started
    finally:
        del os.environ["GITML_RUN_DIR"]


def _hash_and_copy(folder: Path, files: list[Path]) -> float:
    os.sync()
    started = time.perf_counter()
    for path in files:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    for path in files:
        copy = folder / "copy.bin"
        with path.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            os.fsync(target.fileno())
    seconds = time.perf_counter() - started
    copy.unlink()
    return seconds


def _save_and_add(folder: Path, model: Any) -> float:
    import torch

    shutil.rmtree(folder / ".dvc/cache", ignore_errors=True)
    for old in ("model.pt", "model.pt.dvc"):
        (folder / old).unlink(missing_ok=True)
    os.sync()
    started = time.perf_counter()
    torch.save(model.state_dict(), folder / "model.pt")
    projects.sh(folder, "dvc", "add", "-q", "model.pt")
    return time.perf_counter() - started


def _save(folder: Path, kind: str, head: int, path: str) -> tuple[str, ...]:
    return (sys.executable, str(folder / "save.py"), kind, str(head), path)


def _project(folder: Path) -> Path:
    projects.make_project(folder)
    (folder / "save.py").write_text(_SCRIPT)
    (folder / "gitml.yaml").write_text("")
    projects.sh(folder, "git", "add", "-A")
    projects.sh(folder, "git", "commit", "-qm", "a script that saves weights")
    return folder


def _gitml(folder: Path) -> dict[str, float]:
    """Return what is added to DVC's cache and to Git together; to the cache, when nothing changed.

    Git gets a commit either way: it says that the weights were made again.
    """
    _project(folder)
    run = (str(projects.BIN / "gitml"), "exp", "run", "--force", "--")
    stores = (folder / ".dvc/cache", folder / ".git/objects")
    projects.sh(folder, *run, *_save(folder, "gitml", 1, "model"))
    before = _size(*stores)
    projects.sh(folder, *run, *_save(folder, "gitml", 2, "model"))
    head = _size(*stores) - before
    before = _size(stores[0])
    projects.sh(folder, *run, *_save(folder, "gitml", 2, "again"))
    return {"head": head, "again": _size(stores[0]) - before}


def _dvc(folder: Path) -> dict[str, float]:
    return _versions(
        folder, folder / ".dvc/cache", lambda name: projects.sh(folder, "dvc", "add", "-q", name)
    )


def _git(folder: Path) -> dict[str, float]:
    def commit(name: str) -> None:
        projects.sh(folder, "git", "add", "-f", name)
        projects.sh(folder, "git", "commit", "-qm", name)

    found = _versions(folder, folder / ".git/objects", commit)
    sizes = []
    for commits in ("HEAD~2", "HEAD~1"):  # with one version of the file, and with two
        clone = folder.parent / f"packed-{commits}"
        projects.sh(folder, "git", "branch", "-f", "part", commits)
        projects.sh(folder, "git", "clone", "-q", "--bare", "--no-local", "--single-branch",
                    "--branch", "part", str(folder), str(clone))  # fmt: skip
        projects.sh(clone, "git", "gc", "-q")
        sizes.append(_size(clone))
    return {**found, "packed": sizes[1] - sizes[0]}


def _lfs(folder: Path) -> dict[str, float]:
    def commit(name: str) -> None:
        if not (folder / ".gitattributes").exists():
            projects.sh(folder, "git", "lfs", "install", "--local")
            (folder / ".gitattributes").write_text(_LFS)
        projects.sh(folder, "git", "add", "-f", ".gitattributes", name)
        projects.sh(folder, "git", "commit", "-qm", name)

    return _versions(folder, folder / ".git/lfs", commit)


def _versions(folder: Path, store: Path, add: Callable[[str], object]) -> dict[str, float]:
    """Return what another head adds to a store, and the same weights in a file of another name."""
    _project(folder)
    sizes = []
    for head, name in ((1, "model.pt"), (2, "model.pt"), (2, "again.pt")):
        projects.sh(folder, *_save(folder, "torch", head, name))
        add(name)
        sizes.append(_size(store))
    return {"head": sizes[1] - sizes[0], "renamed": sizes[2] - sizes[1]}


def _size(*folders: Path) -> float:
    """Return the kilobytes in some folders."""
    files = (path for folder in folders for path in folder.rglob("*"))
    return sum(path.stat().st_size for path in files if path.is_file()) / 1000
