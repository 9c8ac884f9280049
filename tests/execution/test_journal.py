"""The journal: durable, private, and right about who is alive."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gitml.errors import ExecutionError, RecordError, StorageError
from gitml.execution import journal, liveness, processes
from gitml.execution.journal import Entry

ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "git/gitml/runs"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "conf").mkdir(parents=True)
    (root / "params.yaml").write_bytes(b"lr: 0.1  # mine\r\n")
    (root / "conf/model.json").write_bytes(b'{"depth": 2}')
    return root


def begin(runs: Path, **fields: Any) -> Entry:
    return journal.begin(runs, name="brave-otter", study="main", **fields)


def elsewhere(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code that uses the journal in a process of its own."""
    head = (
        "import os, signal, sys, time\nfrom pathlib import Path\n"
        "from gitml.execution import journal\nruns = Path(sys.argv[1])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", head + code, *arguments],
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_run_is_written_down_and_read_back(runs: Path) -> None:
    entry = begin(runs, root="/p", argv=("python", "a\nb\x1b[0m"), options={"x": [1, None]})
    assert entry.state == "planned"
    changed = journal.update(entry, state="running", segments=({"exit_status": 3},), seconds=1.5)
    assert journal.load(entry.path) == changed
    assert journal.entries(runs) == [changed]
    assert changed.argv == ("python", "a\nb\x1b[0m")
    assert changed.exit_status == 3
    assert entry.exit_status is None
    assert journal.folder(runs, entry) == runs / entry.id
    assert (entry.path / "trace").is_dir()
    journal.close(changed)
    assert journal.entries(runs) == []
    assert os.listdir(runs) == []


def test_runs_are_private_and_sorted_by_time(runs: Path) -> None:
    made = []
    for _ in range(3):
        made.append(begin(runs))
        time.sleep(0.002)
    assert [entry.id for entry in journal.entries(runs)] == [entry.id for entry in made]
    assert stat.S_IMODE(runs.stat().st_mode) == 0o700
    assert stat.S_IMODE(made[0].path.stat().st_mode) == 0o700
    assert stat.S_IMODE((made[0].path / "journal.json").stat().st_mode) == 0o600


def test_a_change_keeps_what_another_change_wrote(runs: Path) -> None:
    entry = begin(runs)
    journal.update(entry, snapshot="abc")
    assert journal.update(entry, state="running").snapshot == "abc"


def test_a_forgotten_run_cannot_be_changed(runs: Path) -> None:
    entry = begin(runs)
    journal.close(entry)
    with pytest.raises(RecordError):
        journal.update(entry, state="running")
    journal.close(entry)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"id": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_journal_is_told_and_left_alone(runs: Path, damage: bytes) -> None:
    good, bad = begin(runs), begin(runs)
    (bad.path / "journal.json").write_bytes(damage)
    assert journal.entries(runs) == [good]
    with pytest.raises(RecordError) as caught:
        journal.load(bad.path)
    assert str(bad.path) in caught.value.hint
    assert bad.path.is_dir()


def test_a_moved_repository_keeps_its_runs(runs: Path, tmp_path: Path) -> None:
    entry = begin(runs)
    moved = tmp_path / "moved"
    runs.rename(moved)
    (found,) = journal.entries(moved)
    assert journal.update(found, state="running").path == moved / entry.id


def test_documents_are_kept_and_missing_ones_are_errors(runs: Path) -> None:
    entry = begin(runs)
    journal.write_document(entry, "run.json", b'{"a": 1}')
    assert journal.read_document(entry, "run.json", dict[str, int]) == {"a": 1}
    for name, kind in (("other.json", dict[str, int]), ("run.json", list[int])):
        with pytest.raises(RecordError):
            journal.read_document(entry, name, kind)


