"""`gitml gc`: what matters is kept, nothing goes without a word, and nothing breaks half-way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.promises.stored import NAMES, Stored, original, stored

__all__ = ["original", "stored"]

FEW = ("--keep-best", "1", "--keep-last", "0")
ROOT = Path(__file__).parents[2]


def _weights(stored: Stored) -> dict[str, str]:
    return {name: stored.digest(name) for name in NAMES}


def _left(stored: Stored, weights: dict[str, str]) -> set[str]:
    there = stored.objects()
    return {name for name, digest in weights.items() if digest in there}


def _whole(stored: Stored) -> None:
    """Whatever list of a folder is there, its files are, too."""
    cache = stored.one.root / ".dvc/cache/files/md5"
    for path in cache.glob("[0-9a-f][0-9a-f]/*.dir"):
        for line in json.loads(path.read_bytes()):
            assert (cache / line["md5"][:2] / line["md5"][2:]).exists(), (path, line)


def test_without_yes_there_is_a_forecast_and_nothing_is_removed(stored: Stored) -> None:
    before = stored.objects()
    done = stored.one.gitml("gc", "--min-age", "0", *FEW)
    assert "would be free" in done.stdout and "all still on the DVC remote store" in done.stdout
    assert "main   weights" in done.stdout and "checkpoints" in done.stdout
    assert "the champion of main" in done.stdout
    assert "Nothing was removed; --yes does it." in done.stderr
    document = stored.gc(*FEW)
    assert document["removed"] is None and document["backup"] == "store"
    assert document["bytes"] == sum(one["bytes"] for one in document["going"]) > 0
    assert {one["role"] for one in document["going"]} == {"weights", "checkpoint"}
    assert stored.objects() == before


def test_the_best_and_the_newest_are_kept_and_the_rest_comes_back_from_the_remote(
    stored: Stored,
) -> None:
    weights = _weights(stored)
    lists = {name: stored.digest(name, "states") for name in NAMES}
    scores = stored.digest("e1", "scores.csv")
    forecast = stored.gc("--keep-best", "2", "--keep-last", "3")
    document = stored.gc("--keep-best", "2", "--keep-last", "3", "--yes")
    removed = {"objects": 9, "size": forecast["bytes"], "spared": 0, "gone": 0}
    assert document["removed"] == removed
    assert _left(stored, weights) == {"e4", "e5", "e6"}
    assert scores in stored.objects()  # predictions aren't dropped unless that is asked
    _whole(stored)
    found = stored.fsck()
    assert (found["ok"], found["objects"]["away"]) == (True, 9)
    assert {row["experiment"] for row in stored.one.json("exp", "list")} == set(NAMES)
    # Plain DVC agrees, for what is here and for what has to be fetched.
    stored.one.git("checkout", "-q", "-f", "exp/main")
    stored.dvc("checkout", "-q")
    assert "up to date" in stored.dvc("status")
    stored.one.git("checkout", "-q", "-f", "exp/main~5")
    stored.dvc("pull", "-q")
    assert (stored.one.root / "model.bin").read_bytes() == bytes([0, 10]) * 3_000
    assert lists["e1"] in stored.objects()
    stored.one.git("checkout", "-q", "-f", "main")
    stored.one.gitml("exp", "apply", "e2")
    assert (stored.one.root / "model.bin").read_bytes() == bytes([0, 20]) * 3_000


def test_what_no_remote_has_stays_unless_that_is_asked_and_then_it_is_no_loss(
    stored: Stored,
) -> None:
    stored.one.run("--name", "local", "-S", "lr=0.05")
    local = stored.digest("local")
    document = stored.gc(*FEW, "--yes")
    assert local in stored.objects()
    why = " ".join(one["why"] for one in document["held_back"])
    assert "not on the DVC remote store" in why and "--also-unpushed" in why
    said = stored.one.gitml("gc", "--min-age", "0", *FEW, "--also-unpushed").stdout
    assert "local: model.bin" in said and "gone for good" in said
    document = stored.gc(*FEW, "--also-unpushed", "--yes")
    assert [one["path"] for one in document["unpushed"]] == ["model.bin", "states"]
    assert local not in stored.objects()
    found = stored.fsck()
    assert (found["ok"], found["faults"], found["objects"]["dropped"]) == (True, [], 2)
    assert "dropped by gitml gc" in stored.one.gitml("fsck").stdout
    # The experiment itself can still be shared, without what isn't anywhere any more.
    said = stored.one.gitml("exp", "push").stderr
    assert "dropped by gitml gc and can't be sent: local: model.bin, local: states" in said
    # What the remote was to keep and lost is a loss, whatever gc did.
    stored.there(stored.digest("e1")).unlink()
    assert [one["state"] for one in stored.fsck(status=1)["faults"]] == ["lost"]


def test_without_a_dvc_remote_nothing_goes(stored: Stored) -> None:
    stored.one.write(".dvc/config", "")
    before = stored.objects()
    document = stored.gc(*FEW, "--yes")
    assert stored.objects() == before
    assert any("there is no DVC remote" in one["why"] for one in document["held_back"])


def _pointer(stored: Stored, name: str) -> str:
    return stored.one.git("show", f"{stored.commit(name)}:model.bin.dvc") + "\n"


def _names_on_commits(stored: Stored) -> None:
    stored.one.git("tag", "-a", "-m", "m", "digits@v1.0.0", stored.commit("e1"))
    stored.one.git("tag", "-a", "-m", "m", "digits#prod#1", stored.commit("e2"))
    stored.one.git("branch", "keep", stored.commit("e3"))
    stored.one.gitml("exp", "note", "e4", "for the paper")
    stored.one.gitml("exp", "tag", "e5", "paper")


def _files_on_disk(stored: Stored) -> None:
    stored.one.write("deep/copy.bin.dvc", _pointer(stored, "e1"))
    stored.one.write("ignored/.gitignore", "*\n")
    stored.one.write("ignored/copy.bin.dvc", _pointer(stored, "e2"))
    (stored.one.root / "by-link.bin").symlink_to(stored.here(stored.digest("e3")))
    os.link(stored.here(stored.digest("e4")), stored.one.root / "same.bin")
    stored.one.write(
        "dvc.lock",
        "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: m.bin\n"
        f"      hash: md5\n      md5: {stored.digest('e5')}\n      size: 6000\n",
    )


def _git_keeps(stored: Stored) -> None:
    stored.one.write("copy.bin.dvc", _pointer(stored, "e1"))
    stored.one.git("stash", "push", "-q", "-u")
    stored.one.write("train.py", "# other\n")
    stored.one.git("stash", "push", "-q")
    stored.one.gitml("exp", "apply", "e2", "--commit")
    stored.one.git("checkout", "-q", "-f", "-b", "other", "main~1")
    stored.one.write("staged.bin.dvc", _pointer(stored, "e3"))
    stored.one.git("add", "staged.bin.dvc")
    (stored.one.root / "staged.bin.dvc").unlink()
    linked = stored.folder / "linked"
    stored.one.git("worktree", "add", "-q", "--detach", str(linked), stored.commit("e4"))
    stored.one.git("update-ref", "refs/elsewhere/kept", stored.commit("e5"))


def _runs_and_head(stored: Stored) -> None:
    """A run that was cut off, and had stored what is the same as some weights; a detached HEAD."""
    waiting = "import time, pathlib; pathlib.Path('up').write_text('x'); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-m", "gitml", "exp", "run", "--", sys.executable, "-c", waiting],
        cwd=stored.one.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (stored.one.root / "up").exists():
        time.sleep(0.02)
    os.killpg(process.pid, 9)
    process.wait()
    runs = stored.one.root / ".git/gitml/runs"
    (run,) = [path for path in runs.iterdir() if not path.name.startswith(".")]
    (run / "weights").mkdir(exist_ok=True)
    some = [stored.digest(name) for name in ("e1", "e2", "e3")]
    (run / "weights/one.json").write_text(json.dumps(some))
    outside = stored.one.root / ".gitml/outside/20250101-7/weights"
    outside.mkdir(parents=True)
    (outside / "one.json").write_text(json.dumps([stored.digest("e4")]))
    stored.one.git("checkout", "-q", "-f", "--detach", stored.commit("e5"))


@pytest.mark.parametrize("protect", [_names_on_commits, _files_on_disk, _git_keeps, _runs_and_head])
def test_whatever_needs_an_object_keeps_it(
    stored: Stored, protect: Callable[[Stored], None]
) -> None:
    stored.one.run("--name", "e0", "-S", "lr=0.01")
    stored.one.gitml("exp", "push")
    protect(stored)
    stored.gc(*FEW, "--yes")
    assert _left(stored, {**_weights(stored), "e0": stored.digest("e0")}) == set(NAMES)
    assert stored.here(stored.digest("e1")).stat().st_size == 6_000


def test_experiments_are_kept_by_age_expression_and_study(stored: Stored) -> None:
    weights = _weights(stored)
    stored.gc(*FEW, "--older-than", "1d", "--yes")
    assert len(_left(stored, weights)) == 6
    stored.one.run("--name", "x1", "--study", "sweep", "-S", "lr=0.07")
    stored.one.run("--name", "x2", "--study", "sweep", "-S", "lr=0.08")
    stored.one.gitml("exp", "push")
    stored.gc("sweep", *FEW, "--yes")
    assert len(_left(stored, weights)) == 6
    assert stored.digest("x1") not in stored.objects()
    stored.gc(*FEW, "--keep-where", "metrics.accuracy < 0.25", "--yes")
    assert _left(stored, weights) == {"e1", "e2", "e6"}
    assert "no study" in stored.gc("nothere", status=2).stderr
    assert "makes no sense" in stored.gc("--keep-where", "??", status=2).stderr
    assert "can't be dropped" in stored.gc("--drop", "models", status=2).stderr


def test_without_a_primary_metric_everything_is_kept_and_that_is_said(stored: Stored) -> None:
    stored.one.write("gitml.yaml", "command: python train.py\nlarge: 10 kB\n")
    for name in ("p1", "p2"):
        stored.one.run("--name", name, "--study", "plain", "-S", f"lr=0.{name[1]}1")
    stored.one.gitml("exp", "push")
    document = stored.gc("plain", "--keep-last", "1", "--yes")
    assert document["removed"] is None
    assert any("no primary metric" in note for note in document["notes"])
    document = stored.gc("plain", "--keep-last", "1", "--keep-best", "0", "--yes")
    assert document["removed"]["objects"] > 0


def test_a_study_that_lacks_the_primary_metric_or_has_it_as_nan_keeps_all(stored: Stored) -> None:
    """`accuracy` is declared to be what counts; what is best in such a study isn't known."""
    train = (stored.one.root / "train.py").read_text()
    metrics = {"nan": '{"accuracy": float("nan")}', "other": '{"loss": lr}'}
    for study, rates in (("nan", (0.11, 0.12)), ("other", (0.13, 0.14))):
        stored.one.write("train.py", train.replace('{"accuracy": lr}', metrics[study]))
        for rate in rates:
            stored.one.run("--study", study, "-S", f"lr={rate}")
        stored.one.gitml("exp", "push", study)
        document = stored.gc(study, *FEW, "--yes")
        assert document["removed"] is None
        assert any("none has a finite accuracy" in note for note in document["notes"])
        document = stored.gc(study, "--keep-best", "0", "--keep-last", "0", "--dry-run")
        assert document["objects"] > 0


