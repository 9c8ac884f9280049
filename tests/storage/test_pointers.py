from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gitml.errors import StorageError
from gitml.storage import pointers
from gitml.storage.pointers import Pointer

DIGEST = "d41d8cd98f00b204e9800998ecf8427e"

NAMES = some.text(some.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
DIGESTS = some.tuples(
    some.text("0123456789abcdef", min_size=32, max_size=32)
    | some.text("0123456789", min_size=32, max_size=32)
    | some.just("12345678901234567890123456789e12"),
    some.sampled_from(["", ".dir"]),
).map("".join)


def read_as_dvc(data: bytes) -> Any:
    from dvc.schema import COMPILED_SINGLE_STAGE_SCHEMA
    from dvc.utils.serialize import parse_yaml

    return COMPILED_SINGLE_STAGE_SCHEMA(parse_yaml(data.decode(), "x.dvc"))


@settings(deadline=None)
@given(NAMES, DIGESTS, some.integers(0, 2**62), some.integers(0, 2**40))
def test_what_is_rendered_means_the_same_to_dvc_and_to_us(
    path: str, digest: str, size: int, files: int
) -> None:
    folder = digest.endswith(".dir")
    pointer = Pointer(path, digest, size, files if folder else 0)
    data = pointers.render(pointer)
    assert pointers.parse(data, "x.dvc") == pointer
    out = read_as_dvc(data)["outs"][0]
    expected = {"md5": digest, "size": size, "hash": "md5", "path": path}
    assert out == ({**expected, "nfiles": files} if folder else expected)


@pytest.mark.parametrize("path", ["null", "true", "No", "y", "1", "1.5", "2024-01-01", "~", "a: b"])
def test_paths_that_yaml_would_misread_are_quoted(path: str) -> None:
    data = pointers.render(Pointer(path, DIGEST))
    assert pointers.parse(data, "x.dvc").path == path
    assert read_as_dvc(data)["outs"][0]["path"] == path


def test_further_keys_survive_being_read_and_written() -> None:
    data = (
        b"md5: a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6\n"
        b"frozen: true\n"
        b"deps:\n- path: data/x\n  repo:\n    url: https://example.com/r\n"
        b"outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  isexec: true\n"
        b"  path: x\n  desc: 'some: text'\n  push: false\n  remote: other\n"
        b"meta:\n  free: [1, two]\n"
    )
    pointer = pointers.parse(data, "x.dvc")
    assert pointer.legacy and pointer.hash == "md5-dos2unix"
    assert pointer.meta == {"free": [1, "two"]}
    assert pointer.output["isexec"] is True
    again = pointers.render(pointer)
    assert pointers.parse(again, "x.dvc") == pointer
    assert read_as_dvc(again) == read_as_dvc(data)


def test_a_working_folder_becomes_part_of_the_path() -> None:
    data = f"wdir: ../data\nouts:\n- md5: {DIGEST}\n  path: x\n".encode()
    pointer = pointers.parse(data, "models/x.dvc")
    assert pointers.check_output_path("models/x.dvc", pointer.path) == "data/x"


def test_several_outputs_are_read_with_parse_all_only() -> None:
    data = f"outs:\n- md5: {DIGEST}\n  path: x\n- md5: {DIGEST}.dir\n  path: y\n".encode()
    assert [one.path for one in pointers.parse_all(data, "x.dvc")] == ["x", "y"]
    with pytest.raises(StorageError, match="2 outputs"):
        pointers.parse(data, "x.dvc")


BOMB = b"a: &a [x, x]\n" + b"".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n".encode()
    for n in range(24)
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no list"),
        (b"outs: []\n", "0 outputs"),
        (b"outs:\n- path: x\n", "no valid `md5`"),
        (b"outs:\n- md5: ../../x\n  path: x\n", "no valid `md5`"),
        (f"outs:\n- md5: {DIGEST.upper()}\n  path: x\n".encode(), "no valid `md5`"),
        (f"outs:\n- md5: {DIGEST}\n".encode(), "no path"),
        (f"outs:\n- md5: {DIGEST}\n  path: [x]\n".encode(), "no path"),
        (f"outs:\n- md5: {DIGEST}\n  path: x\n  size: -1\n".encode(), "`size`"),
        (f"outs:\n- md5: {DIGEST}\n  path: x\n  size: true\n".encode(), "`size`"),
        (f"outs:\n- md5: {DIGEST}\n  path: x\n  nfiles: 1e400\n".encode(), "`nfiles`"),
        (f"outs:\n- md5: {DIGEST}\n  path: x\n  hash: blake3\n".encode(), "not supported"),
        (f"outs:\n- md5: {DIGEST}\n  path: x\n  path: y\n".encode(), "there twice"),
        (b"outs: []\nouts: []\n", "there twice"),
        (b"outs: !!python/object/apply:os.system [id]\n", "could not determine a constructor"),
        (b"outs: [\n", "line"),
        (b"outs: " + b"[" * 100_000, "deeper than 64"),
        (b"- " * 100 + b"x", "deeper than 64"),
        (b"x: " + b"9" * 5000, None),
        (b"outs: []\n#" + b"x" * (1 << 20), "larger than 1 MiB"),
        (BOMB, "aliases"),
        (b"\xff\xfe\x00", "can't be read"),
        (b"a: 1\n---\nb: 2\n", "document"),
        (b"meta: 3\nouts: []\n", "`meta`"),
        (b"wdir: [x]\nouts: []\n", "`wdir`"),
        (b"? {a: b}\n: c\n", None),
        (b"outs: !!map x\n", None),
    ],
)
def test_hostile_files_are_refused_fast_with_a_reason(data: bytes, reason: str | None) -> None:
    start = time.monotonic()
    with pytest.raises(StorageError, match=reason) as caught:
        pointers.parse(data, "evil.dvc")
    assert time.monotonic() - start < 1
    assert "evil.dvc" in caught.value.message
    assert "\n" not in caught.value.message


