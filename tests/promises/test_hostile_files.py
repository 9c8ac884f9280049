"""Hostile pointers, links and records lead nobody out of the work tree."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.promises.refusals import BOMB, ESCAPE, assert_printable, git_with, refused

EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"

POINTERS = {
    "outside": "path: ../../etc/passwd",
    "absolute": "path: /etc/passwd",
    "into Git": "path: .git/config",
    "into Git on other systems": "path: .GIT/hooks/pre-commit",
    "into DVC": "path: .dvc/config",
    "through a link": "path: link/passwd",
    "through a link inside": "path: inner/train.py",
    "a backslash": r"path: a\b",
    "empty": "path: ''",
    "no path": "size: 3",
    "no digest": "md5: ../../x\n  path: y",
    "a negative size": "path: y\n  size: -1",
}


def test_pointers_that_lead_elsewhere_are_refused_before_anything_runs(project: Project) -> None:
    (project.root / "link").symlink_to("/etc")
    (project.root / "inner").symlink_to(".")
    for what, text in POINTERS.items():
        digest = "" if "md5" in text else f"  md5: {EMPTY_MD5}\n"
        project.write("x.dvc", f"outs:\n- {text}\n{digest}  hash: md5\n")
        assert "x.dvc" in refused(project, "exp", "run"), what
    project.write("x.dvc", f"wdir: ../..\nouts:\n- md5: {EMPTY_MD5}\n  path: y\n")
    refused(project, "exp", "run")
    for text in (BOMB, "outs: 3", "- 1", "", "outs:\n- 3\n", "outs: !!python/name:os.abort"):
        project.write("x.dvc", text)
        assert "x.dvc" in refused(project, "exp", "run")
    project.write("x.dvc", "a" * 2_000_000)
    project.git("add", "x.dvc")
    assert "x.dvc" in refused(project, "exp", "run")


def test_a_folder_object_with_a_way_out_restores_nothing(project: Project) -> None:
    project.write(
        "train.py",
        "import os\nos.makedirs('model', exist_ok=True)\n"
        "open('model/w.bin', 'wb').write(bytes(9))\n",
    )
    project.write("gitml.yaml", "command: python train.py\noutputs: {weights: [model]}\n")
    project.run("--name", "honest")
    record = project.json("exp", "show", "honest")
    (digest,) = [item["digest"] for item in record["artifacts"] if item["path"] == "model"]
    place = project.root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    (member,) = json.loads(place.read_bytes())
    for path in ("../x", "/tmp/x", ".git/config", "a/../../x", "", "w\\..\\x"):
        evil = json.dumps([{"md5": member["md5"], "relpath": path}]).encode()
        place.chmod(0o644)
        place.write_bytes(evil)
        project.write("model/w.bin", "changed")
        project.write("train.py", "# changed and committed\n")
        project.git("commit", "-qam", "change", "--allow-empty")
        said = refused(project, "exp", "apply", "honest")
        assert "model" in said or digest in said
        assert (project.root / "train.py").read_text() == "# changed and committed\n"
        project.git("reset", "-q", "--hard", "HEAD^")
    assert not (project.root.parent / "x").exists()


def test_links_are_recorded_as_links_and_never_followed(project: Project, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("root:x:0:0")
    (project.root / "to_file").symlink_to(secret)
    (project.root / "to_folder").symlink_to(tmp_path)
    (project.root / "broken").symlink_to("nowhere")
    (project.root / "loop").symlink_to("loop")
    project.write(
        "train.py",
        "import os, pathlib\n"
        f"os.symlink({str(secret)!r}, 'out.txt')\n"
        f"os.symlink({str(secret)!r}, 'out.bin')\n"
        f"os.symlink({str(secret)!r}, 'model.pt')\n"
        "os.makedirs('plots', exist_ok=True)\n"
        f"os.symlink({str(secret)!r}, 'plots/p.png')\n"
        "os.mkfifo('pipe')\n",
    )
    done = project.run("--name", "linked")
    tree = {
        line.split("\t")[1]: line.split()[0]
        for line in project.git("ls-tree", "-r", "exp/main").splitlines()
    }
    for name in ("to_file", "to_folder", "broken", "loop"):
        assert tree[name] == "120000"
    assert project.git("cat-file", "-p", "exp/main:to_file") == str(secret)
    assert any("out.txt" in warning for warning in done["warnings"])
    everything = project.git("log", "-p", "--format=%B", "exp/main")
    assert "root:x:0:0" not in everything
    for folder, _, names in os.walk(project.root / ".dvc/cache"):
        for name in names:
            assert b"root:x:0:0" not in Path(folder, name).read_bytes()
    assert secret.read_text() == "root:x:0:0"


def test_apply_never_writes_through_a_link(project: Project, tmp_path: Path) -> None:
    project.write("sub/file.txt", "recorded")
    project.write(
        "train.py",
        "import os\nos.makedirs('out', exist_ok=True)\nopen('out/m.bin','wb').write(bytes(9))\n",
    )
    project.run("--name", "one")
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("sub", "out"):
        for path in (project.root / name).iterdir():
            path.unlink()
        (project.root / name).rmdir()
        (project.root / name).symlink_to(outside)
    done = project.gitml("exp", "apply", "one", status=None)
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    assert list(outside.iterdir()) == []


def _forge(project: Project, **changes: object) -> str:
    """Put an experiment whose record was tampered with in the place of the last one."""
    honest = project.git("rev-parse", "exp/main")
    record = json.loads(project.git("show", f"{honest}:.gitml/experiment.json"))
    message = project.git("log", "-1", "--format=%B", honest)
    data = changes.pop("data", None)
    more = changes.pop("artifacts", ())
    record.update(changes)
    record["artifacts"] += more
    text = json.dumps(record) if data is None else str(data)
    index = {"GIT_INDEX_FILE": str(project.root / ".git/forged")}
    blob = git_with(project, text, "hash-object", "-w", "--stdin")
    git_with(project, "", "read-tree", honest, **index)
    info = f"100644,{blob},.gitml/experiment.json"
    git_with(project, "", "update-index", "--cacheinfo", info, **index)
    tree = git_with(project, "", "write-tree", **index)
    message = message.replace("honest", str(changes.get("name", "forged")))
    forged = git_with(project, message, "commit-tree", tree, "-p", f"{honest}^1", "-p", "HEAD")
    project.git("update-ref", "refs/heads/exp/main", forged)
    return forged


FORGED: dict[str, dict[str, object]] = {
    "no JSON": {"data": "{"},
    "empty": {"data": ""},
    "deep": {"data": '{"a":' * 50_000},
    "a list": {"data": "[]"},
    "a newer version": {"schema": 999},
    "an escape in its name": {"name": f"a{ESCAPE}b"},
    "metrics of another kind": {"metrics": {"accuracy": [1, 2]}},
    "wide numbers": {"metrics": {"accuracy": 10**400}, "params": {"lr": -(10**30)}},
    "a path out of the tree": {
        "artifacts": [
            {
                "path": "../evil.txt",
                "role": "metrics",
                "storage": "git",
                "digest": "HEAD",
                "size": 1,
            }
        ]
    },
    "a pointer out of the tree": {
        "artifacts": [
            {"path": "../e", "role": "weights", "storage": "dvc", "digest": "0" * 32, "size": 1}
        ]
    },
    "a digest that is a path": {
        "artifacts": [
            {"path": "e", "role": "weights", "storage": "dvc", "digest": "../../etc", "size": 1}
        ]
    },
    "an object id that is an option": {
        "artifacts": [
            {"path": "e", "role": "plot", "storage": "git", "digest": "-x\nHEAD", "size": 1}
        ]
    },
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_record_harms_nobody(project: Project, what: str) -> None:
    project.run("--name", "honest")
    forged = _forge(project, **FORGED[what])
    before = set(project.root.parent.iterdir())
    for command in (
        ("exp", "list"), ("exp", "show", forged), ("exp", "diff", "latest", forged),
        ("exp", "apply", forged), ("exp", "run", "--on-duplicate", "restore"),
        ("exp", "run", "-S", "lr=0.4", "--name", "next"),
    ):  # fmt: skip
        done = project.gitml(*command, status=None)
        assert done.returncode in (0, 1, 2), (command, done.stderr)
        assert "Traceback" not in done.stderr
        assert_printable(done.stdout)
        assert_printable(done.stderr)
    assert set(project.root.parent.iterdir()) == before
    assert "next" in {row["experiment"] for row in project.json("exp", "list", "--all")}


def test_a_tree_that_leads_into_git_is_never_written(project: Project) -> None:
    project.run("--name", "honest")
    honest = project.git("rev-parse", "exp/main")
    message = project.git("log", "-1", "--format=%B", honest)
    blob = git_with(project, "owned", "hash-object", "-w", "--stdin")
    hooks = git_with(project, f"100755 blob {blob}\tpost-checkout\n", "mktree")
    inner = git_with(project, f"040000 tree {hooks}\thooks\n", "mktree")
    listed = project.git("ls-tree", honest)
    for name in (".git", ".GIT", "git~1", ".g\u200cit", ".."):
        tree = git_with(project, f"{listed}\n040000 tree {inner}\t{name}\n", "mktree")
        forged = git_with(project, message, "commit-tree", tree, "-p", honest)
        project.git("update-ref", "refs/heads/exp/main", forged)
        refused(project, "exp", "apply", forged)
        assert not (project.root / ".git/hooks/post-checkout").exists()
        project.git("update-ref", "refs/heads/exp/main", honest)
