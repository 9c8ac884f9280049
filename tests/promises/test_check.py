"""What `gitml check` tells people, scripts, pull requests and CI systems."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.promises.forging import RECORD, reforge
from tests.promises.repositories import cloned, made, shared


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two pushed experiments on main; a branch brings the winner's settings, squashed into main."""
    top = tmp_path_factory.mktemp("check")
    project = made(top / "project")
    shared(project, top)
    project.git("push", "-q", "origin", "main")
    project.git("switch", "-qc", "winner")
    project.gitml("exp", "apply", "main:two", "--commit")
    project.git("switch", "-q", "main")
    project.git("merge", "-q", "--squash", "winner")
    project.git("commit", "-qm", "Bring the winner (#1)")
    project.git("push", "-q", "origin", "main", "winner")
    return project


def bare_of(project: Project) -> Path:
    return project.root.parent / "remote.git"


def outputs_in(file: Path) -> dict[str, str]:
    """Read an output file as GitHub's runner does."""
    found = {}
    lines = iter(file.read_text().splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        value = []
        while (part := next(lines)) != end:
            value.append(part)
        found[name] = "\n".join(value)
    return found


def variables_in(file: Path) -> dict[str, str]:
    """Read a dotenv report as GitLab does."""
    pairs = (line.partition("=") for line in file.read_text().splitlines())
    return {name: value for name, _, value in pairs}


def test_a_repeat_blocks_or_is_skipped(recorded: Project) -> None:
    blocked = recorded.json("check", "-S", "lr=0.1", status=1)
    assert (blocked["result"], blocked["blocked"], blocked["duplicate"]) == ("blocked", True, True)
    skipped = recorded.json("check", "-S", "lr=0.1", "--on-duplicate", "skip")
    assert (skipped["result"], skipped["blocked"], skipped["duplicate"]) == ("skipped", False, True)
    assert skipped["nearest"]["experiment"] == "one"
    assert skipped["nearest"]["metrics"]["accuracy"] == pytest.approx(0.271)
    text = recorded.gitml("check", "-S", "lr=0.1", "--on-duplicate", "skip").stdout
    assert text.startswith("skipped: identical, recorded by one")
    assert "--force" not in text
    fresh = recorded.json("check", "-S", "lr=0.9", "--on-duplicate", "skip")
    assert (fresh["result"], fresh["duplicate"]) == ("passed", False)


def test_the_document_keeps_its_keys(recorded: Project) -> None:
    document = recorded.json("check", "-S", "lr=0.9")
    assert {"level", "blocked", "nearest", "differences", "duplicate", "notes"} <= set(document)
    (difference,) = document["differences"]
    assert {"input": "settings", "name": "lr", "planned": 0.9}.items() <= difference.items()


@pytest.mark.parametrize(
    "options", [(), ("--depth", "1"), ("--filter=blob:none",)], ids=["full", "shallow", "partial"]
)
@pytest.mark.parametrize("branch", ["main", "winner"])
def test_a_pull_request_with_the_winning_settings_shows_what_they_scored(
    recorded: Project, tmp_path: Path, options: tuple[str, ...], branch: str
) -> None:
    ci = cloned(bare_of(recorded), tmp_path / "ci", "-b", branch, *options)
    env = {"GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_STEP_SUMMARY": str(tmp_path / "sum")}
    ci.gitml("check", "--github", "--on-duplicate=skip", "--dotenv=report.env", **env)
    found = outputs_in(tmp_path / "out")
    assert found["result"] == "skipped"
    assert found["duplicate"] == "true"
    assert found["level"] == "identical"
    assert found["experiment"] == "two"
    assert found["commit"] == recorded.git("rev-parse", "exp/main")
    assert json.loads(found["metrics"]) == {"accuracy": 0.875, "loss": 0.125}
    summary = (tmp_path / "sum").read_text()
    assert "The work tree is that of `two`" in summary
    assert "| **`accuracy`** | 0.271 | 0.875 | +0.604 | ▲ better |" in summary
    assert "gitml exp apply two" in summary
    variables = variables_in(ci.root / "report.env")
    assert {name.removeprefix("GITML_").lower(): v for name, v in variables.items()} == found
    (ci.root / "report.env").unlink()
    assert ci.git("status", "--porcelain") == ""


def test_the_record_in_the_tree_is_not_what_is_believed(recorded: Project, tmp_path: Path) -> None:
    ci = cloned(bare_of(recorded), tmp_path / "ci")
    file = ci.root / RECORD
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "metrics": {"accuracy": 0.9999}}))
    document = ci.json("check", status=1)
    assert document["applied"]["metrics"]["accuracy"] == 0.875
    assert any("is not what was recorded as two" in note for note in document["notes"])
    file.write_text(json.dumps({**record, "name": "nobody"}))
    document = ci.json("check", status=1)
    assert document["applied"] is None
    assert any("no study here has" in note for note in document["notes"])
    for data in ("{", "", "[" * 100_000, '{"name": 7}'):
        file.write_text(data)
        document = ci.json("check", status=1)
        assert document["nearest"]["experiment"] == "two"


def test_settings_that_changed_since_they_were_applied_are_planned_anew(
    recorded: Project, tmp_path: Path
) -> None:
    ci = cloned(bare_of(recorded), tmp_path / "ci")
    ci.write("params.yaml", "lr: 0.7\nseed: 1\n")
    document = ci.json("check")
    assert (document["level"], document["applied"]) == ("near", None)
    ci.write("params.yaml", "lr: 0.5\nseed: 9\n")
    document = ci.json("check")
    assert document["level"] == "replicate"
    assert document["applied"]["experiment"] == "two"


