"""The parts of a rerun: its command, its environment, and the pins of a lock."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from gitml.config import Config
from gitml.errors import ExecutionError, UsageError
from gitml.execution.liveness import release
from gitml.execution.virtualenv import Pin
from gitml.experiment.record import Record
from gitml.git.repository import discover
from gitml.inputs.command import read_command
from gitml.inputs.manifest import CodeInput, LibrariesInput, Manifest, ModuleInput
from gitml.operations.rerun_command import (
    environment_of,
    in_environment,
    refuse_masked,
    refuse_masked_settings,
    words_for,
)
from gitml.operations.rerun_environment import read_pins
from gitml.operations.rerun_tree import active_work_trees, open_scene, tidy
from tests.conftest import Project

USER = Path("/home/ada/project")
ROOT = Path("/home/ada/project/.git/gitml/work/otter.rerun")
PYTHON = Path("/env/bin/python")


def record(argv: str, **fields: Any) -> Record:
    words = tuple(argv.split())
    inputs = Manifest(
        command=read_command(words).component,
        settings={},
        code=fields.pop("code", CodeInput()),
        data={},
        libraries=LibrariesInput(python="3.11.7"),
        masked=fields.pop("masked", ()),
    )
    return Record(
        name="otter",
        study="main",
        status="completed",
        created="",
        seconds=1.0,
        exit_status=0,
        argv=words,
        params=fields.pop("params", {}),
        metrics={},
        inputs=inputs,
        digests={},
        fingerprint="",
        lookup="",
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("python train.py --lr 0.1", "/env/bin/python train.py --lr 0.1"),
        ("python3.11 -m pkg.train", "/env/bin/python -m pkg.train"),
        ("/old/venv/bin/python train.py", "/env/bin/python train.py"),
        (".venv/bin/python -u train.py", "/env/bin/python -u train.py"),
        ("env A=1 python train.py", "env A=1 /env/bin/python train.py"),
        ("nice -n 5 python3 train.py", "nice -n 5 /env/bin/python train.py"),
        ("mpirun -n 2 python train.py", "mpirun -n 2 /env/bin/python train.py"),
        ("uv run train.py --lr 1", "/env/bin/python train.py --lr 1"),
        ("uv run --with numpy python train.py", "/env/bin/python train.py"),
        ("uv run -- python train.py", "/env/bin/python train.py"),
        ("poetry run python -m pkg", "/env/bin/python -m pkg"),
        ("uv run -m pkg.train", "/env/bin/python -m pkg.train"),
        ("bash run.sh python", "bash run.sh python"),
        ("./train.py", "./train.py"),
        ("python train.py python", "/env/bin/python train.py python"),
        (
            "python /home/ada/project/train.py --data=/home/ada/project/d /home/ada/projects",
            f"/env/bin/python {ROOT}/train.py --data={ROOT}/d /home/ada/projects",
        ),
    ],
)
def test_the_words_are_the_recorded_ones_with_another_python(given: str, expected: str) -> None:
    assert " ".join(words_for(record(given), PYTHON, USER, ROOT)) == expected


def test_a_program_of_an_environment_is_that_of_the_new_one(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    (python.parent / "torchrun").touch()
    words = words_for(record("/old/bin/torchrun train.py"), python, USER, ROOT)
    assert words == (str(python.parent / "torchrun"), "train.py")
    assert words_for(record("/old/bin/other x"), python, USER, ROOT)[0] == "/old/bin/other"


def test_declared_variables_are_as_recorded_and_others_as_they_are() -> None:
    found = environment_of(
        record("python a.py", params={"env.SET": "then", "env.UNSET": None, "env.KEY": "***"}, masked=("env.KEY",)),
        Config(env=("SET", "UNSET", "KEY")),
        None,
        USER,
        ROOT,
        {"SET": "now", "UNSET": "now", "KEY": "secret", "OTHER": "now", "PYTHONPATH": f"{USER}/src"},
    )  # fmt: skip
    assert found == {
        "SET": "then",
        "KEY": "secret",
        "OTHER": "now",
        "PYTHONPATH": f"{ROOT}/src",
    }


def test_packages_of_the_project_come_from_the_work_tree_of_the_rerun(tmp_path: Path) -> None:
    for path in ("pyproject.toml", "src/mine/__init__.py", "src/mine/deep/__init__.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    modules = {
        path: ModuleInput("", "") for path in ("train.py", "src/mine/deep/a.py", "/abroad/b.py")
    }
    again = record("python train.py", code=CodeInput(modules=modules))
    found = environment_of(again, Config(), None, USER, tmp_path, {})
    assert found["PYTHONPATH"] == str(tmp_path / "src")


def test_the_environment_of_the_process_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "before")
    before = dict(os.environ)
    with pytest.raises(ValueError, match="out"), in_environment({"PATH": "/bin", "KEPT": "x"}):
        assert dict(os.environ) == {"PATH": "/bin", "KEPT": "x"}
        raise ValueError("out")
    assert dict(os.environ) == before


def test_credentials_that_no_record_holds_are_asked_for() -> None:
    with pytest.raises(UsageError, match=r"held a credential \(api-key\)"):
        refuse_masked(record("python a.py --api-key ***", masked=("args.api-key",)), {})
    with pytest.raises(UsageError, match="a credential in TOKEN"):
        refuse_masked(record("python a.py", masked=("env.TOKEN",)), {})
    refuse_masked(record("python a.py", masked=("env.TOKEN",)), {"TOKEN": "x"})
    overridden = record("python a.py", masked=("db.password",))
    with pytest.raises(UsageError, match=r"in the setting db\.password"):
        refuse_masked_settings(overridden, {"db.password": "***"}, ())
    refuse_masked_settings(overridden, {"db.password": "***"}, ("db.password",))


LOCK = """\
lock-version = "1.0"
requires-python = "==3.11.*"
created-by = "gitml"

