"""`gitml fsck`: what is damaged or lost is found, told with who needs it, and mended if it can be."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitml.storage.listing import Member, render
from tests.conftest import Project
from tests.promises.stored import NAMES, Stored, files_of, flip, original, stored

__all__ = ["original", "stored"]

ROOT = Path(__file__).parents[2]


def test_all_is_sound_and_nothing_is_written(stored: Stored) -> None:
    stored.one.gitml("exp", "list")
    derived = ("gitml/index", "gitml/locks", "gitml/offline.git")
    before = files_of(stored.folder, *derived)
    done = stored.one.gitml("fsck")
    assert done.stdout.startswith("6 experiments, 27 objects (")
    assert done.stdout.splitlines()[0].endswith(": all sound")
    document = stored.fsck("--remote", "--deep")
    assert document["ok"] and document["remote"]["read"]
    assert document["objects"] == {
        "here": 27,
        "bytes": document["objects"]["bytes"],
        "read": True,
        "away": 0,
        "dropped": 0,
        "unneeded": 0,
        "unneeded_bytes": 0,
    }
    assert "all there" in stored.one.gitml("fsck", "--fast").stdout
    assert files_of(stored.folder, *derived) == before


def test_a_flipped_bit_is_found_set_aside_and_mended_from_the_remote(stored: Stored) -> None:
    digest = stored.digest("e2")
    good = stored.here(digest).read_bytes()
    flip(stored.here(digest))
    assert stored.here(digest).stat().st_mode & 0o777 == 0o444  # DVC would trust it
    found = stored.fsck(status=1)
    (fault,) = found["faults"]
    assert (fault["digest"], fault["state"]) == (digest, "corrupt")
    assert [user["experiment"] for user in fault["needed_by"]] == ["e2"]
    assert fault["source"]["kind"] == "remote" and fault["repaired"] is None
    assert stored.here(digest).read_bytes() != good
    assert stored.fsck("--fast")["ok"]  # its size is right, and nothing else was looked at
    said = stored.one.gitml("fsck", "--repair").stdout
    assert "all sound now, 1 mended" in said and "fetched from the DVC remote store" in said
    assert stored.here(digest).read_bytes() == good
    (aside,) = (stored.one.root / ".git/gitml/bad").iterdir()
    assert aside.name.startswith(digest) and aside.read_bytes() != good
    assert "set aside" in stored.one.gitml("fsck").stdout


def test_lost_files_of_folders_are_named_with_their_experiments_and_come_back(
    stored: Stored,
) -> None:
    folder = stored.digest("e6", "states")
    lines = {line["relpath"]: line["md5"] for line in json.loads(stored.here(folder).read_bytes())}
    flip(stored.here(folder))  # the list itself
    for digest in lines.values():  # and both files, here and there
        stored.here(digest).unlink()
        stored.there(digest).unlink()
    found = stored.fsck(status=1)
    states = {fault["digest"]: fault for fault in found["faults"]}
    assert {states[one]["state"] for one in lines.values()} == {"lost"}
    assert states[folder]["state"] == "corrupt"
    common = states[lines["common.bin"]]
    assert {user["experiment"] for user in common["needed_by"]} == {f"e{n}" for n in range(1, 7)}
    assert {user["path"] for user in common["needed_by"]} == {"states"}
    # The last run's files are still in the work tree.
    assert {one["source"]["kind"] for one in states.values()} == {"file"}
    stored.fsck("--repair")
    assert all(stored.here(digest).exists() for digest in (folder, *lines.values()))
    assert not stored.there(lines["own.bin"]).exists()
    lacking = stored.fsck("--remote", status=1)
    assert {one["state"] for one in lacking["faults"]} == {"not on the remote"}
    assert stored.fsck("--remote", "--repair")["ok"]
    assert stored.there(lines["own.bin"]).exists()


def test_a_folder_in_the_place_of_an_object_is_moved_out_of_the_way(stored: Stored) -> None:
    place = stored.here(stored.digest("e1"))
    place.unlink()
    place.mkdir()
    (fault,) = stored.fsck(status=1)["faults"]
    assert (fault["state"], fault["why"]) == ("corrupt", "there is a folder in its place")
    assert stored.fsck("--repair")["ok"]
    assert place.read_bytes() == bytes([0, 10]) * 3_000


def test_what_is_only_on_the_remote_is_no_loss(stored: Stored) -> None:
    for name in ("e1", "e2"):
        stored.here(stored.digest(name)).unlink()
    found = stored.fsck()
    assert (found["ok"], found["objects"]["away"], found["faults"]) == (True, 2, [])
    assert (
        "2 objects (12.0 kB) are on the DVC remote and not here" in stored.one.gitml("fsck").stdout
    )
    stored.store.rename(stored.folder / "unplugged")
    told = stored.fsck(status=2)
    assert told["faults"] == [] and "is the disk mounted?" in told["unknown"][0]
    found = stored.fsck("--remote", status=2)
    assert any("can't be looked at" in said for said in found["unknown"])


def test_what_is_published_must_be_on_the_remote_and_what_isnt_neednt(stored: Stored) -> None:
    stored.one.run("--name", "local", "-S", "lr=0.05")
    found = stored.fsck("--remote", "store")
    assert found["ok"] and found["remote"]["unsent"] == 4
    stored.there(stored.digest("e3")).chmod(0o644)
    stored.there(stored.digest("e3")).write_bytes(b"cut")
    flip(stored.there(stored.digest("e4")))
    (fault,) = stored.fsck("--remote", status=1)["faults"]
    assert (fault["digest"], fault["state"]) == (stored.digest("e3"), "not on the remote")
    found = stored.fsck("--remote", "--deep", status=1)
    assert {fault["state"] for fault in found["faults"]} == {
        "not on the remote",
        "corrupt on the remote",
    }
    mended = stored.fsck("--remote", "--deep", "--repair")
    assert {fault["repaired"] for fault in mended["faults"]} == {"sent to the DVC remote store"}
    assert stored.fsck("--remote", "--deep")["ok"]
    assert stored.here(stored.digest("e4")).read_bytes() == bytes([0, 40]) * 3_000
    missing = stored.one.gitml("fsck", "--remote", "nothere", status=2)
    assert "no usable remote called 'nothere'" in missing.stderr


def test_a_copy_in_another_clone_or_in_git_is_found(stored: Stored) -> None:
    first, second = stored.digest("e1"), stored.digest("e2")
    two = stored.second()
    stored.dvc("pull", "-q", project=two)
    other = stored.here(first, two)
    other.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(stored.here(first), other)
    (stored.one.root / "old").mkdir()
    shutil.copy(stored.here(second), stored.one.root / "model.bin")
    stored.one.git("add", "-f", "model.bin")
    stored.one.git("commit", "-qm", "once it was in Git")
    (stored.one.root / "model.bin").unlink()
    for digest in (first, second):
        stored.here(digest).unlink()
        stored.there(digest).unlink()
    stored.one.git("remote", "add", "near", str(two.root))
    found = {fault["digest"]: fault["source"] for fault in stored.fsck(status=1)["faults"]}
    assert found[first]["kind"] == "cache" and str(two.root) in found[first]["where"]
    assert found[second]["kind"] == "git"
    assert stored.fsck("--repair")["ok"]
    assert stored.here(second).read_bytes() == bytes([0, 20]) * 3_000


def test_what_nobody_has_is_lost_and_that_is_said(stored: Stored) -> None:
    digest = stored.digest("e1")
    flip(stored.here(digest))
    stored.there(digest).unlink()
    done = stored.one.gitml("fsck", "--repair", status=1)
    assert "e1: model.bin" in done.stdout and "lost" in done.stdout
    assert "there, `gitml fsck --remote --repair` sends it" in done.stdout
    assert not stored.here(digest).exists()  # set aside, so that nobody takes it for sound
    assert stored.fsck(status=1)["faults"][0]["source"] is None


def test_what_was_dropped_and_made_again_is_lost_when_it_is_gone(stored: Stored) -> None:
    """The log of gc excuses what it removed, and not what a later run stored anew."""
    stored.one.run("--name", "local", "-S", "lr=0.05")
    digest = stored.digest("local")
    stored.gc("--keep-best", "1", "--keep-last", "0", "--also-unpushed", "--yes")
    assert stored.fsck()["objects"]["dropped"] == 2
    stored.one.run("--name", "again", "--force", "-S", "lr=0.05")
    assert stored.digest("again") == digest
    stored.here(digest).unlink()
    (stored.one.root / "model.bin").unlink()
    (fault,) = stored.fsck(status=1)["faults"]
    assert (fault["digest"], fault["state"]) == (digest, "lost")


def test_pointers_that_no_experiment_needs_are_followed_too(stored: Stored) -> None:
    project = stored.one
    (project.root / "set").mkdir()
    project.write("set/a", "one\n")
    project.write("set/b", "two\n")
    stored.dvc("add", "-q", "set")
    project.git("add", "-A")
    project.git("commit", "-qm", "a set for later")
    found = stored.fsck("--remote")
    assert found["ok"] and found["remote"]["unsent"] == 3
    project.git("push", "-q")  # and nobody said `dvc push`
    found = stored.fsck("--remote", status=1)
    assert {one["state"] for one in found["faults"]} == {"not on the remote"}
    assert {tuple(one["also_needed_by"]) for one in found["faults"]} == {("branch main",)}
    assert stored.fsck("--remote", "--repair")["ok"] and stored.fsck("--remote")["ok"]
    member = hashlib.md5(b"one\n").hexdigest()
    for path in (stored.here(member), stored.there(member), project.root / "set/a"):
        path.unlink()
    (fault,) = stored.fsck(status=1)["faults"]
    assert (fault["digest"], fault["state"], fault["needed_by"]) == (member, "lost", [])
    assert "branch main" in fault["also_needed_by"]
    assert stored.fsck("main")["ok"]  # none of that study's


def test_hostile_pointers_on_a_branch_are_named(stored: Stored) -> None:
    digest = "5d41402abc4b2a76b9719d911017c592"
    head = "outs:\n- hash: md5\n  md5: "
    stored.one.write("outside.dvc", f"{head}{digest}\n  path: ../../x\n")
    stored.one.write("name.dvc", f"{head}../../../etc/passwd\n  path: x\n")
    stored.one.write("torn.dvc", f"<<<<<<< ours\n{head}{digest}\n  path: y\n")
    stored.one.write("import.dvc", "deps:\n- path: y\nouts:\n- hash: md5\n  path: imp\n")
    stored.one.write("sub/.dvc/config", "")
    stored.one.write("sub/other.dvc", f"{head}{digest}\n  path: y\n")
    stored.one.git("add", "-f", ".")
    stored.one.git("commit", "-qm", "hostile")
    found = stored.fsck(status=1)
    assert found["faults"] == []
    said = sorted(one["message"] for one in found["problems"])
    assert len(said) == 3 and all(one.startswith("branch main: ") for one in said)
    assert "has no valid `md5`" in said[0] and "outside of the repository" in said[1]
    assert "'torn.dvc' is not a valid .dvc file" in said[2]


def test_below_a_damaged_commit_the_index_is_what_is_left(stored: Stored) -> None:
    oid = stored.one.git("rev-parse", "exp/main~2")
    path = stored.one.root / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    found = stored.fsck("--repair", status=1)
    assert {one["topic"] for one in found["problems"]} == {"branch", "git"}
    assert any("can't be read to its beginning" in one["message"] for one in found["problems"])
    assert len(stored.one.json("exp", "list")) == len(NAMES)
    refused = stored.gc("--keep-best", "1", "--keep-last", "0", "--yes", status=2)
    assert "Nothing is removed, since what is needed isn't known" in refused.stderr


def test_a_remote_or_cache_that_cant_be_used_is_said_in_a_sentence(stored: Stored) -> None:
    stored.one.write(
        ".dvc/config", "[core]\n    remote = s\n['remote \"s\"']\n    url = ftpx://host/x\n"
    )
    done = stored.one.gitml("fsck", "--remote", status=2)
    assert "looked for on" not in done.stdout and "can't be looked at" in done.stdout
    stored.one.git("checkout", "-q", "-f", "main")
    shutil.rmtree(stored.one.root / ".dvc/cache")
    (stored.one.root / ".dvc/cache").write_text("no folder")
    assert "Not a directory" in stored.fsck(status=2)["unknown"][0]
    assert "Not a directory" in stored.gc(status=2).stderr


def test_a_hostile_list_is_named_and_never_followed(stored: Stored) -> None:
    """A `.dir` object with the right hash that would write outside of the repository."""
    own = stored.digest("e1")
    data = render([Member("../../escape.txt", own), Member(".git/hooks/post-checkout", own)])

    digest = hashlib.md5(data).hexdigest() + ".dir"
    for place in (stored.here(digest), stored.there(digest)):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    _record_with(stored, digest)
    found = stored.fsck("--repair", status=1)
    (fault,) = [one for one in found["faults"] if one["digest"] == digest]
    assert fault["state"] == "unsafe" and "unsafe path" in fault["why"]
    assert not (stored.folder / "escape.txt").exists()
    assert not (stored.one.root / ".git/hooks/post-checkout").exists()
    stored.gc("--keep-best", "0", "--keep-last", "0", "--yes")


def _record_with(stored: Stored, digest: str) -> None:
    """Commit an experiment whose checkpoints are another folder than what was recorded."""
    project = stored.one
    project.git("checkout", "-q", "-f", "exp/main")
    path = project.root / ".gitml/experiment.json"
    record = json.loads(path.read_text())
    before = next(a for a in record["artifacts"] if a["path"] == "states")["digest"]
    path.write_text(path.read_text().replace(before, digest))
    pointer = project.root / "states.dvc"
    pointer.write_text(pointer.read_text().replace(before, digest))
    project.git("add", "-A")
    project.git("commit", "-q", "--amend", "--no-edit")
    project.git("checkout", "-q", "-f", "main")


def test_records_that_were_changed_are_found(stored: Stored) -> None:
    project = stored.one
    project.git("checkout", "-q", "-f", "exp/main")
    path = project.root / ".gitml/experiment.json"
    path.write_text(path.read_text().replace('"accuracy": 0.6', '"accuracy": 0.99'))
    pointer = project.root / "model.bin.dvc"
    pointer.write_text(pointer.read_text().replace(stored.digest("e6"), stored.digest("e5")))
    project.git("commit", "-qam", project.git("log", "-1", "--format=%B"), "--amend")
    project.git("checkout", "-q", "-f", "main")
    found = stored.fsck(status=1)
    said = " ".join(one["message"] for one in found["troubles"])
    assert "accuracy is 0.6 in metrics.json, and the record says 0.99" in said
    assert "The pointer of model.bin is not what the record says" in said
    assert {one["experiment"] for one in found["troubles"]} == {"e6"}


def test_branches_objects_of_git_and_the_index_are_looked_at(stored: Stored) -> None:
    project = stored.one
    assert "no study" in project.gitml("fsck", "nothere", status=2).stderr
    oid = project.git("rev-parse", "exp/main:metrics.json")
    blob = project.root / ".git/objects" / oid[:2] / oid[2:]
    kept = blob.read_bytes()
    blob.unlink()
    found = stored.fsck(status=1)
    assert any("lost the content of metrics.json" in one["message"] for one in found["troubles"])
    assert any(oid in one["message"] for one in found["problems"])
    blob.write_bytes(kept[:-4] + b"bad!")
    found = stored.fsck(status=1)
    assert any(oid in one["message"] for one in found["problems"])
    blob.chmod(0o644)
    blob.write_bytes(kept)
    assert stored.fsck()["ok"]
    (project.root / ".git/refs/heads/exp/torn").write_text("\0" * 41)
    (project.root / ".git/refs/heads/exp/empty").write_text("2" * 40 + "\n")
    found = stored.fsck(status=1)
    said = " ".join(one["message"] for one in found["problems"])
    assert "exp/torn" in said and "exp/empty" in said
    for name in ("torn", "empty"):
        (project.root / f".git/refs/heads/exp/{name}").unlink()
    (index,) = [p for p in (project.root / ".git/gitml").glob("index*") if p.suffix in ("", ".db")]
    with sqlite3.connect(index) as database:
        database.execute("UPDATE experiments SET metrics = '{\"accuracy\":0.99}' WHERE name = 'e1'")
    database.close()
    (problem,) = stored.fsck(status=1)["problems"]
    assert problem["topic"] == "index"
    assert stored.fsck("--repair")["ok"]
    assert stored.fsck()["problems"] == []


def test_what_killed_processes_left_is_named_and_cleared(stored: Stored) -> None:
    temporary = stored.one.root / ".dvc/cache/files/md5/.gitml-tmp"
    temporary.mkdir(exist_ok=True)
    (temporary / "1-old").write_bytes(b"half")
    (temporary / "2-new").write_bytes(b"half")
    os.utime(temporary / "1-old", (1, 1))
    stored.one.git("update-ref", "refs/gitml/tmp/20200101T000000000-abcdef", "HEAD^{tree}")
    found = stored.fsck()
    assert [one["topic"] for one in found["problems"]] == ["left over", "left over"]
    assert found["ok"]  # good to know, and nothing is wrong
    mended = stored.fsck("--repair")
    assert all(one["repaired"] for one in mended["problems"])
    assert [path.name for path in temporary.iterdir()] == ["2-new"]
    assert stored.one.git("for-each-ref", "refs/gitml") == ""


def test_corrupt_objects_that_no_experiment_needs_are_found_too(stored: Stored) -> None:
    (stored.one.root / "set.bin").write_bytes(b"some data")
    stored.dvc("add", "-q", "set.bin")
    digest = (stored.one.root / "set.bin.dvc").read_text().split("md5: ")[1].split()[0]
    flip(stored.here(digest))
    (fault,) = stored.fsck(status=1)["faults"]
    assert fault["needed_by"] == []
    assert any("work tree" in one for one in fault["also_needed_by"])
    assert stored.fsck("main")["ok"]  # none of that study's


def test_it_can_be_interrupted_at_any_time(stored: Stored) -> None:
    big = stored.here("ab" + "0" * 30)
    big.parent.mkdir(exist_ok=True)
    with big.open("wb") as file:
        file.truncate(20 << 30)  # a minute's work for MD5, and no byte on the disk
    process = subprocess.Popen(
        [sys.executable, "-m", "gitml", "fsck"],
        cwd=stored.one.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    time.sleep(2.0)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 5


def test_odd_places(stored: Stored, tmp_path: Path) -> None:
    fresh = Project(tmp_path / "fresh")
    fresh.root.mkdir()
    fresh.git("init", "-q")
    assert fresh.json("fsck")["experiments"] == 0
    assert "gitml init" in fresh.gitml("gc", status=2).stderr
    hub = Project(stored.hub)
    assert hub.json("fsck")["experiments"] == 6
    linked = Project(stored.folder / "linked")
    stored.one.git("worktree", "add", "-q", str(linked.root))
    assert linked.json("fsck")["objects"]["here"] == 27
    two = stored.second()
    found = two.json("fsck")
    assert (found["ok"], found["objects"]["away"]) == (True, 27)


@pytest.mark.parametrize("arguments", [("--deep",), ("--remote", "--deep", "--fast")])
def test_options_that_contradict_each_other_are_refused(
    stored: Stored, arguments: tuple[str, ...]
) -> None:
    assert stored.one.gitml("fsck", *arguments, status=2).stderr