@settings(deadline=None)
@given(some.binary(max_size=200) | some.text(max_size=200).map(lambda text: text.encode()))
def test_no_bytes_make_it_crash(data: bytes) -> None:
    for prefix in (b"", b"outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  path: "):
        with suppress(StorageError):
            pointers.parse_all(prefix + data, "x.dvc")


ODD = ["plain.txt", "x y#.bin", "!a", "#b", "a*b", "a?b", "[ab]", "back\\slash", "end ", "ü", "*"]


def test_ignore_lines_ignore_exactly_their_file(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    names = [*ODD, "line\nbreak", "tab\t", "end  "]
    decoys = ["aXb", "a", "b", "end", "x y", "backslash", "sub"]
    for name in names:
        content = pointers.add_ignore(b"", name)
        (tmp_path / ".gitignore").write_bytes(content)
        asked = "\0".join([*names, *decoys, f"sub/{name}"])
        done = subprocess.run(
            ["git", "-C", str(tmp_path), "check-ignore", "-z", "--stdin", "--no-index"],
            input=asked,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split("\0")[:-1] == [name]


def test_simple_ignore_lines_are_the_ones_that_dvc_writes() -> None:
    assert pointers.ignore_line("x y#.bin") == r"/x y\#.bin"
    assert pointers.ignore_line("data") == "/data"


def test_an_ignore_line_is_added_once_and_keeps_the_rest() -> None:
    once = pointers.add_ignore(b"*.log", "model.pt")
    assert once == b"*.log\n/model.pt\n"
    assert pointers.add_ignore(once, "model.pt") == once
    assert pointers.add_ignore(b"*.log\r\n", "x") == b"*.log\r\n/x\r\n"
    assert pointers.add_ignore(b"*.log\r\n/x\r\n", "x") == b"*.log\r\n/x\r\n"