def test_data_is_dropped_only_when_that_is_asked_and_nobody_needs_it(stored: Stored) -> None:
    data = stored.one.git("show", "main:data.dvc").split("md5: ")[1].split()[0]
    stored.gc(*FEW, "--drop", "all", "--yes")
    assert data in stored.objects()
    assert stored.digest("e1", "scores.csv") not in stored.objects()
    # Here main itself has the pointer, so even asking doesn't help.
    stored.gc("--keep-best", "0", "--keep-last", "0", "--drop", "all,data", "--yes")
    assert data in stored.objects()


def test_unreferenced_objects_go_only_when_no_commit_names_them(stored: Stored) -> None:
    data = stored.one.root / "data/a.txt"
    data.write_text("beta\n")
    stored.dvc("add", "-q", "data")
    stored.one.git("commit", "-qam", "other data")
    old = stored.one.git("show", "HEAD~1:data.dvc").split("md5: ")[1].split()[0]
    (stored.one.root / "stray").write_text("nobody needs this\n")
    stored.dvc("add", "-q", "stray")
    stray = (stored.one.root / "stray.dvc").read_text().split("md5: ")[1].split()[0]
    assert stray in stored.objects()
    stored.gc(*FEW, "--drop", "unreferenced", "--also-unpushed", "--yes")
    assert stray in stored.objects()  # its pointer is in the work tree
    for name in ("stray", "stray.dvc"):
        (stored.one.root / name).unlink()
    document = stored.gc(*FEW, "--drop", "unreferenced", "--also-unpushed", "--yes")
    assert document["removed"]["objects"] == 1
    assert stray not in stored.objects() and old in stored.objects()


