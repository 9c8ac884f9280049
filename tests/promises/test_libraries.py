"""Library identity, the project's own lock, and drift between the two: real environments."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.pylock import Pylock

from tests.conftest import Project
from tests.promises.small_project import install, use

TRAIN = """\
import json
import numbers_lib
with open("metrics.json", "w") as file:
    json.dump({"score": numbers_lib.VALUE}, file)
open("ran", "a").write("x")
"""
VALUE = "VALUE = 1\n"
COMMITS = ["a" * 40, "b" * 40]


def environment_at(folder: Path, **versions: str) -> Path:
    """Make a virtual environment without gitml or pip, with distributions of one module each."""
    subprocess.run(
        [sys.executable, "-I", "-m", "venv", "--without-pip", folder],
        check=True,
        capture_output=True,
    )
    for name, version in versions.items():
        install(folder, name, version, VALUE)
    return folder


def uv_lock(**versions: str) -> str:
    """Return a `uv.lock` of a project that needs some distributions, with hashes."""
    edges = "".join(f'    {{ name = "{name.replace("_", "-")}" }},\n' for name in versions)
    text = (
        'version = 1\nrequires-python = ">=3.10"\n\n[[package]]\nname = "app"\nversion = "1"\n'
        f'source = {{ virtual = "." }}\ndependencies = [\n{edges}]\n'
    )
    for name, version in versions.items():
        text += (
            f'\n[[package]]\nname = "{name.replace("_", "-")}"\nversion = "{version}"\n'
            'source = { registry = "https://index.example/simple" }\nwheels = [\n'
            f'    {{ url = "https://files.example/{name}-{version}-py3-none-any.whl", '
            f'hash = "sha256:{"c" * 64}", size = 9 }},\n]\n'
        )
    return text


def from_git(environment: Path, name: str, commit: str) -> None:
    """Make a distribution one that was installed from a commit."""
    (info,) = environment.glob(f"lib/python3*/site-packages/{name}-*.dist-info")
    about = {"url": "https://host.example/x", "vcs_info": {"vcs": "git", "commit_id": commit}}
    (info / "direct_url.json").write_text(json.dumps(about))
    (info / "METADATA").touch()
    info.touch()


@pytest.fixture
def training(tmp_path: Path) -> Path:
    return environment_at(tmp_path / "training", numbers_lib="1.0", black="24.1")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    made = Project(root)
    made.git("init", "-q")
    made.write("train.py", TRAIN)
    made.write("params.yaml", "lr: 0.1\nseed: 1\n")
    made.write("gitml.yaml", "command: python train.py\noutputs: {other: [ran]}\n")
    made.write("uv.lock", uv_lock(numbers_lib="1.0"))
    made.gitml("init")
    made.git("add", "-A")
    made.git("commit", "-qm", "begin")
    return made


def record(project: Project, name: str) -> dict[str, Any]:
    found: dict[str, Any] = project.json("exp", "show", name)
    return found


def test_an_environment_as_locked_is_run_without_a_word(project: Project, training: Path) -> None:
    done = project.gitml("exp", "run", "--strict-lock", "--name", "base", **use(training))
    assert "uv.lock" not in done.stderr
    shown = record(project, "base")
    assert not shown.get("warnings")
    assert shown["libraries"]["packages"] == {"black": "24.1", "numbers-lib": "1.0"}
    assert shown["inputs"]["libraries"]["imported"] == {"numbers-lib": "1.0"}


def test_drift_is_said_before_the_run_and_recorded(project: Project, training: Path) -> None:
    install(training, "numbers_lib", "1.0+cpu", VALUE)
    project.write("uv.lock", uv_lock(numbers_lib="1.0", gone="3", more="4"))
    done = project.gitml("exp", "run", "--name", "base", **use(training))
    sentence = (
        "The environment differs from uv.lock: gone 3 is locked and not installed; more 4 is "
        "locked and not installed; numbers-lib 1.0 is locked, 1.0+cpu is installed (only the "
        "local label differs). `uv sync` brings it in line."
    )
    assert done.stderr.count(sentence) == 1
    assert record(project, "base")["warnings"] == [sentence]


def test_strict_lock_refuses_before_anything_runs(project: Project, training: Path) -> None:
    install(training, "numbers_lib", "2.0", VALUE)
    branches = project.git("for-each-ref")
    done = project.gitml("exp", "run", "--strict-lock", status=2, **use(training))
    assert "numbers-lib 1.0 is locked, 2.0 is installed" in done.stderr
    assert "Traceback" not in done.stderr and "uv sync" in done.stderr
    assert not (project.root / "ran").exists() and project.git("for-each-ref") == branches


def test_a_team_can_make_the_lock_binding(project: Project, training: Path) -> None:
    config = project.root / "gitml.yaml"
    config.write_text(f"{config.read_text()}strict_lock: true\n")
    assert project.run(**use(training))["status"] == "completed"
    install(training, "numbers_lib", "2.0", VALUE)
    project.gitml("exp", "run", status=2, **use(training))
    (project.root / "uv.lock").unlink()
    done = project.gitml("exp", "run", status=2, **use(training))
    assert "no lock" in done.stderr
    config.write_text("strict_lock: often\n")
    assert "line 1" in project.gitml("exp", "run", status=2, **use(training)).stderr


def test_a_lock_that_can_not_be_read_is_named_and_is_no_excuse(
    project: Project, training: Path
) -> None:
    project.write("uv.lock", "[[package]]\nname = \n")
    done = project.gitml("exp", "run", **use(training))
    assert "uv.lock can't be read" in done.stderr
    assert project.gitml("exp", "run", "--strict-lock", "--force", status=2, **use(training))


def test_of_a_shell_command_drift_is_known_only_afterwards(
    project: Project, training: Path
) -> None:
    install(training, "numbers_lib", "2.0", VALUE)
    project.write("train.sh", "python train.py\n")
    project.run("--name", "shell", "--", "sh", "train.sh", **use(training))
    assert "numbers-lib 1.0 is locked" in record(project, "shell")["warnings"][0]
    project.write("other.sh", "echo '{\"a\": 1}' > metrics.json\n")
    project.run("--name", "none", "--", "sh", "other.sh", **use(training))
    assert not record(project, "none").get("warnings")


def test_tools_that_a_run_never_imports_make_nothing_new(project: Project, training: Path) -> None:
    base = project.run(**use(training))
    install(training, "black", "25.1")
    install(training, "ruff_like", "1.0")
    again = project.run(**use(training))
    assert again["reused"] and again["level"] == "identical"
    assert again["commit"] == base["commit"]
    install(training, "numbers_lib", "1.0.1", VALUE)
    assert project.run("--dry-run", **use(training))["level"] == "re-environment"


def test_a_check_without_the_libraries_goes_by_the_lock(
    project: Project, training: Path, tmp_path: Path
) -> None:
    project.run("--name", "base", **use(training))
    job = environment_at(tmp_path / "job")
    found = json.loads(project.gitml("check", "--json", status=1, **use(job)).stdout)
    assert found["level"] == "identical" and found["blocked"]
    assert found["notes"][0] == (
        "numbers-lib is not installed here, so what uv.lock pins was compared instead: "
        "numbers-lib 1.0."
    )
    # A run takes nobody's word for what it would have.
    assert project.run("--dry-run", **use(job))["level"] == "re-environment"
    project.write("uv.lock", uv_lock(numbers_lib="1.1"))
    found = json.loads(project.gitml("check", "--json", **use(job)).stdout)
    assert found["level"] == "re-environment"
    (difference,) = found["differences"]
    assert (difference["recorded"], difference["planned"]) == ("1.0", "1.1")


def test_what_a_job_has_besides_is_not_mistaken_for_what_trains(
    project: Project, tmp_path: Path
) -> None:
    project.write("train.py", f"import shared\n{TRAIN}")
    project.write("uv.lock", uv_lock(numbers_lib="1.0", shared="1.0"))
    project.write(".python-version", "3.11\n" if sys.version_info[1] == 11 else "3\n")
    training = environment_at(tmp_path / "training2", numbers_lib="1.0", shared="1.0")
    project.run("--name", "base", **use(training))
    job = environment_at(tmp_path / "job", shared="9.9")  # a dependency of gitml, for example
    found = json.loads(project.gitml("check", "--json", status=1, **use(job)).stdout)
    assert found["level"] == "identical"
    project.write(".python-version", "3.9.1\n")
    found = json.loads(project.gitml("check", "--json", **use(job)).stdout)
    assert [item["name"] for item in found["differences"]] == ["python"]


def test_where_nobody_knows_the_libraries_a_check_says_so(
    project: Project, training: Path, tmp_path: Path
) -> None:
    project.run("--name", "base", **use(training))
    job = environment_at(tmp_path / "job")
    project.write("uv.lock", uv_lock(unrelated="1"))
    done = project.gitml("check", **use(job))
    assert "re-environment" in done.stdout
    assert "numbers-lib is not installed here, and uv.lock doesn't pin it" in done.stderr
    (project.root / "uv.lock").unlink()
    done = project.gitml("check", **use(job))
    assert "commit a lock" in done.stderr


def test_a_strict_check_blocks_drift(project: Project, training: Path) -> None:
    assert project.gitml("check", "--strict-lock", **use(training)).stdout.startswith("passed")
    install(training, "numbers_lib", "2.0", VALUE)
    assert project.gitml("check", **use(training))
    done = project.gitml("check", "--strict-lock", status=1, **use(training))
    assert done.stdout.startswith("blocked: new")
    assert "numbers-lib 1.0 is locked, 2.0 is installed" in done.stdout
    (project.root / "uv.lock").unlink()
    assert project.gitml("check", "--strict-lock", status=1, **use(training))


def test_another_commit_of_a_library_is_another_library(project: Project, training: Path) -> None:
    from_git(training, "numbers_lib", COMMITS[0])
    first = project.run("--name", "first", **use(training))
    assert project.run(**use(training))["commit"] == first["commit"]
    from_git(training, "numbers_lib", COMMITS[1])
    second = project.run("--name", "second", **use(training))
    assert second["level"] == "re-environment" and not second["reused"]
    (row,) = project.json("exp", "diff", "first", "second")["libraries"]
    assert row["kind"] == "commit"
    assert row["values"] == ["1.0 (git aaaaaaaaaaaa)", "1.0 (git bbbbbbbbbbbb)"]


def test_the_table_names_the_kind_of_every_step(project: Project, training: Path) -> None:
    for name in ("a_major", "b_minor", "c_patch", "d_label", "e_source"):
        install(training, name, "1.0.0")
    project.run("--name", "first", **use(training))
    for name, version in {
        "a_major": "2.0.0", "b_minor": "1.1.0", "c_patch": "1.0.1", "d_label": "1.0.0+cu1",
    }.items():  # fmt: skip
        install(training, name, version)
    from_git(training, "e_source", COMMITS[0])
    project.run("--name", "second", "--force", **use(training))
    rows = project.json("exp", "diff", "first", "second")["libraries"]
    assert {row["name"]: row["kind"] for row in rows} == {
        "a-major": "major", "b-minor": "minor", "c-patch": "patch", "d-label": "local",
        "e-source": "source",
    }  # fmt: skip
    assert rows[-1]["values"] == ["1.0.0", "1.0.0 (git aaaaaaaaaaaa)"]


@pytest.mark.parametrize(
    "command", [[".venv/bin/python", "train.py"], ["uv", "run", "--offline", "python", "train.py"]]
)
def test_gitml_needs_not_be_where_the_training_is(project: Project, command: list[str]) -> None:
    environment_at(project.root / ".venv", numbers_lib="1.0")
    (project.root / "uv.lock").unlink()  # or uv would make it anew
    project.write("requirements.txt", "numbers_lib==1.0\nblack==1\n")
    done = project.run("--name", "base", "--", *command)
    shown = record(project, "base")
    assert shown["inputs"]["libraries"]["imported"] == {"numbers-lib": "1.0"}
    assert shown["libraries"]["packages"] == {"numbers-lib": "1.0"}
    assert "black 1 is locked and not installed" in shown["warnings"][0]
    assert project.run("--", *command)["commit"] == done["commit"]


@pytest.mark.parametrize(
    ("name", "text", "state"),
    [
        ("uv.lock", uv_lock(numbers_lib="1.0", black="24.1"), "complete"),
        ("uv.lock", uv_lock(numbers_lib="1.0"), "partial"),
        ("requirements.txt", f"numbers_lib==1.0 --hash=sha256:{'d' * 64}\n"
         f"black==24.1 --hash=sha256:{'e' * 64}\n", "complete"),
        ("requirements.txt", "numbers_lib==1.0\nblack==24.1\n", "partial"),
    ],
)  # fmt: skip
def test_the_lock_of_an_experiment_is_valid_and_as_complete_as_can_be(
    project: Project, training: Path, name: str, text: str, state: str
) -> None:
    (project.root / "uv.lock").unlink()
    project.write(name, text)
    project.run("--name", "base", **use(training))
    lock = tomllib.loads(project.git("show", "exp/main:.gitml/pylock.toml"))
    Pylock.from_dict(lock)
    assert record(project, "base")["libraries"]["state"] == state
    project.run("--name", "again", "--force", **use(training))  # from what was remembered
    assert project.git("diff", "exp/main^", "exp/main", "--", ".gitml/pylock.toml") == ""


def make_wheel(folder: Path, name: str, version: str) -> None:
    """Write a wheel of one module."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", VALUE)
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", about)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")


