"""Every experiment that was added since a revision is new, complete and sound; or it is told."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gitml.errors import UsageError
from tests.conftest import Project
from tests.promises.forging import artifact, forge
from tests.promises.judging import codes, judged, names, since
from tests.promises.repositories import cloned, made, shared, with_store


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two pushed experiments; tests forge others beside them."""
    top = tmp_path_factory.mktemp("since")
    project = made(top / "project")
    shared(project, top)
    return project


def test_recorded_experiments_are_new_complete_and_sound(recorded: Project) -> None:
    result = since(recorded, "main", "main")
    assert names(result) == ["one", "two"]
    assert [one.problems for one in result.experiments] == [(), ()]
    assert [one.level for one in result.experiments] == ["new", "near"]
    assert result.ok
    assert result.rivals is not None
    assert result.rivals.challenger.experiment == "two"


def test_a_revision_of_a_line_means_what_came_after_it(recorded: Project) -> None:
    assert names(since(recorded, "exp/main", "main")) == []
    assert names(since(recorded, "exp/main~1", "main")) == ["two"]
    assert names(since(recorded, "exp/main~2", "main")) == ["one", "two"]
    assert names(since(recorded, "0" * 40, "main")) == ["one", "two"]
    result = since(recorded, "exp/main~1", "main")
    assert result.rivals is not None
    assert result.rivals.champion is not None
    assert result.rivals.champion.experiment == "one"
    assert result.rivals.comparison is not None
    assert result.rivals.comparison.metrics[0].better is True


def test_other_studies_are_not_held_against_a_line(project: Project) -> None:
    project.run("--name", "one")
    before = project.git("rev-parse", "exp/main")
    project.run("--name", "other", "--study", "sweep", "-S", "lr=0.7")
    project.run("--name", "two", "-S", "lr=0.5")
    assert names(since(project, before)) == ["two"]
    assert names(since(project, before, "sweep")) == ["other"]