def test_a_full_disk_is_told_and_leaves_the_old_state(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = begin(runs)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        with pytest.raises(StorageError, match="No space"):
            journal.update(entry, state="running")
    assert journal.load(entry.path).state == "planned"
    assert sorted(os.listdir(entry.path)) == ["journal.json", "lock", "trace"]


def test_scratch_folders_are_no_runs_and_disappear(runs: Path) -> None:
    with journal.scratch_folder(runs) as place:
        assert place.parent == runs
        assert journal.entries(runs) == []
    assert not place.exists()
    left = journal.scratch(runs)
    half = runs / "20200101T000000000-00000000"
    half.mkdir()
    begin(runs)
    assert left.exists()
    old = time.time() - 25 * 3600
    for path in (left, half):
        os.utime(path, (old, old))
    begin(runs)
    assert not left.exists()
    assert not half.exists()


def test_the_own_run_is_alive_and_that_of_a_killed_process_is_not(runs: Path) -> None:
    mine = begin(runs)
    assert journal.alive(mine)
    done = elsewhere(
        "journal.begin(runs, name='a', study='b')\nos.kill(os.getpid(), signal.SIGKILL)", str(runs)
    )
    assert done.returncode == -signal.SIGKILL
    dead = next(entry for entry in journal.entries(runs) if entry.id != mine.id)
    assert not journal.alive(dead)


def test_a_reused_process_number_is_not_taken_for_the_owner(runs: Path) -> None:
    entry = begin(runs)
    owner = msgspec.structs.replace(entry.owner, start_time="1")
    assert not journal.alive(journal.update(entry, owner=owner))
    owner = msgspec.structs.replace(entry.owner, boot_id="another")
    assert not journal.alive(journal.update(entry, owner=owner))


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(["true"])
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT) is None:
        pass
    assert processes.start_time(child.pid) == ""
    child.wait()


