"""Which of the files that a run read are data."""

from __future__ import annotations

import pytest

from gitml.config import DataSource
from gitml.inputs.data import (
    Places,
    dvc_input,
    external_inputs,
    inside_reads,
    listing_digest,
    listing_input,
    outside_reads,
    unversioned_input,
)

PLACES = Places(
    root="/home/u/proj",
    prefixes=("/home/u/proj/.venv", "/opt/python3.11", "/usr", "/home/u/proj/.venv/lib/site"),
    home="/home/u",
    ignored=("/home/u/observer",),
)


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("/data/train.csv", True),
        ("/mnt/set/1.png", True),
        ("/home/u/data.txt", True),
        ("/home/u/.cache/huggingface/hub/models--x/blobs/1", True),
        ("/home/u/.cache/torch/hub/checkpoints/r.pth", True),
        ("/usr/share/dict/words", True),
        ("/tmp/corpus.txt", True),
        ("/home/u/other-project/data.csv", True),
        ("/proc/cpuinfo", False),
        ("/sys/x", False),
        ("/dev/null", False),
        ("/etc/hosts", False),
        ("/usr/lib/python3/os.py", False),
        ("/usr/share/zoneinfo/UTC", False),
        ("/usr/share/fonts/a.ttf", False),
        ("/opt/python3.11/lib/x.json", False),
        ("/home/u/.cache/matplotlib/fontlist-v390.json", False),
        ("/home/u/.config/x.ini", False),
        ("/home/u/.netrc", False),
        ("/home/u/.cache/huggingface/token", False),
        ("/home/u/.triton/cache/x", False),
        ("/home/u/observer/a", False),
        ("/lib.so", False),
        ("/data/__pycache__/a.bin", False),
        ("/tmp/tmpabcd1234/x", False),
        ("/tmp/pymp-x/y", False),
        ("/home/u/proj/data.csv", False),
    ],
)
def test_what_counts_outside_of_the_repository(path: str, counts: bool) -> None:
    assert (path in outside_reads({path: True}, PLACES)) is counts


def test_what_the_run_wrote_first_is_no_input() -> None:
    assert outside_reads({"/data/x": False}, PLACES) == ()
    assert inside_reads({"/home/u/proj/x": False}, PLACES) == ()


def test_files_in_the_repository_are_named_from_its_root() -> None:
    names = ["data/a.csv", ".git/config", ".dvc/config", "x/__pycache__/a.pyc", ".venv/lib/a.txt"]
    read = {f"/home/u/proj/{name}": True for name in names}
    assert inside_reads(read, PLACES) == ("data/a.csv",)


def test_a_file_that_came_up_in_a_temporary_folder_is_the_runs_own() -> None:
    read = {"/tmp/new.txt": True, "/tmp/tmpabcd1234/old.txt": True}
    assert outside_reads(read, PLACES, lambda path: "new" in path) == ("/tmp/tmpabcd1234/old.txt",)
    compiled = {"/tmp/torchinductor_me/fxgraph/a": True, "/tmp/triton.csv": True}
    assert outside_reads(compiled, PLACES, lambda path: False) == ("/tmp/triton.csv",)


def test_a_project_in_a_temporary_folder_has_its_data_beside_it() -> None:
    places = Places(root="/tmp/tmpabcd1234/proj")
    read = {"/tmp/tmpabcd1234/data.csv": True, "/tmp/tmpzzzz1234/data.csv": True}
    assert outside_reads(read, places) == ("/tmp/tmpabcd1234/data.csv",)


def test_a_project_below_the_interpreters_prefix_keeps_its_files() -> None:
    places = Places(root="/usr/local/app", prefixes=("/usr/local", "/usr/local/lib/python3/site"))
    read = dict.fromkeys(["/usr/local/app/d.csv", "/usr/local/data.csv", "/usr/local/lib/x"], True)
    assert inside_reads(read, places) == ("d.csv",)
    assert outside_reads(read, places) == ("/usr/local/data.csv",)


def test_listings_know_names_sizes_and_times() -> None:
    entries = [("b", 2, 20), ("a", 1, 10)]
    found = listing_input(entries)
    assert (found.kind, found.size, found.files) == ("listing", 3, 2)
    assert found.digest == listing_digest(reversed(entries))
    for other in ([("b", 2, 21), ("a", 1, 10)], [("c", 2, 20), ("a", 1, 10)], entries[:1]):
        assert listing_digest(other) != found.digest


def test_what_can_be_brought_back_says_so() -> None:
    assert dvc_input("0" * 32).restorable
    assert not dvc_input("0" * 32, restorable=False).restorable
    assert not unversioned_input("0" * 32).declared
    found = external_inputs([DataSource("data"), DataSource(external="s3://b/x")])
    assert list(found) == ["s3://b/x"] and found["s3://b/x"].digest == ""
