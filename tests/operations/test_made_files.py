"""What becomes of the files that a run logged: joined, stored, and nothing taken on trust."""

from __future__ import annotations

import csv
import io
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gitml.errors import StorageError
from gitml.git.objects import read_object
from gitml.operations import made_files
from gitml.operations.artifacts import StoredOutputs
from gitml.operations.made_files import with_made
from gitml.operations.project import open_project
from gitml.outputs import made
from gitml.storage.objects import members, object_path
from tests.conftest import Project


class Run:
    """A run's folder in a real project, and what is recorded of it."""

    def __init__(self, project: Project) -> None:
        self.project = open_project(project.root)
        self.path = project.root / ".git" / "gitml" / "runs" / "r"
        self.path.mkdir(parents=True)

    def put(self, path: str, text: str | bytes = "x") -> Path:
        file = self.path / "made" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def record(self) -> StoredOutputs:
        entry: Any = SimpleNamespace(path=self.path, name="r")
        return with_made(self.project, entry, StoredOutputs())

    def text(self, stored: StoredOutputs, path: str) -> str:
        found = next(item for item in stored.artifacts if item.path == path)
        if found.storage == "git":
            assert stored.files[path] == ("100644", found.digest)
            return (read_object(self.project.repository.git, found.digest) or b"").decode()
        assert self.project.storage and path not in stored.files
        return object_path(self.project.storage, found.digest).read_text()


@pytest.fixture
def run(project: Project) -> Run:
    return Run(project)


def paths(stored: StoredOutputs) -> list[str]:
    return [item.path for item in stored.artifacts]


def test_each_kind_has_its_role_and_large_or_binary_files_go_through_dvc(run: Run) -> None:
    run.put("plots/a/loss.png", b"\x89PNG\0\xff")
    run.put("tables/t.csv", "a\n1\n")
    run.put("tables/large.csv", "a\n" + "1\n" * 600_000)
    run.put("plots/large.png", b"\0" * 1_100_000)
    run.put("predictions/p.csv", "id,y_true,y_pred\n")
    run.put("importance/i.json", "{}")
    run.put("explanations/e.npz", b"PK\x03\x04\0")
    stored = run.record()
    found = {item.path: (item.role, item.storage) for item in stored.artifacts}
    assert found == {
        ".gitml/explanations/e.npz": ("explanation", "dvc"),
        ".gitml/importance/i.json": ("importance", "git"),
        ".gitml/plots/a/loss.png": ("plot", "git"),
        ".gitml/plots/large.png": ("plot", "dvc"),
        ".gitml/predictions/p.csv": ("predictions", "git"),
        ".gitml/tables/large.csv": ("other", "dvc"),
        ".gitml/tables/t.csv": ("other", "git"),
    }
    assert run.text(stored, ".gitml/tables/t.csv") == "a\n1\n" and not stored.warnings
    assert run.record() == stored  # a recording that was cut off is done again
    assert not (run.path / "staging" / "made").exists()


def test_without_dvc_a_large_file_is_not_lost_but_asks_for_it(run: Run) -> None:
    run.put("explanations/e.npz", b"PK\x03\x04\0")
    run.project = SimpleNamespace(  # type: ignore[assignment]
        storage=None, repository=run.project.repository, config=run.project.config
    )
    with pytest.raises(StorageError, match=r".gitml/explanations/e.npz needs DVC") as caught:
        run.record()
    assert "exp recover" in caught.value.hint and (run.path / "made/explanations/e.npz").exists()


def test_parts_of_a_distributed_run_are_joined_by_id(run: Run) -> None:
    limit = csv.field_size_limit()
    head = "id,y_true,y_pred,score\n"
    run.put("predictions/p.csv", head + 'c,1,1,0.5\n"a,1",0,1,0.25\n')
    run.put("predictions/.parts/p.csv/rank1", head + "b,1,0,0.75\nc,1,1,0.500001\n")
    run.put("predictions/.parts/p.csv/rank10", head + "b,1,0,0.75\n")
    stored = run.record()
    assert paths(stored) == [".gitml/predictions/p.csv"] and not stored.warnings
    expected = head + '"a,1",0,1,0.25\nb,1,0,0.75\nc,1,1,0.5\n'
    assert run.text(stored, ".gitml/predictions/p.csv") == expected
    assert csv.field_size_limit() == limit


def test_a_carriage_return_in_a_joined_row_reads_back(run: Run) -> None:
    header = "id,y_true,y_pred,slice:s\n"
    run.put("predictions/p.csv", header + 'a,1,1,"x\ry"\n')
    run.put("predictions/.parts/p.csv/rank1", header + "b,1,1,z\n")
    text = run.text(run.record(), ".gitml/predictions/p.csv")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert rows[1:] == [["a", "1", "1", "x\ry"], ["b", "1", "1", "z"]]


def test_ranks_that_contradict_each_other_are_named_and_keep_their_rows(run: Run) -> None:
    head = "id,y_true,y_pred\n"
    run.put("predictions/p.csv", head + "a,1,1\nb,0,0\nc,0.5,0.25\n")
    run.put("predictions/.parts/p.csv/rank1", head + "a,1,0\nb,0,1\nc,0.5,0.2500001\n")
    stored = run.record()
    assert run.text(stored, ".gitml/predictions/p.csv") == (
        head + "a,1,1\na,1,0\nb,0,0\nb,0,1\nc,0.5,0.25\n"
    )
    assert "2 processes logged p.csv, and don't agree on 'a' and 1 more ids" in stored.warnings[0]


