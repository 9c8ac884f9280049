"""Landing commits: many processes at once, signed or not, and every refusal in words."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from gitml.errors import ContentionError, RepositoryError
from gitml.git import commits
from gitml.git.commits import (
    checked_out_at,
    commit_tree,
    delete_ref,
    land,
    read_ref,
    root_commit,
    update_ref,
)
from tests.git.work import Work

REF = "refs/heads/exp/study"


def _land(work: Work, message: str = "one\n", *, sign: bool = False) -> str:
    repository = work.repository
    tree = work.git("rev-parse", "HEAD^{tree}")
    return land(
        repository,
        REF,
        lambda: root_commit(repository, "root\n"),
        lambda tip: commit_tree(repository.git, tree, [tip], message, sign=sign),
        f"gitml: {message}",
    )


def test_a_landed_commit_is_on_the_branch_and_in_the_reflog(work: Work) -> None:
    before = work.user_state()
    first = _land(work)
    second = _land(work, "two\n")
    assert work.git("rev-parse", REF) == second
    assert work.git("rev-parse", f"{REF}^") == first
    assert "gitml: two" in work.git("log", "-g", "--format=%gs", REF)
    assert work.user_state() == before
    assert work.git("fsck", "--strict", "--no-dangling") == ""


def test_a_root_commit_is_the_same_bytes_everywhere(work: Work, tmp_path: Path) -> None:
    other = Work(tmp_path / "other")
    other.git("config", "user.name", "Somebody Else")
    other.git("config", "i18n.commitEncoding", "ISO-8859-1")
    other.git("config", "commit.gpgSign", "true")
    first = root_commit(work.repository, "study: grün\n")
    assert root_commit(other.repository, "study: grün\n") == first
    assert root_commit(work.repository, "study: other\n") != first
    assert work.git("cat-file", "commit", first) == other.git("cat-file", "commit", first)
    assert work.git("ls-tree", first) == ""


def test_a_root_commit_is_the_same_whatever_the_environment_says(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = root_commit(work.repository, "r\n")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "x")
        monkeypatch.setenv(f"GIT_{role}_DATE", "2001-01-01T00:00:00")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert root_commit(work.repository, "r\n") == first


def test_a_branch_that_was_moved_is_not_overwritten(work: Work) -> None:
    head = work.git("rev-parse", "HEAD")
    repository, git = work.repository, work.repository.git
    update_ref(git, REF, head, repository.zero, "made")
    new = commit_tree(git, work.git("rev-parse", "HEAD^{tree}"), [], "new\n")
    for stale in (repository.zero, new):
        with pytest.raises(ContentionError, match="moved by another"):
            update_ref(git, REF, new, stale, "stale")
    assert read_ref(git, REF) == head
    delete_ref(git, REF)
    assert read_ref(git, REF) == ""
    with pytest.raises(ContentionError):
        update_ref(git, REF, new, head, "gone")
    delete_ref(git, REF)


def test_a_tag_of_the_same_name_is_not_taken_for_the_branch(work: Work) -> None:
    work.git("tag", "refs/heads/exp/study")
    work.git("tag", "exp/study")
    assert _land(work) == work.git("rev-parse", "--verify", "heads/exp/study")


def test_a_branch_whose_commit_is_missing_is_an_error_and_not_begun_anew(work: Work) -> None:
    tip = _land(work)
    (work.root / ".git/objects" / tip[:2] / tip[2:]).unlink()
    with pytest.raises(RepositoryError, match=r"bad ref|not a valid object"):
        _land(work, "two\n")


def test_a_hook_that_refuses_is_quoted(work: Work) -> None:
    hook = work.write(
        ".git/hooks/reference-transaction",
        '#!/bin/sh\n[ "$1" = prepared ] || exit 0\necho "policy 7 forbids it" >&2\nexit 1\n',
    )
    hook.chmod(0o755)
    with pytest.raises(RepositoryError, match="policy 7 forbids it") as caught:
        _land(work)
    assert not isinstance(caught.value, ContentionError)
    hook.unlink()
    assert read_ref(work.repository.git, REF) == ""
    _land(work)


def test_a_branch_in_the_way_is_named_with_the_way_out(work: Work) -> None:
    work.git("branch", "exp")
    with pytest.raises(RepositoryError, match="can't be made") as caught:
        _land(work)
    assert "git branch -m" in caught.value.hint


def test_a_folder_of_branches_in_the_way_is_named(work: Work) -> None:
    work.git("branch", "exp/study/deeper")
    with pytest.raises(RepositoryError, match="can't be made"):
        _land(work)


def test_a_lock_that_a_killed_git_left_is_named_with_its_age(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "GIVE_UP_SECONDS", 0.0)
    _land(work)
    lock = work.write(".git/refs/heads/exp/study.lock", "")
    an_hour_ago = time.time() - 3600
    os.utime(lock, (an_hour_ago, an_hour_ago))
    with pytest.raises(ContentionError, match=r"exp/study\.lock, 60 minutes old") as caught:
        _land(work)
    assert "delete" in caught.value.hint
    assert lock.exists()
    lock.unlink()
    _land(work)


def test_a_branch_that_a_power_cut_broke_is_an_error_in_words(work: Work) -> None:
    _land(work)
    work.write(".git/refs/heads/exp/study", "")
    with pytest.raises(RepositoryError, match="is broken") as caught:
        _land(work)
    assert "git log -g" in caught.value.hint


def test_locks_of_the_user_do_not_block(work: Work) -> None:
    work.write(".git/index.lock", "")
    work.write(".git/HEAD.lock", "")
    _land(work)
    work.write("a.txt", "edited\n")
    assert work.files(work.snapshot().tree)["a.txt"] == b"edited\n"


def test_a_process_that_hangs_with_the_queue_does_not_stop_the_others(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr(commits, "_QUEUE_SECONDS", 0.2)
    _land(work)
    (queue,) = (work.root / ".git/gitml/locks").iterdir()
    with queue.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _land(work, "two\n")
    assert work.git("log", "-1", "--format=%s", REF) == "two"


def test_without_a_place_for_the_queue_it_works_all_the_same(work: Work) -> None:
    work.write(".git/gitml", "a file in the way\n")
    _land(work)


def test_a_missing_identity_moves_nothing(work: Work) -> None:
    work.git("config", "user.useConfigOnly", "true")
    work.git("config", "user.name", "")
    with pytest.raises(RepositoryError, match=r"commit-tree failed.*"):
        _land(work)
    assert read_ref(work.repository.git, REF) == ""


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen to sign with")
def test_commits_are_signed_where_git_is_set_up_for_it(work: Work, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text()
    (tmp_path / "signers").write_text(f"ada@example.org {public}")
    work.git("config", "gpg.format", "ssh")
    work.git("config", "user.signingKey", f"{key}.pub")
    work.git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "signers"))
    signed = _land(work, "signed\n", sign=True)
    assert "Good" in work.run("verify-commit", signed).stderr.decode()
    assert work.run("verify-commit", _land(work, "plain\n")).returncode
    tip = read_ref(work.repository.git, REF)
    key.unlink()
    with pytest.raises(RepositoryError, match="commit-tree failed"):
        _land(work, "no key\n", sign=True)
    assert read_ref(work.repository.git, REF) == tip


def test_a_branch_that_is_checked_out_is_noticed(work: Work, tmp_path: Path) -> None:
    _land(work)
    assert checked_out_at(work.repository, REF) is None
    linked = tmp_path / "linked\n\nhere"
    work.git("worktree", "add", "-q", str(linked), "exp/study")
    assert checked_out_at(work.repository, REF) == linked.resolve()
    assert checked_out_at(work.repository, "refs/heads/main") == work.root.resolve()
    shutil.rmtree(linked)
    assert checked_out_at(work.repository, REF) is None


def test_a_checked_out_branch_is_noticed_in_a_bare_repository_too(
    work: Work, tmp_path: Path
) -> None:
    _land(work)
    work.git("clone", "-q", "--mirror", str(work.root), str(tmp_path / "bare.git"))
    bare = Work(tmp_path / "bare.git", init=False)
    assert checked_out_at(bare.repository, REF) is None
    assert checked_out_at(bare.repository, "refs/heads/main") is None
    bare.git("worktree", "add", "-q", str(tmp_path / "linked"), "exp/study")
    assert checked_out_at(bare.repository, REF) == (tmp_path / "linked").resolve()


def test_a_branch_that_was_checked_out_meanwhile_is_noticed(work: Work) -> None:
    _land(work)
    hours_ago = work.repository
    assert checked_out_at(hours_ago, REF) is None
    work.git("switch", "-q", "exp/study")
    assert checked_out_at(hours_ago, REF) == work.root.resolve()
    work.git("switch", "-q", "main")
    assert checked_out_at(hours_ago, REF) is None


def test_another_reference_is_released_with_the_same_stroke_or_not_at_all(work: Work) -> None:
    repository, git = work.repository, work.repository.git
    anchor = "refs/gitml/tmp/run"
    head = work.git("rev-parse", "HEAD")
    for present in (True, False):
        if present:
            update_ref(git, anchor, head, repository.zero, "anchored")
            with pytest.raises(ContentionError):
                update_ref(git, REF, head, head, "stale", anchor)
            assert read_ref(git, anchor) == head
        old = read_ref(git, REF) or repository.zero
        new = commit_tree(git, f"{head}^{{tree}}", [], f"{present}\n")
        update_ref(git, REF, new, old, "landed", anchor)
        assert read_ref(git, REF) == new
        assert read_ref(git, anchor) == ""
