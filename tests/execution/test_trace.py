"""Reading traces: the union of processes, and whatever else may lie in the folder."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.execution.trace import Trace, read_trace

HEADER = (
    b"H\tformat\t1\nH\ttime\t10\nH\tpid\t5\nH\texecutable\t/usr/bin/python3\n"
    b"H\tversion\t3.12.1\nH\timplementation\tcpython\nH\tprefix\t/usr\nH\tbase_prefix\t/usr\n"
    b"H\tsite\t/nowhere/site-packages\nH\tstamp\t500\n"
)


def read(folder: Path, *files: bytes) -> Trace:
    folder.mkdir(exist_ok=True)
    for number, data in enumerate(files):
        (folder / f"{number}.trace").write_bytes(data)
    return read_trace(folder)


def test_a_run_that_nobody_saw_has_an_empty_trace(tmp_path: Path) -> None:
    assert read_trace(tmp_path / "missing") == Trace()
    assert read_trace(tmp_path) == Trace()


def test_the_first_process_comes_first_whatever_its_number(tmp_path: Path) -> None:
    later = HEADER.replace(b"\t10\n", b"\t20\n").replace(b"bin/python3", b"bin/python2")
    trace = read(tmp_path / "t", later, HEADER)
    assert [item.executable for item in trace.interpreters] == [
        "/usr/bin/python3",
        "/usr/bin/python2",
    ]
    assert trace.processes == 2


def test_reads_and_writes_are_ordered_by_time_and_not_by_file(tmp_path: Path) -> None:
    trace = read(
        tmp_path / "t",
        HEADER + b"R\t200\t/a\t1\nR\t90\t/b\t1\n",
        HEADER + b"W\t100\t/a\nW\t100\t/b\n",
    )
    assert trace.read == {"/a": False, "/b": True}


def test_what_is_newer_than_the_run_is_no_input(tmp_path: Path) -> None:
    trace = read(tmp_path / "t", HEADER + b"R\t200\t/new\t501\nR\t200\t/old\t500\n")
    assert trace.read == {"/new": False, "/old": True}


def test_code_that_the_run_wrote_is_no_module_of_the_project(tmp_path: Path) -> None:
    trace = read(tmp_path / "t", HEADER + b"W\t1\t/p/made.py\nI\t2\t/p/made.py\nI\t2\t/p/own.py\n")
    assert trace.modules == {"/p/own.py"}
    assert trace.read == {"/p/made.py": False}


def test_a_renamed_folder_takes_its_files_along(tmp_path: Path) -> None:
    lines = b"W\t1\t/p/tmp/deep/w\nN\t2\t/p/tmp\t/p/next\nN\t3\t/p/next\t/p/final\n"
    trace = read(tmp_path / "t", HEADER + lines)
    assert trace.written >= {"/p/tmp/deep/w", "/p/next/deep/w", "/p/final/deep/w", "/p/final"}


def test_facts_keep_the_first_answer_and_the_longest_list(tmp_path: Path) -> None:
    lines = (
        b"F\t1\tdevices\tl\nF\t2\tdevices\tl\tA\tB\nF\t3\tdevices\tl\tC\n"
        b"F\t1\tthreads\ti\t4\nF\t2\tthreads\ti\t8\nF\t1\tflag\tb\t1\nF\t1\ttext\ts\ta\\tb\n"
    )
    facts = read(tmp_path / "t", HEADER + lines).facts
    assert facts == {"devices": ["A", "B"], "threads": 4, "flag": True, "text": "a\tb"}


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    whole = HEADER + b"W\t1\t/a\nW\t2\t/bcd\n"
    for cut in range(len(HEADER), len(whole)):
        trace = read(tmp_path / "t", whole[:cut])
        assert trace.written <= {"/a"}
        assert trace.observed


def test_lines_without_a_header_and_of_another_format_are_left_out(tmp_path: Path) -> None:
    lines = b"W\t1\t/a\nX\t1\n"
    assert read(tmp_path / "t", lines) == Trace()
    assert read(tmp_path / "t", HEADER.replace(b"format\t1", b"format\t2") + lines) == Trace()


def test_hostile_lines_are_left_out(tmp_path: Path) -> None:
    lines = [
        b"W\t1\trelative",
        b"W\t1\t/nul\0byte",
        b"W\t" + b"9" * 5000 + b"\t/a",
        b"W\t-1\t/a",
        b"W\t1_0\t/a",
        "W\t١\t/a".encode(),
        b"W\t1\t/a\t/b",
        b"N\t1\t/a",
        b"S\t1\t/site\t../up",
        b"F\t1\tname",
        b"F\t1\tname\ti\t" + b"9" * 9000,
        b"W\t1\t/" + b"a" * 100_000,
        b"Z\t1\t/a",
        b"",
        b"\xff\xfe\t\t",
    ]
    trace = read(tmp_path / "t", HEADER + b"\n".join(lines) + b"\nW\t1\t/good\n")
    assert trace.written == {"/good"}
    assert trace.facts == {"name": -1}


def test_what_is_no_plain_file_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(HEADER + b"W\t1\t/a\n")
    (folder / "link.trace").symlink_to(secret)
    (folder / "folder.trace").mkdir()
    os.mkfifo(folder / "fifo.trace")
    assert read_trace(folder) == Trace()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_can_be_read(tmp_path_factory: object, lines: list[bytes]) -> None:
    folder = Path(tmp_path_factory.mktemp("any"))  # type: ignore[attr-defined]
    trace = read(folder, HEADER + b"\n".join(lines), b"\n".join(lines))
    assert trace.processes >= 1


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_characters="\0/"), min_size=1, max_size=30))
def test_any_name_comes_back(tmp_path_factory: object, name: str) -> None:
    import sys

    observer = str(Path(__file__).parents[2] / "gitml/execution/observer")
    sys.path.insert(0, observer)
    try:
        from _gitml_writer import _line
    finally:
        sys.path.remove(observer)
    try:
        data = _line(("M", "1", f"/nowhere/{name}"))
    except UnicodeEncodeError:
        return  # no file can have this name
    folder = Path(tmp_path_factory.mktemp("name"))  # type: ignore[attr-defined]
    missing = read(folder, HEADER + data).missing
    if name not in (".", ".."):
        assert missing == {f"/nowhere/{name}"}