def test_uv_run_is_compared_with_what_it_will_install(project: Project, tmp_path: Path) -> None:
    """It brings the environment in line first, so what is installed before says nothing."""
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "numbers_lib", "1.0")
    project.write(
        "pyproject.toml",
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.10"\n'
        'dependencies = ["numbers-lib"]\n[tool.uv]\nno-index = true\n'
        f'find-links = ["{wheels}"]\n',
    )
    project.write(".gitignore", ".venv\n")

    def lock(*arguments: str) -> None:
        words = ["uv", "lock", "-q", "--python", sys.executable, *arguments]
        subprocess.run(words, cwd=project.root, check=True)

    (project.root / "uv.lock").unlink()
    lock()
    command = ["--", "uv", "run", "-q", "--python", sys.executable, "python", "train.py"]
    first = project.run("--name", "first", *command)
    assert project.run(*command)["commit"] == first["commit"]
    make_wheel(wheels, "numbers_lib", "2.0")
    lock("--upgrade")  # the environment still has 1.0
    second = project.run("--name", "second", *command)
    assert second["level"] == "re-environment" and not second["reused"]
    for name, version in (("first", "1.0"), ("second", "2.0")):
        libraries = record(project, name)
        assert libraries["inputs"]["libraries"]["imported"] == {"numbers-lib": version}
        assert libraries["libraries"]["packages"] == {"numbers-lib": version}
        assert not libraries.get("warnings")