def test_what_is_needed_by_the_time_of_removal_stays(stored: Stored) -> None:
    from gitml.operations.gc import collect, forecast
    from gitml.operations.gc_values import GcRequest

    weights = _weights(stored)
    request = GcRequest(start=stored.one.root, keep_best=1, keep_last=0, min_age=0.0)
    found = forecast(request)
    assert weights["e1"] in found.objects and weights["e2"] in found.objects
    # Meanwhile one is registered, one is recorded again, one is stored anew.
    stored.one.git("tag", "-a", "-m", "m", "digits@v2.0.0", stored.commit("e1"))
    stored.one.run("--name", "again", "--force", "-S", "lr=0.2")
    stored.one.gitml("exp", "tag", "again", "keep")
    path = stored.here(weights["e3"])
    os.utime(path)
    done = collect(request, found)
    # The folder of checkpoints that two of them have as well.
    assert _left(stored, weights) == {"e1", "e2", "e3", "e6"}
    assert done.spared >= 3
    assert stored.fsck()["ok"]


def test_what_others_cleaned_meanwhile_is_told_from_what_stays(stored: Stored) -> None:
    from gitml.operations.gc import collect, forecast
    from gitml.operations.gc_values import GcRequest

    weights = _weights(stored)
    request = GcRequest(start=stored.one.root, keep_best=1, keep_last=0, min_age=0.0)
    found = forecast(request)
    stored.there(weights["e1"]).unlink()  # by now the only copy is the one here
    stored.here(weights["e2"]).unlink()  # another gc was faster
    done = collect(request, found)
    assert (done.spared, done.gone) == (1, 1)
    assert done.objects == len(found.objects) - 2
    assert _left(stored, weights) == {"e1", "e6"}


