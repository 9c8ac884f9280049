"""Receipts vouch for a file only while nobody can have written to it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gitml.outputs import receipts
from gitml.outputs.receipts import Receipt, read_receipts, staging_folder, write_receipt
from gitml.outputs.weights_folder import Shard


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path, Receipt]:
    run, folder = tmp_path / "run", tmp_path / "model"
    run.mkdir()
    folder.mkdir()
    (folder / "w").write_bytes(b"1234")
    time.sleep(0.03)
    write_receipt(run, folder, [Shard("w", 4, "0" * 32)], 3, {"loss": 0.5})
    (receipt,) = read_receipts(run)
    return run, folder / "w", receipt


def digest(receipt: Receipt, path: Path) -> str:
    return receipt.digest_of(path.name, path.stat())


def test_a_file_that_was_left_alone_needs_no_reading(saved):
    run, path, receipt = saved
    assert digest(receipt, path) == "0" * 32
    assert (receipt.step, receipt.metrics, receipt.folder) == (3, {"loss": 0.5}, str(path.parent))
    assert staging_folder(run) is None


@pytest.mark.parametrize("change", ["longer", "same size", "old time", "other file", "touched"])
def test_any_change_of_a_file_is_doubt(saved, change):
    _, path, receipt = saved
    state = path.stat()
    if change == "longer":
        path.write_bytes(b"12345")
    elif change == "same size":
        path.write_bytes(b"4321")
    elif change == "old time":  # as `touch -r` and archives do
        path.write_bytes(b"4321")
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    elif change == "other file":
        (path.parent / "x").write_bytes(b"4321")
        os.utime(path.parent / "x", ns=(state.st_atime_ns, state.st_mtime_ns))
        (path.parent / "x").replace(path)
    else:
        path.chmod(0o600)
    assert digest(receipt, path) == ""


def test_a_file_that_was_written_a_moment_ago_is_doubt(tmp_path):
    (tmp_path / "w").write_bytes(b"1234")
    write_receipt(tmp_path, tmp_path, [Shard("w", 4, "0" * 32)], None, {})
    assert digest(read_receipts(tmp_path)[0], tmp_path / "w") == ""


def test_a_receipt_of_an_earlier_start_of_the_machine_is_doubt(saved, monkeypatch):
    _, path, receipt = saved
    monkeypatch.setattr(receipts, "_boot", lambda: "another")
    assert digest(receipt, path) == ""


def test_the_latest_receipt_of_a_folder_counts_and_copies_nobody_needs_are_dropped(saved):
    run, path, _ = saved
    objects = run / "weights" / "objects"
    objects.mkdir()
    for name in ("0" * 32, "1" * 32, ".half"):
        (objects / name).write_bytes(b"1234")
    write_receipt(run, path.parent, [Shard("w", 4, "1" * 32)], None, {})
    (receipt,) = read_receipts(run)
    assert receipt.files[0].digest == "1" * 32
    assert sorted(os.listdir(objects)) == [".half", "1" * 32]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[" * 100_000,
        '["/m", [["../x", 4, 1, 1, 1, 1, "' + "0" * 32 + '", true]], null, {}, 1, "b"]',
        '["/m", [["w", 4, 1, 1, 1, 1, "../../etc", true]], null, {}, 1, "b"]',
        '["/m", [[]], null, {}, 1, "b"]',
        '[1, [], null, {}, 1, "b"]',
        "\udcff",
    ],
    ids=range(8),
)
def test_a_receipt_that_makes_no_sense_is_none(tmp_path, text):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_receipts(tmp_path) == []
