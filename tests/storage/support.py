"""What the tests of storage share: tracked files, awkward folders, processes that may die."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gitml.storage import objects, pointers
from gitml.storage.place import Storage

REPOSITORY = Path(__file__).resolve().parents[2]


def track(storage: Storage, path: Path) -> pointers.Pointer:
    """Store a file or folder, and write its pointer and ignore line."""
    if path.is_dir():
        stored = objects.store_folder(storage, path)
    else:
        stored = objects.store_file(storage, path)
    pointer = pointers.Pointer(path.name, stored.digest, stored.size, stored.files)
    (path.parent / f"{path.name}.dvc").write_bytes(pointers.render(pointer))
    ignore = path.parent / ".gitignore"
    existing = ignore.read_bytes() if ignore.exists() else b""
    ignore.write_bytes(pointers.add_ignore(existing, path.name))
    return pointer


def make_folder(path: Path, files: int = 5) -> Path:
    """Make a folder with names that give trouble."""
    (path / "sub" / "deeper").mkdir(parents=True)
    (path / "empty").mkdir()
    names = ["a.txt", "-rf", "sub/ü.bin", "sub/line\nbreak", "sub/deeper/.gitignore", "sub/Z"]
    names += [f"sub/{number:04}.txt" for number in range(files)]
    for name in names:
        (path / name).write_bytes(name.encode() * 3 + b"\r\n")
    return path


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which a fault may kill."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