def test_dvc_at_work_is_waited_for(stored: Stored) -> None:
    """`dvc add` finds an old object in the cache, and names it a moment later."""
    code = "import sys, zc.lockfile as z; l = z.LockFile('.dvc/tmp/lock'); print(1, flush=True)"
    (stored.one.root / ".dvc/tmp").mkdir(exist_ok=True)
    dvc = subprocess.Popen(
        [sys.executable, "-c", code + "; sys.stdin.read()"],
        cwd=stored.one.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert dvc.stdin is not None and dvc.stdout is not None
    dvc.stdout.readline()
    gc = subprocess.Popen(
        [sys.executable, "-m", "gitml", "gc", "--min-age", "0", *FEW, "--yes"],
        cwd=stored.one.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert gc.stdout is not None
    while b"would stay" not in gc.stdout.readline():
        pass
    first = stored.digest("e1")
    pointer = _pointer(stored, "e1")
    time.sleep(0.5)
    assert stored.here(first).exists()
    stored.one.write("copy.bin.dvc", pointer)  # what DVC was about to write
    dvc.communicate(b"")
    gc.communicate(timeout=60)
    assert gc.returncode == 0
    assert _left(stored, _weights(stored)) == {"e1", "e6"}


def test_what_was_removed_from_a_remote_is_not_removed_here_for_that(stored: Stored) -> None:
    """An object that no commit's tip names, and that only the cache has since."""
    (stored.one.root / "data/a.txt").write_text("beta\n")
    stored.dvc("add", "-q", "data")
    stored.dvc("push", "-q")
    pointer = (stored.one.root / "data.dvc").read_text().split("md5: ")[1].split()[0]
    stored.one.git("checkout", "-q", "-f", "main")
    cleaned = stored.gc("--remote", "store", "--drop", "unreferenced", "--yes")
    assert cleaned["removed"]["objects"] == 2 and not stored.there(pointer).exists()
    assert any("No commit of this repository names 2" in note for note in cleaned["notes"])
    stored.gc(*FEW, "--also-unpushed", "--yes")
    assert pointer in stored.objects()


def test_experiments_that_are_on_no_git_remote_are_named(stored: Stored) -> None:
    """Whoever cleans the DVC remote elsewhere doesn't know that they need what is there."""
    stored.one.run("--name", "local", "-S", "lr=0.05")
    stored.one.git("checkout", "-q", "-f", "exp/main")
    stored.dvc("push", "-q")
    stored.one.git("checkout", "-q", "-f", "main")
    (note,) = stored.gc(*FEW)["notes"]
    assert note.startswith("1 experiment that loses something here is on no Git remote")
    assert stored.gc("--keep-best", "7", "--keep-last", "0")["notes"] == []


def test_a_run_that_is_being_recorded_is_waited_for(stored: Stored) -> None:
    weights = _weights(stored)
    slow = subprocess.Popen(
        [sys.executable, "-m", "gitml", "exp", "run", "--force", "--name", "late", "-S", "lr=0.3"],
        cwd=stored.one.root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GITML_FAULT": "commit.tree:sleep"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    runs = stored.one.root / ".git/gitml/runs"
    while not any('"finished"' in path.read_text() for path in runs.glob("[0-9]*/journal.json")):
        time.sleep(0.02)
    time.sleep(0.7)  # everything is stored by now, and no commit names it
    began = time.monotonic()
    document = stored.gc("--keep-best", "1", "--keep-last", "1", "--yes")
    assert time.monotonic() - began > 2
    assert slow.wait() == 0
    assert document["removed"]["spared"] >= 1
    assert _left(stored, weights) == {"e3", "e6"}
    assert stored.fsck()["ok"]


@pytest.mark.parametrize("number", [1, 4, 9])
def test_a_removal_that_is_killed_leaves_nothing_broken_and_is_finished_by_the_next(
    stored: Stored, number: int
) -> None:
    fault = f"storage.removing:kill:{number}"
    killed = stored.one.gitml(
        "gc", "--min-age", "0", *FEW, "--also-unpushed", "--yes", status=None, GITML_FAULT=fault
    )
    assert killed.returncode == -9
    _whole(stored)
    assert stored.fsck()["ok"]
    stored.store.rename(stored.folder / "unplugged")  # not even the remote's lists are there
    stored.store.mkdir()
    stored.gc(*FEW, "--also-unpushed", "--yes")
    weights = {stored.digest(name) for name in NAMES[:-1]}
    assert not weights & stored.objects()
    _whole(stored)


def test_a_list_that_stays_keeps_its_files(stored: Stored) -> None:
    from gitml.operations.gc import collect, forecast
    from gitml.operations.gc_values import GcRequest

    folder, other = stored.digest("e1", "states"), stored.digest("e2", "states")
    request = GcRequest(start=stored.one.root, keep_best=1, keep_last=0, min_age=0.0)
    os.utime(stored.here(folder), (time.time() + 60, time.time() + 60))  # stored a moment ago
    found = forecast(request)
    assert folder not in found.objects and other in found.objects
    assert any("list of a folder that stays" in one.why for one in found.held_back)
    os.utime(stored.here(other), (time.time() + 60, time.time() + 60))  # after the forecast
    collect(request, found)
    assert {folder, other} <= stored.objects()
    _whole(stored)


def test_new_objects_are_left_alone(stored: Stored) -> None:
    before = stored.objects()
    done = stored.one.gitml("gc", *FEW, "--yes")
    assert "stored less than 1 h ago" in done.stdout
    assert stored.objects() == before


def test_a_shared_cache_is_left_alone_unless_that_is_asked(stored: Stored) -> None:
    shared = stored.folder / "shared-cache"
    (stored.one.root / ".dvc/cache").rename(shared)
    stored.one.write(".dvc/config.local", f"[cache]\n    dir = {shared}\n")
    refused = stored.gc(*FEW, "--yes", status=2)
    assert "outside of this project" in refused.stderr and "--shared-cache" in refused.stderr
    assert stored.gc(*FEW, "--shared-cache", "--yes")["removed"]["objects"] > 0


def test_a_remote_that_is_the_cache_itself_is_no_copy(stored: Stored) -> None:
    stored.one.write(
        ".dvc/config", "[core]\n    remote = own\n['remote \"own\"']\n    url = cache\n"
    )
    before = stored.objects()
    stored.gc(*FEW, "--yes")
    assert stored.objects() == before
    assert "the local cache itself" in stored.gc("--remote", "own", status=2).stderr


def test_a_corrupt_copy_on_the_remote_is_found_with_deep(stored: Stored) -> None:
    from tests.promises.stored import flip

    weights = _weights(stored)
    flip(stored.there(weights["e1"]))
    stored.there(weights["e2"]).chmod(0o644)
    stored.there(weights["e2"]).write_bytes(b"short")
    stored.gc(*FEW, "--deep", "--yes")
    assert _left(stored, weights) == {"e1", "e2", "e6"}


def test_a_clone_that_lacks_history_or_has_a_broken_branch_refuses(stored: Stored) -> None:
    (stored.one.root / ".git/refs/heads/exp/broken").write_text("1" * 40 + "\n")
    refused = stored.gc(*FEW, "--yes", status=2)
    assert "can't be read" in refused.stderr or "isn't here" in refused.stderr
    (stored.one.root / ".git/refs/heads/exp/broken").unlink()
    shallow = stored.folder / "shallow"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", "--no-single-branch", stored.hub.as_uri(), shallow],
        check=True,
    )
    refused = Project(shallow).gitml("gc", status=2)
    assert "--unshallow" in refused.stderr


def test_cleaning_a_remote_keeps_what_is_published_and_what_others_are_sending(
    stored: Stored,
) -> None:
    two = stored.second()
    stored.dvc("pull", "-q", project=two)
    two.run("--name", "theirs", "--study", "two", "-S", "lr=0.33")
    two.gitml("exp", "push")
    theirs = next(
        a for a in two.json("exp", "show", "theirs")["artifacts"] if a["path"] == "model.bin"
    )
    # A study of ours was sent, and its branch is gone since.
    stored.one.run("--name", "gone", "--study", "old", "-S", "lr=0.44")
    stored.one.gitml("exp", "push", "old")
    gone = stored.digest("gone")
    stored.one.git("push", "-q", "origin", ":exp/old")
    stored.one.git("branch", "-q", "-D", "exp/old")
    stored.one.git("update-ref", "-d", "refs/remotes/origin/exp/old")
    before = {path for path in stored.store.rglob("*") if path.is_file()}
    arguments = ("--remote", "store", *FEW, "--drop", "unreferenced,weights,checkpoints")
    young = stored.one.gitml("gc", *arguments, "--yes")
    assert "stored less than 1 day ago" in young.stdout
    assert {path for path in stored.store.rglob("*") if path.is_file()} == before
    document = stored.gc(*arguments, "--yes")
    assert any("Other clones use store" in note for note in document["notes"])
    assert not stored.there(gone).exists()
    assert stored.there(theirs["digest"]).exists()
    assert all(stored.there(stored.digest(name)).exists() for name in NAMES)
    assert two.json("fsck", "--remote")["ok"]
    assert stored.here(gone).exists()  # only the remote was cleaned


def test_cleaning_a_remote_of_what_others_have_needs_a_word_and_is_said(stored: Stored) -> None:
    weights = _weights(stored)
    document = stored.gc("--remote", "store", *FEW, "--yes")
    assert document["removed"] is None
    assert any(
        "published, so other clones may need it" in one["reasons"] for one in document["kept"]
    )
    stored.gc("--remote", "store", *FEW, "--also-published", "--yes")
    left = {name for name, digest in weights.items() if stored.there(digest).exists()}
    assert left == {"e6"}
    assert _left(stored, weights) == set(NAMES)
    assert stored.fsck("--remote")["ok"]  # dropped there on purpose, and here


def test_a_remote_is_left_alone_when_the_others_cant_be_asked(stored: Stored) -> None:
    stored.hub.rename(stored.folder / "away.git")
    refused = stored.gc("--remote", "store", *FEW, "--also-published", "--yes", status=2)
    assert "what is needed isn't known" in refused.stderr
    assert stored.there(stored.digest("e1")).exists()
    assert "--remote" in stored.gc("--also-published", status=2).stderr


def test_a_terminal_is_asked(stored: Stored) -> None:
    import pty

    weights = _weights(stored)
    for answer, kept in ((b"n\n", set(NAMES)), (b"y\n", {"e6"})):
        main, other = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "gitml", "gc", "--min-age", "0", *FEW],
            cwd=stored.one.root,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=other,
            stdout=subprocess.PIPE,
            stderr=other,
        )
        os.close(other)
        os.write(main, answer)
        output = process.communicate(timeout=60)[0]
        os.close(main)
        assert process.returncode == 0 and b"would go" in output
        assert _left(stored, weights) == kept
