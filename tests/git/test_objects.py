"""Objects: thousands of them with one process, and none that is another one's."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from gitml.errors import RepositoryError
from gitml.git.objects import ObjectReader, read_object, write_blob, write_files
from tests.git.work import Work


def test_thousands_of_objects_come_in_order_and_missing_ones_are_none(work: Work) -> None:
    for number in range(1500):
        work.write(f"many/{number}.txt", f"{number}\n" * (number % 50))
    work.commit("many")
    names = []
    for number in range(1500):
        names += [f"HEAD:many/{number}.txt", f"HEAD:none/{number}.txt", f"{number:040x}"]
    with ObjectReader(work.repository.git) as reader:
        found = list(reader.read_many(names))
    assert found[::3] == [f"{number}\n".encode() * (number % 50) for number in range(1500)]
    assert set(found[1::3]) == set(found[2::3]) == {None}


def test_content_of_any_bytes_and_size_is_read_whole(work: Work) -> None:
    git = work.repository.git
    contents = [b"", b"\n", b"x blob 3\n", bytes(range(256)) * 20_000, b"\0\0", b"end"]
    oids = [write_blob(git, content) for content in contents]
    with ObjectReader(git) as reader:
        assert list(reader.read_many(oids)) == contents


def test_large_answers_and_long_names_do_not_wait_for_each_other(work: Work) -> None:
    git = work.repository.git
    large = write_blob(git, b"x" * 3_000_000)
    long_name = "HEAD:" + "✓" * 100_000
    with ObjectReader(git) as reader:
        found = list(reader.read_many([large, long_name, large, *["HEAD:a.txt"] * 5000]))
    assert found[:3] == [b"x" * 3_000_000, None, b"x" * 3_000_000]
    assert set(found[3:]) == {b"a\n"}


@pytest.mark.parametrize(
    "path",
    ["new\nline", "ends in newline\n", "return\r", "sp ace blob 12", " lead", "trail ", "caf\udce9",
     "--option", "tab\t"],
)  # fmt: skip
def test_odd_names_find_their_own_content(work: Work, path: str) -> None:
    (work.root / path).write_bytes(b"odd")
    work.write(path.strip() + "-other", "no")
    work.commit("odd")
    with ObjectReader(work.repository.git) as reader:
        assert list(reader.read_many([f"HEAD:{path}", "HEAD:a.txt"])) == [b"odd", b"a\n"]


@pytest.mark.parametrize(
    "name",
    ["", " ", "HEAD:a.txt\0x", "HEAD:a.txt\r", "HEAD:a.txt\n", "HEAD:missing\nHEAD:a.txt",
     "x blob 12", "--batch", "HEAD:../a.txt", "HEAD:" + "x/" * 5000, ":/no such message",
     ":/[", "HEAD^{/[}", "@{u}", "HEAD@{99}", "HEAD@{yesterday:a.txt", "HEAD^9", "HEAD:/a.txt"],
)  # fmt: skip
def test_names_that_name_nothing_are_missing_and_shift_nothing(work: Work, name: str) -> None:
    with ObjectReader(work.repository.git) as reader:
        assert list(reader.read_many([name, "HEAD:a.txt"])) == [None, b"a\n"]


def test_a_reader_that_stopped_early_leaves_nothing_for_the_next(work: Work) -> None:
    with ObjectReader(work.repository.git) as reader:
        for content in reader.read_many(["HEAD:a.txt", "HEAD:folder/b.txt", "HEAD:.gitignore"]):
            assert content == b"a\n"
            break
        assert reader.read("HEAD:folder/b.txt") == b"b\n"


def test_one_object_is_read(work: Work) -> None:
    assert read_object(work.repository.git, "HEAD:a.txt") == b"a\n"
    assert read_object(work.repository.git, "HEAD:none") is None


def test_a_corrupt_object_is_never_read_as_another_content(work: Work) -> None:
    content = os.urandom(50_000)
    oid = write_blob(work.repository.git, content)
    file = work.root / ".git/objects" / oid[:2] / oid[2:]
    whole = file.read_bytes()
    file.chmod(0o644)
    for bad in (b"rubbish", whole[:20_000], whole[:30_000] + b"!" + whole[30_001:], b""):
        file.write_bytes(bad)
        with ObjectReader(work.repository.git) as reader:
            try:
                assert list(reader.read_many(["HEAD:a.txt", oid, "HEAD:a.txt"]))[1] is None
            except RepositoryError as error:
                assert "git fsck" in error.hint


@pytest.fixture(params=["sha1", "sha256"])
def partial(request: pytest.FixtureRequest, tmp_path: Path) -> Work:
    """A clone that has commits alone, and whose origin is gone."""
    origin = Work(tmp_path / "origin", object_format=request.param)
    for number in range(300):
        origin.write(f"many/{number}.txt", str(number))
    origin.commit("begin", a__txt="a\n")
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
    url = f"file://{origin.root}"
    origin.git("clone", "-q", "--no-checkout", "--filter=tree:0", url, str(tmp_path / "clone"))
    origin.root.rename(tmp_path / "unreachable")
    return Work(tmp_path / "clone", init=False)


def test_offline_a_partial_clone_reads_what_it_has_and_fetches_nothing(partial: Work) -> None:
    head = partial.git("rev-parse", "HEAD")
    mine = write_blob(partial.repository.git, b"mine")
    names = [mine, f"{head}:a.txt", "HEAD:a.txt", head, mine, "HEAD"]
    names += [f"{head}:many/{number}.txt" for number in range(300)]
    with ObjectReader(partial.repository.git, offline=True) as reader:
        found = list(reader.read_many(names))
        again = reader.read(mine)
    assert found[:3] == [b"mine", None, None]
    assert found[3] == found[5]
    assert found[3] is not None
    assert found[3].startswith(b"tree ")
    assert found[4] == again == b"mine"
    assert set(found[6:]) == {None}


def test_online_it_fetches_and_says_when_it_can_not(partial: Work) -> None:
    with (
        ObjectReader(partial.repository.git) as reader,
        pytest.raises(RepositoryError, match="ended early"),
    ):
        reader.read("HEAD:a.txt")
    (partial.root.parent / "unreachable").rename(partial.root.parent / "origin")
    assert read_object(partial.repository.git, "HEAD:a.txt") == b"a\n"


def test_files_are_written_byte_by_byte_whatever_the_filters(work: Work) -> None:
    work.git("config", "core.autocrlf", "true")
    work.git("config", "filter.up.clean", "tr a-z A-Z")
    work.write(".gitattributes", "* filter=up text\n")
    names = ["plain.bin", "new\nline", '"quoted"', "return\r", "caf\udce9", "--stdin"]
    for name in names:
        (work.root / name).write_bytes(b"one\r\n" + os.fsencode(name))
    git = work.repository.git
    for paths in ([Path(name) for name in names], [work.root / name for name in names]):
        oids = write_files(git, paths)
        with ObjectReader(git) as reader:
            found = list(reader.read_many(oids))
        assert found == [b"one\r\n" + os.fsencode(name) for name in names]
    assert write_files(git, []) == []
    same = write_files(git, [Path("plain.bin"), Path("plain.bin")])
    assert same[0] == same[1]


def test_a_blob_has_the_id_that_git_gives_it(work: Work) -> None:
    data = b"\0binary\r\n"
    expected = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    assert write_blob(work.repository.git, data) == expected


def test_a_file_that_can_not_be_read_is_named(work: Work) -> None:
    for name in ("missing", "mis\nsing"):
        with pytest.raises(RepositoryError, match="mis"):
            write_files(work.repository.git, [Path(name)])


def test_an_object_beyond_the_bound_is_refused_and_the_next_one_is_read(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = work.repository.git
    large, small = write_blob(git, b"x" * 3_000_001), write_blob(git, b"small")
    monkeypatch.setattr("gitml.git.objects.MOST_BYTES", 3_000_000)
    with ObjectReader(git) as reader:
        with pytest.raises(RepositoryError, match="3,000,001 bytes"):
            reader.read(large)
        assert reader.read(small) == b"small"