def test_what_cannot_be_joined_stays_side_by_side(run: Run) -> None:
    run.put("predictions/p.csv", "id,y_true,y_pred\na,1,1\n")
    run.put("predictions/.parts/p.csv/rank1", "id,y_true,y_pred,score\nb,1,1,1\n")
    run.put("tables/deep/t.csv", "a\n1\n")
    run.put("tables/.parts/deep/t.csv/rank3", "a\n3\n")
    run.put("tables/.parts/deep/t.csv/process77-0123ab", "a\n7\n")
    run.put("plots/same.vl.json", "{}")
    run.put("plots/.parts/same.vl.json/rank1", "{}")
    run.put("plots/.parts/only.vl.json/rank1", "{}")
    run.put("predictions/torn.csv", 'id,y_true,y_pred\na,"1')
    run.put("predictions/.parts/torn.csv/rank1", b"id,y_true,y_pred\n\xff,1,1\n")
    stored = run.record()
    assert paths(stored) == [
        ".gitml/plots/only.vl.json",
        ".gitml/plots/same.vl.json",
        ".gitml/predictions/p.csv",
        ".gitml/predictions/p.rank1.csv",
        ".gitml/predictions/torn.csv",
        ".gitml/predictions/torn.rank1.csv",
        ".gitml/tables/deep/t.csv",
        ".gitml/tables/deep/t.part2.csv",
        ".gitml/tables/deep/t.rank3.csv",
    ]
    assert run.text(stored, ".gitml/tables/deep/t.part2.csv") == "a\n7\n"
    assert len(stored.warnings) == 3 and "they are deep/t.csv, deep/t.rank3.csv" in " ".join(
        stored.warnings
    )


def test_what_a_run_that_went_on_logged_replaces_what_it_had_logged(run: Run) -> None:
    run.put("tables/t.csv", "a\n1\n")
    run.put("tables/.parts/t.csv/rank1", "a\n2\n")
    run.put("tables/kept.csv", "a\n1\n")
    run.put("plots/x", "{}")
    made.set_aside(run.path)
    run.put("tables/t.csv", "a\n3\n")
    run.put("plots/x/y.vl.json", "{}")
    stored = run.record()
    assert paths(stored) == [
        ".gitml/plots/x/y.vl.json", ".gitml/tables/kept.csv", ".gitml/tables/t.csv"
    ]  # fmt: skip
    assert run.text(stored, ".gitml/tables/t.csv") == "a\n3\n"
    assert "a folder of this name" in stored.warnings[0]


def test_only_plain_files_with_harmless_names_are_taken(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.csv").write_text("secret")
    run.put("tables/good.csv", "a\n")
    top = run.path / "made"
    (top / "tables/link.csv").symlink_to(secret / "key.csv")
    (top / "tables/folder").symlink_to(secret)
    (top / "plots").symlink_to(secret)
    os.mkfifo(top / "tables/fifo.csv")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(top / "tables")
        server.bind("socket")
        os.chdir(here)
    for odd in ("x\n\x1b[31my", "a.dvc", ".hidden", "b\\c", "CON", "é" * 120):
        run.put(f"tables/{odd}")
    run.put("tables/.parts/p.csv/not a label")
    run.put("strange/x")
    run.put(os.fsdecode(b"tables/\xff.csv"))
    stored = run.record()
    assert paths(stored) == [".gitml/tables/good.csv"]
    said = "\n".join(stored.warnings)
    for why in (
        "a link",
        "a plain file",
        "DVC would",
        "a dot",
        "backslash",
        "device",
        "no part of",
    ):
        assert why in said, why
    assert "\x1b" not in said and "secret" not in said.replace("not recorded", "")
    assert (secret / "key.csv").read_text() == "secret" and os.listdir(secret) == ["key.csv"]


def test_a_folder_that_is_a_link_is_not_followed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/tables").mkdir(parents=True)
    (tmp_path / "elsewhere/tables/t.csv").write_text("a\n")
    (run.path / "made").symlink_to(tmp_path / "elsewhere")
    stored = run.record()
    assert not stored.artifacts and "it is a link" in stored.warnings[0]


def test_folders_without_end_do_not_end_the_recording(run: Run) -> None:
    here = Path.cwd()
    place = run.path / "made" / "tables"
    place.mkdir(parents=True)
    os.chdir(place)
    try:
        for _ in range(300):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    run.put("tables/t.csv", "a\n")
    stored = run.record()
    assert paths(stored) == [".gitml/tables/t.csv"]
    assert "deeper than" in stored.warnings[0] and len(stored.warnings[0]) < 400


def test_thousands_of_files_become_one_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_files, "MOST_FILES", 40)
    for number in range(41):
        run.put(f"plots/samples/{number:05}.png", f"{number}")
    run.put("tables/t.csv", "a\n")
    stored = run.record()
    assert paths(stored) == [".gitml/plots", ".gitml/tables/t.csv"]
    folder = stored.artifacts[0]
    assert (folder.files, folder.role, folder.storage) == (41, "plot", "dvc")
    assert run.project.storage
    names = [one.path for one in members(run.project.storage, folder.digest)]
    assert names[0] == "samples/00000.png" and len(names) == 41
    assert "stored as one folder, .gitml/plots" in stored.warnings[0]


def test_more_than_can_be_looked_at_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_files, "_MOST_LOOKED_AT", 3)
    for number in range(5):
        run.put(f"tables/{number}.csv", "a\n")
    stored = run.record()
    assert len(stored.artifacts) == 3 and "More than 3 files were logged" in stored.warnings[0]


def test_a_run_that_logged_nothing_costs_nothing(run: Run) -> None:
    assert run.record() == StoredOutputs() and os.listdir(run.path) == []