def test_a_commit_of_main_means_what_was_run_since(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = project.git("rev-parse", "HEAD")
    project.run("--name", "early")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@4000000000 +0000")
    project.git("commit", "-q", "--allow-empty", "-m", "later")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    assert names(since(project, base)) == ["early"]
    assert names(since(project, "main")) == []
    project.git("commit", "-q", "--allow-empty", "-m", "feature")
    project.run("--name", "late", "-S", "lr=0.3")
    assert names(since(project, "main~1")) == ["late"]


def test_a_revision_that_nobody_knows_is_a_usage_error(recorded: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no commit 'nowhere'"):
        since(recorded, "nowhere")
    for odd in ("", "--all", "main\n", "a" * 5000):
        with pytest.raises(UsageError):
            since(recorded, odd)
    with pytest.raises(UsageError, match="no study 'nothing'"):
        since(recorded, "main", "nothing")
    shallow = cloned(tmp_path_of(recorded) / "remote.git", tmp_path / "shallow", "--depth", "1")
    with pytest.raises(UsageError) as raised:
        since(shallow, recorded.git("rev-parse", "main~1"))
    assert "shallow" in raised.value.hint
    done = recorded.gitml("check", "--since", "nowhere", status=2)
    assert len(done.stderr.splitlines()) == 2


def tmp_path_of(project: Project) -> Path:
    return project.root.parent


def test_a_repeat_is_a_duplicate_and_a_replicate_passes(project: Project) -> None:
    project.run("--name", "one")
    start = project.git("rev-parse", "exp/main")
    project.run("--name", "again", "--force")
    project.run("--name", "seeded", "-S", "seed=2")
    project.write("train.py", project.root.joinpath("train.py").read_text() + "# a comment\n")
    project.run("--name", "commented", "--force")
    found = {
        one.row.experiment: one for one in since(project, start, allow_unpushed=True).experiments
    }
    assert codes(found["again"]) == ["duplicate"]
    assert found["again"].level == "identical"
    assert found["seeded"].ok
    assert found["seeded"].level == "replicate"
    assert codes(found["commented"]) == ["duplicate"]
    assert found["commented"].level == "equivalent"
    strict = since(project, start, level="replicate", allow_unpushed=True)
    assert [codes(one) for one in strict.experiments] == [["duplicate"]] * 3
    loose = since(project, start, level="identical", allow_unpushed=True)
    assert [codes(one) for one in loose.experiments] == [["duplicate"], [], []]
    lenient = since(project, start, on_duplicate="skip", allow_unpushed=True)
    assert lenient.ok
    assert [one.problems[0].severity for one in lenient.experiments if one.level == "identical"]


def test_of_two_machines_that_ran_the_same_one_is_told(project: Project, tmp_path: Path) -> None:
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    with_store(project, tmp_path / "store")
    project.git("push", "-q", "origin", "main")
    other = cloned(bare, tmp_path / "other")
    project.run("--name", "here")
    other.run("--name", "there")
    project.gitml("exp", "push")
    other.gitml("exp", "push")
    ci = cloned(bare, tmp_path / "ci")
    result = since(ci, "origin/main")
    assert sorted(names(result)) == ["here", "there"]
    assert sorted(codes(one) for one in result.experiments) == [[], ["duplicate"]]
    late = next(one for one in result.experiments if not one.ok)
    assert late.nearest is not None
    assert late.nearest.experiment != late.row.experiment


def test_objects_have_to_be_on_the_remote(project: Project, tmp_path: Path) -> None:
    project.run("--name", "one")
    (alone,) = since(project, "main").experiments
    assert codes(alone) == ["object"]
    assert "no" in alone.problems[0].message
    (accepted,) = since(project, "main", allow_unpushed=True).experiments
    assert accepted.ok
    assert [problem.code for problem in accepted.problems] == ["object"]
    with_store(project, tmp_path / "store")
    (unpushed,) = since(project, "main~1").experiments
    assert codes(unpushed) == ["object"]
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    project.gitml("exp", "push")
    assert since(project, "main~1").ok
    shutil.rmtree(tmp_path / "store")
    (lost,) = since(project, "main~1").experiments
    assert "model.bin is not on the DVC remote store." in [p.message for p in lost.problems]


def test_every_file_of_a_stored_folder_has_to_be_on_the_remote(
    project: Project, tmp_path: Path
) -> None:
    project.write("data/a.csv", "1\n")
    project.write("data/b.csv", "2\n")
    subprocess.run(["dvc", "add", "-q", "data"], cwd=project.root, check=True)
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    with_store(project, tmp_path / "store")
    project.run("--name", "one")
    project.gitml("exp", "push")
    ci = cloned(bare, tmp_path / "ci")
    assert since(ci, "origin/main~1").ok
    digest = "26ab0db90d72e28ad0ba1e22ee510510"  # of "2\n"
    (tmp_path / "store/files/md5" / digest[:2] / digest[2:]).unlink()
    (found,) = since(ci, "origin/main~1").experiments
    assert codes(found) == ["object"]
    assert found.problems[0].message.startswith("The data data is not on")
    assert not list((ci.root / ".dvc/cache").rglob("*.dir"))
    assert not (ci.root / "data").exists()


def test_forbidden_pickles_and_partial_locks_are_refused(project: Project) -> None:
    project.write(
        "train.py",
        "import pickle, pathlib\n"
        "pathlib.Path('tokenizer.pkl').write_bytes(pickle.dumps({'a': object}))\n"
        "pathlib.Path('metrics.json').write_text('{\"accuracy\": 1}')\n",
    )
    project.run("--name", "one")
    assert since(project, "main", allow_unpushed=True).ok
    (open_lock,) = since(project, "main", allow_unpushed=True, require_lock=True).experiments
    assert codes(open_lock) == ["lock"]
    config = project.root / "gitml.yaml"
    config.write_text(config.read_text() + "pickles: forbid\n")
    (pickled,) = since(project, "main", allow_unpushed=True).experiments
    assert codes(pickled) == ["pickle"]
    hidden = artifact("tokenizer.pkl", unsafe=False)
    forge(project, "exp/main", "hidden", hidden)
    assert "pickle" in codes(judged(project, "hidden", allow_unpushed=True))


def test_a_partition_that_its_file_doesnt_have_is_refused(project: Project) -> None:
    project.write("split.csv", "id,part\n1,train\n2,train\n3,test\n")
    config = project.root / "gitml.yaml"
    config.write_text(config.read_text() + "partition: split.csv\n")
    project.run("--name", "one")
    assert since(project, "main", allow_unpushed=True).ok
    overlapping = b"id,part\n1,train\n1,test\n"
    for study, data in (("moved", b"id,part\n1,train\n2,test\n"), ("overlap", overlapping)):
        forge(project, "exp/main", study, files={"split.csv": data})
        assert codes(judged(project, study, allow_unpushed=True)) == ["duplicate", "partition"]


TUNING = """\
import json, pathlib, sys
import gitml
start, out, train, test = sys.argv[1:]
weights = pathlib.Path(start).read_bytes() if start != "none" else b""
gitml.log_split(train=train.split(","), test=test.split(","))
pathlib.Path(out).write_bytes(weights + bytes([0, 1, 255]) + train.encode())
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 0.5}))
"""


def test_what_an_ancestor_was_trained_on_tests_nothing(project: Project) -> None:
    project.write("tune.py", TUNING)
    project.run("--name", "base", "--", *["python", "tune.py", "none", "base.bin", "a,b,c", "d"])
    project.run(
        "--name", "leaf", "--", *["python", "tune.py", "base.bin", "leaf.bin", "x,y", "a,z"]
    )
    base, leaf = since(project, "main", allow_unpushed=True).experiments
    assert base.ok
    assert codes(leaf) == ["partition"]
    assert "1 of the 2 test examples of leaf were trained on by base" in leaf.problems[0].message
    listed = ".gitml/partition.csv"
    for study, data in (("moved", b"id,part\nx,train\nz,test\n"), ("gone", None)):
        forge(project, leaf.row.commit, study, files={listed: data})
        said = judged(project, study, allow_unpushed=True).problems
        assert any(listed in problem.message for problem in said)


def test_a_failed_experiment_is_a_warning(project: Project) -> None:
    failing = "import sys\nsys.exit(3)\n"
    project.write("train.py", failing)
    project.run("--name", "broken", "--keep-failed", status=3)
    (found,) = since(project, "main").experiments
    assert found.ok
    assert [problem.code for problem in found.problems] == ["failed"]


def test_names_that_are_no_text_are_sound(project: Project) -> None:
    project.write(
        "train.py",
        "import os\n"
        "open(os.fsdecode(b'text\\xff.txt'), 'w').write('a')\n"
        "open('back\\\\slash.txt', 'w').write('b')\n",
    )
    project.run("--name", "odd")
    (found,) = since(project, "main").experiments
    assert found.problems == ()


def test_lost_lines_and_unreadable_branches_are_errors(project: Project) -> None:
    project.run("--name", "one")
    project.run("--name", "two", "-S", "lr=0.5")
    project.gitml("exp", "list")
    project.git("update-ref", "refs/heads/exp/main", "exp/main~1")
    result = since(project, "main", allow_unpushed=True)
    assert [problem.code for problem in result.problems] == ["lost"]
    assert "two" in result.problems[0].message
    assert not result.ok
    assert since(project, "main", "main", allow_unpushed=True).problems == result.problems
    tree = project.git("rev-parse", "HEAD^{tree}")
    (project.root / ".git/refs/heads/exp/odd").write_text(f"{tree}\n")
    codes_found = [p.code for p in since(project, "main", allow_unpushed=True).problems]
    assert codes_found == ["branch", "lost"]
    project.gitml("check", "--since", "main", "--allow-unpushed", status=1)


def test_an_answer_is_told_to_people_scripts_and_ci(recorded: Project, tmp_path: Path) -> None:
    forge(recorded, "exp/main", "told", lambda r: r["metrics"].update(accuracy=0.999))
    arguments = ("check", "--since", "exp/told^1", "--study", "told")
    text = recorded.gitml(*arguments, status=1).stdout
    assert text.startswith("blocked: 1 of 1 experiment since exp/told^1 can't be accepted")
    assert "error (tree): two: accuracy is 0.875 in metrics.json, and the record says 0.999" in text
    document = recorded.json(*arguments, status=1)
    assert list(document) == ["since", "ok", "experiments", "problems", "champion", "notes"]
    (one,) = document["experiments"]
    assert {"code": "tree", "severity": "error"}.items() <= one["problems"][0].items()
    assert (one["experiment"], one["study"], one["ok"]) == ("two", "told", False)
    assert document["champion"]["best"]["experiment"] == "two"
    files = {"GITHUB_OUTPUT": tmp_path / "out", "GITHUB_STEP_SUMMARY": tmp_path / "summary"}
    env = {name: str(path) for name, path in files.items()}
    done = recorded.gitml(
        *arguments, "--github", "--dotenv", str(tmp_path / "env"), status=1, **env
    )
    lines = done.stdout.splitlines()
    assert all(line.startswith("::error title=gitml check") for line in lines)
    assert "GITML_RESULT=blocked\n" in (tmp_path / "env").read_text()
    assert "\nblocked\n" in (tmp_path / "out").read_text()
    assert "**What is wrong**" in (tmp_path / "summary").read_text()


def test_options_that_make_no_sense_together_are_refused(recorded: Project) -> None:
    for arguments in (
        ("--since", "main", "-S", "lr=1"),
        ("--since", "main", "--", "python", "x.py"),
        ("--since", "main", "--explain"),
        ("--require-lock",),
        ("--allow-unpushed",),
        ("--since", "main", "--level", "same"),
    ):
        done = recorded.gitml("check", *arguments, status=2)
        assert done.stdout == "" and "Traceback" not in done.stderr


def test_nothing_of_the_repository_runs(recorded: Project, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    clone = cloned(tmp_path_of(recorded) / "remote.git", tmp_path / "clone")
    hook = f"#!/bin/sh\ntouch {witness}\n"
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"):
        path = clone.root / ".git/hooks" / name
        path.write_text(hook)
        path.chmod(0o755)
    (clone.root / ".git/info/attributes").write_text("* filter=evil diff=evil\n")
    for key in ("filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv", "core.fsmonitor"):
        clone.git("config", key, f"touch {witness}; cat")
    clone.write("train.py", f"open({str(witness)!r}, 'w')\n")
    clone.gitml("check", "--since", "0" * 40)
    assert not witness.exists()


@pytest.mark.parametrize(
    "options",
    [("--depth", "1"), ("--filter=blob:none",), ("--filter=tree:0",), ("--single-branch",)],
    ids=["shallow", "blobless", "treeless", "one branch"],
)
def test_a_clone_that_lacks_things_fetches_what_is_looked_at(
    recorded: Project, tmp_path: Path, options: tuple[str, ...]
) -> None:
    clone = cloned(tmp_path_of(recorded) / "remote.git", tmp_path / "clone", *options)
    document = clone.json("check", "--since", "0" * 40)
    assert [one["experiment"] for one in document["experiments"]] == ["one", "two"]
    assert all(one["ok"] and not one["problems"] for one in document["experiments"])
    assert document["experiments"][1]["metrics"]["accuracy"] == 0.875
    assert document["champion"]["best"]["experiment"] == "two"
    shutil.move(tmp_path_of(recorded) / "remote.git", tmp_path / "gone")
    try:
        again = cloned(tmp_path / "gone", tmp_path / "again", *options)
        again.git("remote", "set-url", "origin", "file:///nowhere")
        done = again.gitml("check", "--since", "0" * 40, status=2)
        assert "could not be fetched" in done.stderr
    finally:
        shutil.move(tmp_path / "gone", tmp_path_of(recorded) / "remote.git")


def test_many_experiments_are_judged_quickly(tmp_path: Path) -> None:
    """A thousand older ones cost an index, not a comparison each."""
    import time

    from benchmarks.history_maker import make_experiments, new_repository

    repository = new_repository(tmp_path / "many")
    make_experiments(repository, 1000)
    project = Project(repository.root)
    project.gitml("exp", "list", "--limit", "1")
    began = time.monotonic()
    result = since(project, "exp/main~20", allow_unpushed=True)
    took = time.monotonic() - began
    assert len(result.experiments) == 20
    assert took < 20  # seconds, on any machine; about one on a small one


def test_unpushed_means_what_no_remote_has(project: Project, tmp_path: Path) -> None:
    shared(project, tmp_path)
    done = project.gitml("check", "--unpushed")
    assert done.stdout.startswith("passed: no experiment that no remote has")
    project.run("--name", "three", "-S", "lr=0.7")
    project.run("--name", "four", "-S", "lr=0.7", "--force")
    report = project.gitml("check", "--unpushed", "--allow-unpushed", "--json", status=1).stdout
    document = json.loads(report)
    assert document["since"] == ""
    assert {one["experiment"]: one["ok"] for one in document["experiments"]} == {
        "three": True,
        "four": False,
    }
    project.gitml("check", "--unpushed", "--since", "main", status=2)
    project.gitml("check", "--since", "", status=2)
