"""Writing a model's folder: what didn't change stays, and no kill leaves a mix that loads."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitml.errors import GitmlError, StorageError
from gitml.outputs import weights_folder
from gitml.outputs.sharding import CUT_OFF, INDEX, close_folder, open_folder, plan_shards
from gitml.outputs.tensor_layout import TensorEntry
from gitml.outputs.weights_folder import Shard, packed, write_folder
from gitml.outputs.weights_reading import opened

MIB = 1 << 20
NAMES = ("a.0.w", "a.1.w", "b.0.w", "b.1.w")


def plan(names: tuple[str, ...] = NAMES, size: int = MIB):
    return plan_shards([TensorEntry(name, "U8", (size, 1), 0, size) for name in names])


def save(folder: Path, fill: str, names: tuple[str, ...] = NAMES, **options) -> list[Shard]:
    """Save a model of which every byte is `fill`."""
    return write_folder(folder, plan(names), lambda entry: [fill.encode() * entry.size], **options)


def content(folder: Path) -> set[str]:
    """Return the bytes that a model has, all tensors together.

    Raises:
        GitmlError: if it can't be loaded.
    """
    found: set[str] = set()
    with opened(folder) as model:
        for place in model.places.values():
            data = place.path.read_bytes()[place.offset :][: place.entry.size]
            found |= {chr(byte) for byte in set(data)}
    return found


def in_child(work: Callable[[], object]) -> int:
    """Do `work` in a child process, and return how it ended (negative: by a signal)."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def states(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}


def test_a_killed_save_leaves_one_model_or_a_refusal_wherever_it_is_cut(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    outcomes = []
    for count in range(1, 40):
        save(folder, "a")
        left = [count]

        def dying(path, target, replace=Path.replace, left=left):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return replace(path, target)

        def killed(dying=dying):
            monkeypatch.setattr(Path, "replace", dying)
            save(folder, "b", (*NAMES[:3], "c.0.w"))

        if in_child(killed) == 0:
            break
        try:
            outcomes.append("".join(content(folder)))
        except StorageError as error:
            assert "cut off" in error.message
            outcomes.append("refused")
        save(folder, "c")
        assert content(folder) == {"c"} and set(states(folder)) == {
            *plan().files,
            INDEX,
        }
    # Before anything took its place, while files did, and (never) after the index did.
    assert outcomes == ["a", *["refused"] * (len(outcomes) - 1)] and len(outcomes) == 6
    assert content(folder) == {"b"}


def test_saving_that_is_killed_at_any_time_never_mixes(tmp_path):
    folder = tmp_path / "model"
    save(folder, "a")
    for round_ in range(12):
        child = os.fork()
        if not child:
            try:
                while True:
                    save(folder, "b")
                    save(folder, "a")
            finally:
                os._exit(1)
        time.sleep(0.01 + 0.004 * round_)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        try:
            assert content(folder) in ({"a"}, {"b"})
        except StorageError as error:
            assert "cut off" in error.message
    save(folder, "a")
    assert not [name for name in os.listdir(folder) if name.startswith(".")]


def test_the_same_model_again_rewrites_nothing_and_still_counts_as_written(tmp_path):
    folder = tmp_path / "model"
    first = save(folder, "a")
    before = states(folder)
    since = (folder / INDEX).stat().st_ctime_ns
    time.sleep(0.02)  # longer than a tick of the clock
    again = save(folder, "a")
    assert states(folder) == before
    assert not any(shard.rewritten for shard in again)
    assert [shard.digest for shard in again] == [shard.digest for shard in first]
    assert all(path.stat().st_ctime_ns > since for path in folder.iterdir())
    assert all(
        hashlib.md5((folder / shard.name).read_bytes()).hexdigest() == shard.digest
        for shard in again
    )


def test_only_what_changed_is_written_and_staged(tmp_path):
    folder, staging = tmp_path / "model", tmp_path / "staging"
    staging.mkdir()
    save(folder, "a", staging=staging)
    assert len(list(staging.iterdir())) == 5
    before = states(folder)

    def pieces(entry):
        return [(b"b" if entry.name == "b.1.w" else b"a") * entry.size]

    shards = write_folder(folder, plan(), pieces, staging=staging)
    changed = {name for name, state in states(folder).items() if before[name] != state}
    # The index is put back after the shard took its place.
    assert changed == {"model-b.1.safetensors", INDEX}
    assert {s.name for s in shards if s.rewritten} == changed
    for shard in shards:
        data = (staging / shard.digest).read_bytes()
        assert data == (folder / shard.name).read_bytes()
        assert hashlib.md5(data).hexdigest() == shard.digest


def test_a_linked_shard_is_replaced_and_its_target_left_alone(tmp_path):
    folder = tmp_path / "model"
    save(folder, "a")
    shard = folder / "model-a.0.safetensors"
    target = tmp_path / "elsewhere"
    shard.rename(target)
    shard.symlink_to(target)
    data = target.read_bytes()
    save(folder, "b")
    assert not shard.is_symlink() and target.read_bytes() == data


def test_a_hard_link_into_a_cache_is_never_written_through(tmp_path):
    folder = tmp_path / "model"
    save(folder, "a")
    cached = tmp_path / "cached"
    os.link(folder / "model-a.0.safetensors", cached)
    data = cached.read_bytes()
    save(folder, "b")
    assert cached.read_bytes() == data and cached.stat().st_nlink == 1


def test_a_smaller_model_takes_the_place_of_a_larger_one(tmp_path):
    """Loaders prefer `model.safetensors` to the index, so it must go before the index comes."""
    folder = tmp_path / "model"
    save(folder, "a", ("w",))
    small = plan(("w",), 10)
    write_folder(folder, small, lambda entry: [b"s" * entry.size])
    assert set(os.listdir(folder)) == {"model.safetensors", INDEX}
    save(folder, "b")
    assert "model.safetensors" not in os.listdir(folder) and content(folder) == {"b"}


def test_a_full_disk_leaves_the_model_of_before(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    save(folder, "a")

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights_folder, "write_all", full)
    with pytest.raises(StorageError, match="No space"):
        save(folder, "b")
    assert content(folder) == {"a"}
    assert set(os.listdir(folder)) == {*plan().files, INDEX}


def test_bytes_that_do_not_fit_are_refused_before_anything_changes(tmp_path):
    folder = tmp_path / "model"
    save(folder, "a")
    for wrong in (b"b" * (MIB - 1), b"b" * (MIB + 1)):
        with pytest.raises(StorageError, match="bytes instead of"):
            write_folder(folder, plan(), lambda entry, wrong=wrong: [wrong])
    assert content(folder) == {"a"}


def test_a_file_in_the_place_of_the_folder_is_left_alone(tmp_path):
    (tmp_path / "model").write_text("mine")
    with pytest.raises(StorageError, match="is a file"):
        save(tmp_path / "model", "a")
    assert (tmp_path / "model").read_text() == "mine"


def test_an_open_folder_is_refused_by_every_loader_until_it_is_closed(tmp_path):
    open_folder(tmp_path / "model")
    assert (tmp_path / "model" / INDEX).read_bytes() == CUT_OFF
    with pytest.raises(GitmlError, match="cut off"):
        content(tmp_path / "model")
    close_folder(tmp_path / "model", plan(()))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_blocks_hold_the_parts_in_order(size):
    parts = [b"", b"abc", memoryview(b"defgh"), bytearray(b"i"), b"", b"jklmnop"]
    blocks = [bytes(block) for block in packed(parts, 16, bytearray(size))]
    assert b"".join(blocks) == b"abcdefghijklmnop"
    assert all(len(block) == size for block in blocks[:-1])
