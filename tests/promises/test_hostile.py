"""Hostile names and texts end in a clear error or in success, and nothing is written elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.promises.refusals import (
    BOMB,
    ESCAPE,
    RIGHT_TO_LEFT,
    assert_printable,
    files_of,
    refused,
)

NAMES = [
    "-x", "--output=x", "a\nb", f"a{ESCAPE}b", f"{RIGHT_TO_LEFT}abc", "../x", "x.lock", "HEAD",
    "a;rm -rf .", "x" * 10_000, ".hidden", "a..b", "a@{1}", "latest", "best", "café",
]  # fmt: skip


@pytest.mark.parametrize("option", ["--name", "--study"])
def test_names_that_could_be_anything_else_are_refused(project: Project, option: str) -> None:
    for name in [*NAMES, "--upload-pack=x"]:
        if option == "--study" and name in ("latest", "best"):
            continue
        refused(project, "exp", "run", option, name)


def test_a_name_that_looks_like_an_option_is_never_one_for_git(project: Project) -> None:
    project.run("--name", "first")
    for command in ("show", "apply"):
        for name in (
            "-x",
            "--output=x",
            f"{ESCAPE}x",
            "@{-1}",
            ":/begin",
            "x" * 5000,
            "HEAD^{tree}",
        ):
            refused(project, "exp", command, "--", name)
        refused(project, "exp", command, "--output=x")
    refused(project, "exp", "diff", "--", "--output=x", "--no-index")
    refused(project, "exp", "diff", "--ext-diff")
    for name in ("--upload-pack=touch x", "ext::sh -c touch% x"):
        refused(project, "exp", "pull", "--remote", name)
        refused(project, "exp", "push", "--remote", name)
        refused(project, "exp", "push", "--", name)
    refused(project, "exp", "list", "--study=--output=x")
    assert not (project.root / "x").exists()


def test_parameters_of_every_kind_are_shown_without_their_escapes(project: Project) -> None:
    values = {f"k\n{ESCAPE}{RIGHT_TO_LEFT}": 1, "v": f"x\ny{ESCAPE}{RIGHT_TO_LEFT}", "empty": ""}
    project.write("params.yaml", json.dumps({"lr": 0.1, "seed": 1, **values}))
    project.write("train.py", f"import json\njson.dump({values!r}, open('metrics.json', 'w'))\n")
    done = project.run("--name", "odd")
    assert done["params"] == {"lr": 0.1, "seed": 1, **values}
    assert done["metrics"] == values
    message = project.git("log", "-1", "--format=%B", "exp/main")
    assert_printable(message)
    assert message.count("Gitml-Experiment: ") == 1
    project.run("--name", "other", "-S", "v=z")
    for command in ("list", "list --md", "list --csv", "show odd", "diff odd other"):
        shown = project.gitml("exp", *command.split())
        assert_printable(shown.stdout)
        assert_printable(shown.stderr)
    assert {row["experiment"] for row in project.json("exp", "list")} == {"odd", "other"}


def test_a_value_cannot_forge_a_trailer(project: Project) -> None:
    forged = "1\n\nGitml-Experiment: forged\nGitml-Fingerprint: sha256:00\n"
    project.write("params.yaml", json.dumps({"lr": 0.1, "seed": 1, "note": forged}))
    project.write("train.py", "print('loss: 0.5')\n")
    real = project.run("--name", "real")
    assert [row["experiment"] for row in project.json("exp", "list", "--all")] == ["real"]
    assert project.json("exp", "show", "real")["fingerprint"] == real["fingerprint"]


def test_output_files_with_odd_names_are_recorded_under_them(project: Project) -> None:
    names = ["-rf.txt", "--output=x.txt", f"a\nb{ESCAPE}.txt", f"{RIGHT_TO_LEFT}.txt", " lead.txt",
             "ü ß#!*.bin", "line\nbreak.bin", '"quoted".txt', "tab\t.txt"]  # fmt: skip
    project.write(
        "train.py",
        f"import pathlib\nfor name in {names!r}:\n"
        "    binary = name.endswith('.bin')\n"
        "    pathlib.Path(name).write_bytes(bytes(9) if binary else b'text')\n",
    )
    project.run("--name", "odd")
    listed = project.git("ls-tree", "-r", "-z", "--name-only", "exp/main").split("\0")
    assert {f"{name}.dvc" if name.endswith(".bin") else name for name in names} <= set(listed)
    shown = project.gitml("exp", "show", "odd")
    assert_printable(shown.stdout)
    for name in names:
        (project.root / name).unlink()
    project.gitml("exp", "apply", "odd")
    assert set(names) <= files_of(project)
    assert (project.root / "line\nbreak.bin").read_bytes() == bytes(9)


def test_a_name_that_is_not_utf_8_is_kept_in_git_and_said_to_be_none_for_dvc(
    project: Project,
) -> None:
    project.write(
        "train.py",
        "open(b'text\\xff.txt', 'w').write('x')\nopen(b'bin\\xff.bin', 'wb').write(bytes(9))\n",
    )
    done = project.gitml("exp", "run", "--name", "odd")
    assert "bin" in done.stderr and "UTF-8" in done.stderr
    assert_printable(done.stderr)
    names = subprocess.run(
        ["git", "ls-tree", "-r", "-z", "--name-only", "exp/main"],
        cwd=project.root, capture_output=True, check=True,
    ).stdout.split(b"\0")  # fmt: skip
    assert b"text\xff.txt" in names
    assert not [name for name in names if name.startswith(b"bin")]
    (project.root / os.fsdecode(b"text\xff.txt")).unlink()
    project.gitml("exp", "apply", "odd")
    assert (project.root / os.fsdecode(b"text\xff.txt")).exists()


PARAMS = {
    "an alias bomb": BOMB,
    "too deep": "lr: " + "[" * 5000 + "]" * 5000,
    "a key twice": "lr: 1\nlr: 2\n",
    "a Python tag": "lr: !!python/object/apply:os.system ['touch owned']\n",
    "5000 digits": "lr: " + "9" * 5000,
    "5000 hexadecimal digits": "lr: 0x" + "f" * 5000,
    "too large": "lr: 1\n" + "#" * 2_000_000,
    "not a mapping": "- 1\n- 2\n",
    "two documents": "lr: 1\n---\nlr: 2\n",
    "an unhashable key": "? [a, b]\n: 3\n",
    "cut off": "lr: '",
    "not UTF-8": b"lr: \xff\xfe\n",
    "an undefined alias": "lr: *x\n",
}


def test_parameter_files_that_nobody_could_read_are_refused(project: Project) -> None:
    for what, text in PARAMS.items():
        data = text if isinstance(text, bytes) else text.encode()
        (project.root / "params.yaml").write_bytes(data)
        assert "params.yaml" in refused(project, "exp", "run"), what
    assert "params.yaml" in refused(project, "check")
    (project.root / "params.yaml").unlink()
    for name, text in {
        "deep.json": "[" * 100_000,
        "twice.json": '{"a": 1, "a": 2}',
        "digits.json": '{"a": ' + "9" * 5000 + "}",
        "large.json": '{"a": 1e400}',
        "half.json": '{"a": "\\ud800"}',
        "deep.toml": "a = " + "[" * 5000 + "]" * 5000,
        "digits.toml": "a = " + "9" * 5000,
        "hexadecimal.toml": "a = 0x" + "f" * 5000,
    }.items():
        project.write(name, text)
        project.write("gitml.yaml", f"command: python train.py\nparams: [{name}]\n")
        assert name in refused(project, "exp", "run")


def test_a_configuration_that_nobody_could_read_isrefused(project: Project) -> None:
    for what, text in PARAMS.items():
        data = text if isinstance(text, bytes) else text.encode()
        (project.root / "gitml.yaml").write_bytes(data)
        assert "gitml.yaml" in refused(project, "check"), what
    assert not (project.root / "owned").exists()


def test_overrides_that_make_no_sense_are_refused(project: Project) -> None:
    for override in (
        "lr", "=1", "lrr=0.2", "lr.x=1", "lr=[" * 500, "lr=" + "9" * 5000,
        "lr=!!python/name:os.system", "+lr.a.b=1", f"{ESCAPE}=1", "__class__=1",
    ):  # fmt: skip
        refused(project, "exp", "run", "-S", override)


METRICS = {
    "5000 digits": '{"a": ' + "9" * 5000 + "}",
    "too deep": "[" * 100_000,
    "deep and whole": '{"a": ' * 5000 + "1" + "}" * 5000,
    "a key twice": '{"a": 1, "a": 2}',
    "half a surrogate pair": '{"\\ud800": 1}',
    "cut off": '{"a": 1',
    "not UTF-8": b"\xff\xfe",
    "very many": "{" + ",".join(f'"k{number}": 1' for number in range(100_000)) + "}",
    "not measurements": '"text"',
    "too large": '{"a": 1e400}',
}


def test_metrics_that_nobody_could_read_cost_no_training(project: Project) -> None:
    project.write(
        "train.py",
        "import pathlib, shutil\nshutil.copyfile('source', 'metrics.json')\n",
    )
    for what, text in METRICS.items():
        (project.root / "source").write_bytes(text if isinstance(text, bytes) else text.encode())
        done = project.run("--force")
        assert done["status"] == "completed", what
        assert any("metrics.json" in warning for warning in done["warnings"]), what
        assert not any(str(project.root) in warning for warning in done["warnings"])
        assert all(len(warning) < 300 for warning in done["warnings"])
    assert len(project.json("exp", "list")) == len(METRICS)


def test_a_sitecustomize_that_exists_already_works_as_before(
    project: Project, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "sitecustomize.py").write_text("import builtins\nbuiltins.theirs = 'works'\n")
    project.write("other.py", "x = 1\n")
    project.write(
        "train.py",
        "import builtins, json, other, sys\n"
        "import sitecustomize\n"
        "assert sitecustomize.theirs_too if hasattr(sitecustomize, 'theirs_too') else True\n"
        "json.dump({'theirs': builtins.theirs}, open('metrics.json', 'w'))\n",
    )
    root = str(Path(__file__).parents[2])
    done = project.run("--name", "both", PYTHONPATH=f"{root}{os.pathsep}{theirs}")
    assert done["metrics"] == {"theirs": "works"}
    code = project.json("exp", "show", "both")["inputs"]["code"]
    assert code["observed"] is True
    assert "other.py" in code["modules"]


def test_a_sitecustomize_that_fails_fails_as_it_would_alone(
    project: Project, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "sitecustomize.py").write_text("raise RuntimeError('theirs is broken')\n")
    root = str(Path(__file__).parents[2])
    path = f"{root}{os.pathsep}{theirs}"
    alone = subprocess.run(
        [sys.executable, "train.py"], cwd=project.root, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    done = project.gitml("exp", "run", "--name", "broken", status=None, PYTHONPATH=path)
    assert "theirs is broken" in done.stdout + done.stderr
    assert done.returncode == alone.returncode == 0
    assert project.json("exp", "show", "broken")["inputs"]["code"]["observed"] is True


def test_a_giant_log_and_a_line_without_end_are_recorded(project: Project) -> None:
    project.write(
        "train.py",
        "import sys\n"
        "sys.stdout.write('x' * 3_000_000)\n"
        "sys.stdout.write('\\n' + 'loss: ' * 100_000 + '0.5\\n')\n"
        "sys.stdout.buffer.write(bytes(range(256)) * 100)\n"
        f"print('{ESCAPE}]0;title\\x07 loss: 0.25')\n",
    )
    done = subprocess.run(
        [sys.executable, "-m", "gitml", "exp", "run", "--name", "loud"],
        cwd=project.root, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0
    assert bytes(range(256)) in done.stdout
    assert_printable(project.gitml("exp", "show", "loud").stdout)


def test_closed_standard_output_is_no_error(project: Project) -> None:
    for number in range(3):
        project.run("-S", f"seed={number}")
    for command in ("list", "show latest", "list --json"):
        done = subprocess.run(
            f"{sys.executable} -m gitml exp {command} | head -c 1",
            shell=True, cwd=project.root, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        assert "Traceback" not in done.stderr and "Broken pipe" not in done.stderr
    done = subprocess.run(
        f"{sys.executable} -m gitml exp run -S lr=0.7 --name piped | true",
        shell=True, cwd=project.root, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "piped" in {row["experiment"] for row in project.json("exp", "list")}


def test_a_configuration_that_points_elsewhere_reads_and_writes_nothing_there(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "outside.yaml").write_text("lr: 0.1\n")
    for line in (
        "params: [../outside.yaml]", "params: [/etc/hostname]", "params: [--x.yaml]",
        "partition: ../outside.yaml", "outputs: {weights: [../outside.yaml]}",
        "outputs: {metrics: [/etc/hostname]}", "outputs: {weights: [.git]}",
        "outputs: {scrape: '(a+)+$'}", "outputs: {scrape: '('}", "large: -1", "large: 1e400 GB",
        "metrics: {a: {goal: up}}", "code: {inert: ['[']}", "data: ['../../..']",
    ):  # fmt: skip
        project.write("gitml.yaml", f"command: python train.py\n{line}\n")
        done = project.gitml("exp", "run", "--force", status=None)
        assert done.returncode in (0, 2), (line, done.stderr)
        assert "Traceback" not in done.stderr and "bug" not in done.stderr, (line, done.stderr)
        if done.returncode == 2:
            assert len(done.stderr.splitlines()) <= 2
    assert (tmp_path / "outside.yaml").read_text() == "lr: 0.1\n"
    assert {path.name for path in tmp_path.iterdir()} == {"outside.yaml", "project"}


def test_a_parameter_file_that_is_a_link_is_not_written_through(
    project: Project, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("lr: 0.1\nseed: 1\n")
    (project.root / "params.yaml").unlink()
    (project.root / "params.yaml").symlink_to(outside)
    done = project.gitml("exp", "run", "-S", "lr=0.5", status=None)
    assert done.returncode in (0, 2) and "Traceback" not in done.stderr
    assert outside.read_text() == "lr: 0.1\nseed: 1\n"
    assert (project.root / "params.yaml").is_symlink()