[[packages]]
name = "numpy"
version = "2.1.0"
wheels = [{name = "numpy-2.1.0-cp311.whl", url = "https://index/numpy.whl", hashes = {sha256 = "AA"}}]

[[packages]]
name = "torch"
version = "2.10.0+cpu"
wheels = [{name = "torch.whl", url = "https://cpu.index/torch.whl", hashes = {sha256 = "BB"}}]

[[packages]]
name = "mine"
version = "1.0"
vcs = {type = "git", url = "https://example.org/mine", commit-id = "0123abc"}

[[packages]]
name = "loose"
version = "1.0"
archive = {url = "https://example.org/loose.zip", hashes = {sha256 = "CC"}}

[tool.gitml]
python = "3.11.7"

[[tool.gitml.hashed]]
name = "hashed"
version = "3.0"
source = "index"
hashes = ["md5:DD", "sha256:EE"]

[[tool.gitml.unlocked]]
name = "plain"
version = "4.0"
source = "index"

[[tool.gitml.unlocked]]
name = "folder"
version = "5.0"
source = "editable"
"""


def test_every_kind_of_entry_in_a_lock_becomes_a_pin() -> None:
    pins, left = read_pins(LOCK.encode())
    assert pins == [
        Pin("numpy", "2.1.0", ("sha256:AA",)),
        Pin("torch", "2.10.0+cpu", ("sha256:BB",), "https://cpu.index/torch.whl"),
        Pin("mine", "1.0", (), "git+https://example.org/mine@0123abc"),
        Pin("loose", "1.0", ("sha256:CC",), "https://example.org/loose.zip"),
        Pin("hashed", "3.0", ("sha256:EE",)),
        Pin("plain", "4.0"),
    ]
    assert left == ["folder"]


@pytest.mark.parametrize("data", [b"\xff", b"[[packages]]\nname = 1", b"packages = 3", b"tool = 1"])
def test_a_lock_that_makes_no_sense_is_no_traceback(data: bytes) -> None:
    try:
        pins, _ = read_pins(data)
    except ExecutionError as error:
        assert "--here" in error.hint
    else:
        assert all(isinstance(pin, Pin) for pin in pins)


def test_the_place_of_a_live_rerun_is_left_alone(project: Project) -> None:
    repository = discover(project.root)
    scene = open_scene(repository, "odd name/../x")
    assert scene.root.parent == repository.state_dir / "work"
    assert tidy(repository) == []
    assert scene.folder.is_dir()
    assert active_work_trees(repository) == {scene.root.name}
    release(scene.folder)


def test_tidying_removes_nothing_but_work_trees_of_reruns(project: Project) -> None:
    repository = discover(project.root)
    scene = open_scene(repository, "otter")
    owner = scene.folder / "owner.json"
    text = owner.read_text()
    release(scene.folder)
    precious = project.write("precious/file", "kept")
    before = base64.b64encode(os.fsencode(scene.root)).decode()
    for root in (precious.parent, repository.state_dir / "work" / "mine"):
        root.mkdir(parents=True, exist_ok=True)
        dead = text.replace(before, base64.b64encode(os.fsencode(root)).decode())
        dead = dead.replace(f'"pid":{os.getpid()}', '"pid":999999999')
        assert dead != text
        scene.folder.mkdir(exist_ok=True)
        owner.write_text(dead)
        assert tidy(repository) == []
        assert not scene.folder.exists()
        assert root.is_dir()
    assert precious.read_text() == "kept"