def test_a_run_in_another_container_is_alive_while_its_lock_is_held(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = begin(runs)
    entry = journal.update(
        entry, owner=msgspec.structs.replace(entry.owner, machine="another host")
    )
    code = (
        "entry, = journal.entries(runs)\nprint(journal.alive(entry))\n"
        "try:\n    journal.adopt(entry); print('adopted')\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    assert elsewhere(code, str(runs)).stdout == "True\nExecutionError\n"
    liveness.release(entry.path)
    assert elsewhere(code, str(runs)).stdout == "False\nadopted\n"


def test_only_one_process_takes_over_a_dead_run(runs: Path) -> None:
    elsewhere("journal.begin(runs, name='a', study='b')", str(runs))
    code = (
        "entry, = journal.entries(runs)\n"
        "try:\n    journal.adopt(entry); print('adopted', flush=True); time.sleep(2)\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    head = "import sys, time\nfrom pathlib import Path\nfrom gitml.execution import journal\n"
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", f"{head}runs = Path(sys.argv[1])\n{code}", str(runs)],
            env={**os.environ, "PYTHONPATH": ROOT},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = sorted(rival.communicate(timeout=60)[0].strip() for rival in rivals)
    assert said == ["ExecutionError"] * 3 + ["adopted"]


def test_an_alive_run_cannot_be_taken_over(runs: Path) -> None:
    with pytest.raises(ExecutionError, match="brave-otter"):
        journal.adopt(begin(runs))


# Parameter files


def test_overridden_files_are_put_back_as_they_were(runs: Path, tree: Path) -> None:
    params, model = tree / "params.yaml", tree / "conf/model.json"
    params.chmod(0o640)
    os.utime(params, ns=(10**18, 10**18))
    before = params.read_bytes()
    entry = journal.override_params(
        begin(runs),
        tree,
        {"params.yaml": b"lr: 0.5\n", "conf/model.json": b"{}", "new.yaml": b"a: 1\n"},
    )
    assert params.read_bytes() == b"lr: 0.5\n"
    assert model.read_bytes() == b"{}"
    assert (tree / "new.yaml").read_bytes() == b"a: 1\n"
    assert stat.S_IMODE(params.stat().st_mode) == 0o640
    assert journal.restore_params(entry) == []
    assert params.read_bytes() == before
    assert params.stat().st_mtime_ns == 10**18
    assert stat.S_IMODE(params.stat().st_mode) == 0o640
    assert model.read_bytes() == b'{"depth": 2}'
    assert sorted(os.listdir(tree)) == ["conf", "params.yaml"]
    assert journal.load(entry.path).params_backup == {}
    assert journal.restore_params(entry) == []


def test_an_edit_during_the_run_is_kept_and_so_is_the_original(runs: Path, tree: Path) -> None:
    entry = journal.override_params(begin(runs), tree, {"params.yaml": b"lr: 0.5\n"})
    (tree / "params.yaml").write_text("lr: 0.7  # better\n")
    (sentence,) = journal.restore_params(entry)
    assert (tree / "params.yaml").read_text() == "lr: 0.7  # better\n"
    assert "was edited during the run" in sentence
    journal.close(entry)
    kept = Path(sentence.rsplit(" is in ", 1)[1].rstrip("."))
    assert kept.read_bytes() == b"lr: 0.1  # mine\r\n"


def test_a_removed_file_stays_removed_and_the_original_is_kept(runs: Path, tree: Path) -> None:
    entry = journal.override_params(begin(runs), tree, {"params.yaml": b"lr: 0.5\n"})
    (tree / "params.yaml").unlink()
    (sentence,) = journal.restore_params(entry)
    assert "was removed" in sentence
    assert not (tree / "params.yaml").exists()


def test_the_original_put_back_by_the_user_is_fine(runs: Path, tree: Path) -> None:
    before = (tree / "params.yaml").read_bytes()
    entry = journal.override_params(begin(runs), tree, {"params.yaml": b"lr: 0.5\n"})
    (tree / "params.yaml").write_bytes(before)
    assert journal.restore_params(entry) == []


def test_a_linked_parameter_file_stays_a_link(runs: Path, tree: Path) -> None:
    (tree / "link.yaml").symlink_to("params.yaml")
    entry = journal.override_params(begin(runs), tree, {"link.yaml": b"lr: 0.5\n"})
    assert (tree / "params.yaml").read_bytes() == b"lr: 0.5\n"
    assert journal.restore_params(entry) == []
    assert (tree / "link.yaml").is_symlink()
    assert (tree / "params.yaml").read_bytes() == b"lr: 0.1  # mine\r\n"


@pytest.mark.parametrize("name", ["../outside.yaml", "away.yaml", ".git/config", "conf", "/etc/x"])
def test_files_outside_of_the_project_are_never_written(runs: Path, tree: Path, name: str) -> None:
    outside = tree.parent / "outside.yaml"
    outside.write_text("mine")
    (tree / ".git").mkdir()
    (tree / ".git/config").write_text("mine")
    (tree / "away.yaml").symlink_to(outside)
    entry = begin(runs)
    with pytest.raises(ExecutionError):
        journal.override_params(entry, tree, {"params.yaml": b"x", name: b"theirs"})
    assert outside.read_text() == "mine"
    assert (tree / ".git/config").read_text() == "mine"
    assert (tree / "params.yaml").read_bytes() == b"lr: 0.1  # mine\r\n"


def test_a_failure_half_way_puts_everything_back(
    runs: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = begin(runs)
    real, calls = Path.replace, []

    def fail(self: Path, target: Path) -> Path:
        if self.name.startswith("staged"):
            calls.append(target)
            if len(calls) == 2:
                raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StorageError):
        journal.override_params(entry, tree, {"params.yaml": b"a", "conf/model.json": b"b"})
    assert (tree / "params.yaml").read_bytes() == b"lr: 0.1  # mine\r\n"
    assert (tree / "conf/model.json").read_bytes() == b'{"depth": 2}'


def test_another_disk_is_no_obstacle(
    runs: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def cross(self: Path, target: Path) -> Path:
        if self.name.startswith("staged"):
            raise OSError(18, "Invalid cross-device link")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", cross)
    entry = journal.override_params(begin(runs), tree, {"params.yaml": b"lr: 0.5\n"})
    assert (tree / "params.yaml").read_bytes() == b"lr: 0.5\n"
    assert journal.restore_params(entry) == []
    assert (tree / "params.yaml").read_bytes() == b"lr: 0.1  # mine\r\n"
    assert sorted(os.listdir(tree)) == ["conf", "params.yaml"]


def test_killed_at_any_system_call_the_users_file_comes_back(runs: Path, tree: Path) -> None:
    """The process is killed before its N-th call that changes the disk, for N = 1, 2, 3 …"""
    before = (tree / "params.yaml").read_bytes()
    code = """
entry = journal.begin(runs, name='a', study='b')
left = int(sys.argv[3])

def count(real):
    def counted(*arguments, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return counted

for name in ("open", "write", "replace", "rename", "fsync", "chmod", "utime"):
    setattr(os, name, count(getattr(os, name)))
entry = journal.override_params(entry, Path(sys.argv[2]), {"params.yaml": b"lr: 0.5\\n"})
journal.restore_params(entry)
os._exit(0)
"""
    states = set()
    for number in range(1, 200):
        done = elsewhere(code, str(runs), str(tree), str(number))
        states.add((tree / "params.yaml").read_bytes())
        for entry in journal.entries(runs):
            assert not journal.alive(entry)
            assert journal.restore_params(journal.adopt(entry)) == []
            journal.close(entry)
        assert (tree / "params.yaml").read_bytes() == before
        assert sorted(os.listdir(tree)) == ["conf", "params.yaml"]
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    assert number > 20
    assert states == {before, b"lr: 0.5\n"}
