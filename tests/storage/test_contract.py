"""Plain DVC must agree with everything that is written here. Its processes are slow, so few run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from gitml.storage import cache, objects, place, pointers, remotes
from gitml.storage.place import Storage
from gitml.storage.restore import restore
from tests.storage.support import make_folder, track


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_dvc_agrees_with_what_is_stored_pushed_and_restored(
    project: Path, tmp_path: Path, quarantine: Path, dvc: Callable[..., str]
) -> None:
    (project / ".dvc" / "config").write_text(
        f"[core]\n    remote = shelf\n['remote \"shelf\"']\n    url = {tmp_path / 'shelf'}\n"
    )
    storage = place.find(project, project)
    assert storage is not None
    names = ["model.pt", "x y#[1].bin", "null", "ünï.bin"]
    for number, name in enumerate(names):
        (project / name).write_bytes(os.urandom(1000 + number))
    folder = make_folder(project / "data", files=100)
    before = content(folder)
    tracked = {name: track(storage, project / name) for name in [*names, "data"]}
    ignored = subprocess.run(
        ["git", "-C", str(project), "check-ignore", "-z", "--stdin"],
        input="\0".join([*names, "data"]),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    assert set(filter(None, ignored)) == {*names, "data"}

    assert json.loads(dvc("status", "--json")) == {}
    dvc("push", "-q")
    wanted = [pointer.digest for pointer in tracked.values()]
    assert remotes.missing_on_remote(storage, wanted) == set()

    # What gitml restores and pulls is right for DVC, and the other way round.
    shutil.rmtree(folder)
    shutil.rmtree(storage.legacy_cache)
    assert remotes.pull(storage, wanted, quarantine=quarantine).failed == ()
    restore(storage, tracked["data"], folder, project, quarantine)
    assert content(folder) == before
    assert json.loads(dvc("status", "--json")) == {}
    shutil.rmtree(folder)
    dvc("checkout", "-q")
    assert content(folder) == before
    assert "in sync" in dvc("status", "--cloud")


def test_pointers_and_objects_are_the_bytes_that_dvc_add_writes(
    project: Path, storage: Storage, dvc: Callable[..., str]
) -> None:
    names = ["model.pt", "weights.v2-final.safetensors", "data"]
    for name in names[:2]:
        (project / name).write_bytes(name.encode())
    make_folder(project / "data")
    for name in names:
        track(storage, project / name)
    wanted = [*(f"{name}.dvc" for name in names), ".gitignore"]
    ours = {name: (project / name).read_bytes() for name in wanted}
    objects_here = content(storage.cache)
    for name in wanted:
        (project / name).unlink()
    shutil.rmtree(storage.legacy_cache)
    dvc("add", "-q", *names)
    assert {name: (project / name).read_bytes() for name in wanted} == ours
    assert content(storage.cache) == objects_here


def test_dvc_gc_leaves_a_temporary_file_of_a_running_store_alone(
    project: Path, storage: Storage, dvc: Callable[..., str]
) -> None:
    (project / "model.pt").write_bytes(b"weights")
    pointer = track(storage, project / "model.pt")
    orphan = objects.store_bytes(storage, b"no pointer names it").digest
    with cache.temporary(storage) as running:
        running.write_bytes(b"half")
        dvc("gc", "-w", "-f", "-q")
        assert running.read_bytes() == b"half"
    assert objects.verify(storage, pointer.digest)
    assert not objects.holds(storage, orphan)


def test_a_repeated_pointer_is_what_dvc_reads(project: Path, dvc: Callable[..., str]) -> None:
    (project / "model.pt").write_bytes(b"weights")
    dvc("add", "-q", "model.pt")
    with (project / "model.pt.dvc").open("a") as stream:
        stream.write("  desc: 'my: model'\n")
    (project / "model.pt").write_bytes(b"more weights")
    dvc("add", "-q", "model.pt")
    data = (project / "model.pt.dvc").read_bytes()
    pointer = pointers.parse(data, "model.pt.dvc")
    assert pointer.output == {"desc": "my: model"}
    assert pointers.render(pointer) == data