def test_of_several_that_are_the_same_the_applied_one_is_named(project: Project) -> None:
    project.run("--name", "first")
    project.run("--name", "second", "--force")
    for name in ("first", "second"):
        project.gitml("exp", "apply", name, "--commit")
        document = project.json("check", status=1)
        assert document["nearest"]["experiment"] == name
        assert document["applied"]["experiment"] == name


def test_a_trailer_names_the_origin_where_the_record_was_left_out(project: Project) -> None:
    project.run("--name", "first")
    project.run("--name", "second", "--force")
    project.gitml("exp", "apply", "first", "--commit")
    message = project.git("log", "-1", "--format=%B")
    project.git("rm", "-rq", ".gitml")
    project.git("commit", "-q", "--amend", "-m", message)
    assert project.json("check", status=1)["applied"]["experiment"] == "first"


def test_markdown_names_the_champion(recorded: Project) -> None:
    text = recorded.gitml("check", "--md", "-S", "lr=0.1", status=1).stdout
    assert text.startswith("<!-- gitml check -->\n\n### gitml check: blocked\n")
    assert "`two` is the best of the others by `accuracy` (max)" in text
    assert "| **`accuracy`** | 0.875 | 0.271 | -0.604 | ▼ worse |" in text
    near = recorded.gitml("check", "--md", "-S", "lr=0.7").stdout
    assert "### gitml check: passed" in near
    assert "| `settings` | `lr` | 0.5 | 0.7 |  |" in near
    assert "gitml exp apply" not in near


def test_annotations_are_all_that_github_reads(recorded: Project, tmp_path: Path) -> None:
    done = recorded.gitml("check", "--github", "-S", "lr=0.1", status=1)
    assert done.stdout.startswith(
        "::error title=gitml check%3A blocked::identical: recorded by one"
    )
    assert all(line.startswith("::") for line in done.stdout.splitlines())
    assert done.stderr == ""
    env = {"GITHUB_OUTPUT": str(tmp_path / "out")}
    wrong = recorded.gitml("check", "--github", "-S", "nothing=1", status=2, **env)
    assert wrong.stdout.startswith("::error title=gitml check::")
    assert outputs_in(tmp_path / "out")["result"] == "error"
    recorded.gitml("check", "--dotenv", str(tmp_path / "env"), "-S", "nothing=1", status=2)
    assert variables_in(tmp_path / "env")["GITML_RESULT"] == "error"


def test_a_report_that_cant_be_written_fails_closed(recorded: Project, tmp_path: Path) -> None:
    for arguments, env in (
        (("--dotenv", str(tmp_path / "none/report.env")), {}),
        (("--github",), {"GITHUB_OUTPUT": str(tmp_path)}),
    ):
        done = recorded.gitml("check", "-S", "lr=0.9", *arguments, status=2, **env)
        assert "can't be written" in done.stderr
        assert "Traceback" not in done.stderr


def test_names_and_metrics_that_somebody_pushed_command_nobody(
    project: Project, tmp_path: Path
) -> None:
    project.run("--name", "one")
    evil = "x\n::set-env name=A::b\r\n$(touch owned) `id` @everyone <img src=x> | a"

    def hostile(record: dict[str, object]) -> None:
        record["name"] = evil
        record["metrics"] = {evil: 1.0, "accuracy": evil, "$(id)": "`id`", "'\"; id #": float(2)}

    commit = reforge(project, "exp/main", "main", hostile)
    env = {"GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_STEP_SUMMARY": str(tmp_path / "sum")}
    done = project.gitml(
        "check", "--github", "--on-duplicate=skip", "--dotenv", str(tmp_path / "env"), **env
    )
    assert all(line.startswith("::notice title=") for line in done.stdout.splitlines())
    assert "\n::set-env" not in done.stdout + done.stderr
    found = outputs_in(tmp_path / "out")
    assert set(found) == {"result", "duplicate", "level", "experiment", "commit", "metrics"}
    assert found["experiment"] == found["commit"] == commit
    assert json.loads(found["metrics"])[evil] == 1.0
    assert not set(found["metrics"]) & set("$`'&;|<>() \n@#!*?~")
    report = (tmp_path / "env").read_text()
    assert len(report.splitlines()) == len(found)
    assert len(report) < 5_000
    shell = f"set -a; . {tmp_path / 'env'}; touch {tmp_path / 'read'}"
    subprocess.run(["sh", "-c", shell], cwd=tmp_path, check=True)
    assert not (tmp_path / "owned").exists()
    summary = (tmp_path / "sum").read_text()
    assert summary.count("\n### ") == 1


def test_a_study_is_chosen(project: Project) -> None:
    project.run("--name", "here")
    project.run("--name", "there", "--study", "sweep", "-S", "lr=0.4")
    assert project.json("check", "-S", "lr=0.7")["nearest"]["experiment"] == "here"
    found = project.json("check", "-S", "lr=0.7", "--study", "sweep")
    assert found["nearest"]["experiment"] == "there"


def test_a_slip_in_the_command_is_said(project: Project) -> None:
    for command, missing in (
        (("python", "trian.py"), "trian.py"),
        (("nosuchprogram",), "nosuchprogram"),
        (("./missing.sh",), "./missing.sh"),
    ):
        done = project.gitml("check", "--", *command)
        assert missing in done.stderr and "is the command right?" in done.stderr
    for command in (("python", "train.py"), ("python", "-m", "json.tool"), ("sh", "-c", "true")):
        assert "is the command right?" not in project.gitml("check", "--", *command).stderr
