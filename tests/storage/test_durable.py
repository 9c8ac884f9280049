from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from gitml.errors import StorageError
from gitml.storage import durable


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    durable.write_durably(path, b"new" * 100_000)
    assert path.read_bytes() == b"new" * 100_000
    assert os.listdir(tmp_path) == ["file"]


def test_permissions_are_those_asked_for(tmp_path: Path) -> None:
    durable.write_durably(tmp_path / "secret", b"", mode=0o600)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_the_old_content_stays_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space: need 3 bytes, have .* on /"):
        durable.write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_write_that_fails_at_any_step_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    name = ["write", "fsync", "close"][number - 1]
    real = getattr(os, name)

    def fail(*arguments: object) -> object:
        if name == "close":
            real(*arguments)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        with pytest.raises(StorageError, match="Input/output error"):
            durable.write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_too_little_space_names_both_amounts_and_the_mount(tmp_path: Path) -> None:
    durable.free_space_for(tmp_path / "not" / "there" / "yet", 1)
    with pytest.raises(StorageError, match=r"No space: need 1000000\.0 TB, have .* on /"):
        durable.free_space_for(tmp_path, 10**18)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EDQUOT, "No space"),
        (errno.EFBIG, "larger than this process may write"),
        (errno.EROFS, "mounted read-only"),
        (errno.EACCES, "no permission for /x"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_errors_of_the_disk_become_sentences(number: int, sentence: str) -> None:
    with (
        pytest.raises(StorageError, match=sentence) as caught,
        durable.disk_errors("store it"),
    ):
        raise OSError(number, os.strerror(number), "/x")
    assert "store it" in caught.value.message


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2 * 10**12, "2.0 TB")]
)
def test_amounts_are_readable(size: int, text: str) -> None:
    assert durable.amount(size) == text
