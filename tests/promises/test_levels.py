"""What an edit does to the answer of `gitml check`: the table of `docs/…/what-counts.md`."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import Project
from tests.promises.small_project import (
    COMMAND,
    MODEL,
    PARAMS,
    install,
    link,
    make_environment,
    make_project,
    track,
    use,
)

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "what-counts.md"
TRAIN_CSV = "data/train.csv"


class Copy(Project):
    """A copy of the project, and how the next command is given."""

    def __init__(self, root: Path, environment: Path) -> None:
        super().__init__(root)
        self.environment = environment
        self.env: dict[str, str] = {}
        self.argv: tuple[str, ...] = ()
        self.folder = ""

    def asks(self, *words: str, status: int | None = None) -> Any:
        asked = Project(self.root / self.folder)
        done = asked.gitml(
            *words, "--json", *self.argv, status=status, **{**use(self.environment), **self.env}
        )
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)


Edit = Callable[[Copy], object]


class Case(NamedTuple):
    """An edit, the level that it leads to, and the inputs that the answer names."""

    title: str
    level: str
    edit: Edit
    names: str = ""


def write(path: str, text: str) -> Edit:
    return lambda copy: copy.write(path, text)


def append(path: str, text: str) -> Edit:
    return lambda copy: copy.write(path, (copy.root / path).read_text() + text)


def replace(path: str, old: str, new: str) -> Edit:
    def edit(copy: Copy) -> None:
        text = (copy.root / path).read_text()
        assert old in text
        copy.write(path, text.replace(old, new))

    return edit


def remove(path: str) -> Edit:
    return lambda copy: (copy.root / path).unlink()


def git(*words: str) -> Edit:
    return lambda copy: copy.git(*words)


def asked_with(*words: str, folder: str = "") -> Edit:
    def edit(copy: Copy) -> None:
        copy.argv, copy.folder = words, folder

    return edit


def command(*words: str, folder: str = "") -> Edit:
    return asked_with("--", *words, folder=folder)


def argument(old: str, new: str) -> Edit:
    return command(*" ".join(COMMAND).replace(old, new).split())


def variable(name: str, value: str) -> Edit:
    return lambda copy: copy.env.update({name: value})


def together(*edits: Edit) -> Edit:
    return lambda copy: [edit(copy) for edit in edits]


def upgraded(name: str, version: str) -> Edit:
    def edit(copy: Copy) -> None:
        other = copy.root.parent / "upgraded"
        shutil.copytree(copy.environment, other, symlinks=True)
        install(other, name, version)
        copy.environment = other

    return edit


def linked(source: str) -> Edit:
    def edit(copy: Copy) -> None:
        other = copy.root.parent / "other"
        shutil.copytree(copy.environment, other, symlinks=True)
        link(other, source)
        copy.environment = other

    return edit


def another_python(copy: Copy) -> None:
    copy.environment = make_environment(copy.root.parent / "another", _other_python())


def data_moved(copy: Copy) -> None:
    shutil.move(copy.root / "data", copy.root / "table")
    (copy.root / "data.dvc").unlink()
    track(copy, "table")
    append(".gitignore", "/table\n")(copy)
    copy.env["TABLE"] = "table"


def retargeted(copy: Copy) -> None:
    (copy.root / "current.txt").unlink()
    (copy.root / "current.txt").symlink_to("other.txt")


def script_by_absolute_path(copy: Copy) -> None:
    command("python", str(copy.root / "train.py"), *COMMAND[2:])(copy)


def interpreter_by_absolute_path(copy: Copy) -> None:
    command(str(copy.environment / "bin" / "python"), *COMMAND[1:])(copy)


def mode(path: str, bits: int) -> Edit:
    return lambda copy: (copy.root / path).chmod(bits)


def moved_to_a_branch(copy: Copy) -> None:
    copy.git("switch", "-qc", "idea")
    copy.git("commit", "-q", "--allow-empty", "-m", "nothing")


def one_setting_and(edit: Edit) -> Edit:
    return together(replace("params.yaml", "width: 8", "width: 9"), edit)


REFORMATTED = '''\
"""The model."""
def predict(
    total, half,
):
    """Return a number between 0 and 1."""
    share = (total
             * half)
    return (share / (share + 1))
def never_called(total): return total
'''

CODE = [
    Case("nothing", "identical", lambda copy: None),
    Case("an edit that is taken back", "identical",
         together(append("model.py", "x = 1\n"), write("model.py", MODEL))),
    Case("a comment in a module that the run imports", "equivalent",
         append("model.py", "# a remark\n"), "code model.py"),
    Case("blank lines", "equivalent", replace("model.py", "\n\ndef", "\n\n\n\ndef"),
         "code model.py"),
    Case("formatting: parentheses, line breaks, trailing commas", "equivalent",
         write("model.py", REFORMATTED), "code model.py"),
    Case("other quotes", "equivalent", replace("train.py", '"metrics.json"', "'metrics.json'"),
         "code train.py"),
    Case("other line endings", "equivalent",
         lambda copy: (copy.root / "model.py").write_bytes(MODEL.replace("\n", "\r\n").encode()),
         "code model.py"),
    Case("a comment in a script that a child process runs", "equivalent",
         append("child.py", "# a remark\n"), "code child.py"),
    Case("a docstring (programs can read them)", "near",
         replace("model.py", "between 0 and 1", "below 1"), "code model.py"),
    Case("a local variable under another name", "near", replace("model.py", "share", "part"),
         "code model.py"),
    Case("a type annotation", "near", replace("model.py", "half):", "half: float):"),
         "code model.py"),
    Case("a module that the run imports", "near", replace("model.py", "+ 1", "+ 2"),
         "code model.py"),
    Case("a function that the run doesn't call, in a module that it imports", "near",
         replace("model.py", "return total", "return -total"), "code model.py"),
    Case("a script that a child process runs", "near", append("child.py", "print(2)\n"),
         "code child.py"),
    Case("a module that the run doesn't reach", "equivalent", append("unused.py", "x = 1\n"),
         "code unused.py"),
    Case("a new module that nothing imports", "equivalent", write("extra_tools.py", "x = 1\n"),
         "code extra_tools.py"),
    Case("a module that the run doesn't reach goes away", "equivalent", remove("unused.py"),
         "code unused.py"),
    Case("a module that the run doesn't reach moves", "equivalent",
         git("mv", "unused.py", "tools/unused.py"), "code tools/unused.py, code unused.py"),
    Case("a new module with the name of an imported library", "near", write("tinylib.py", ""),
         "code tinylib.py"),
    Case("a new module with the name of one of Python's own", "near", write("wave.py", ""),
         "code wave.py"),
    Case("a new package with the name of an imported module", "near",
         write("model/__init__.py", ""), "code model/__init__.py"),
    Case("a new plugin in a folder that the program lists", "near",
         write("plugins/loud.py", "VALUE = 2\n"), "code plugins/loud.py"),
    Case("a plugin less in a folder that the program lists", "near", remove("plugins/plain.py"),
         "code plugins/plain.py"),
    Case("a new module in a folder that nobody lists", "equivalent", write("tools/x.py", ""),
         "code tools/x.py"),
    Case("a module that Git ignores and that the run imports", "near",
         append("generated.py", "x = 1\n"), "code generated.py"),
    Case("a comment in it", "equivalent", append("generated.py", "# a remark\n"),
         "code generated.py"),
    Case("four modules that the run imports", "new",
         together(*[append(path, "x = 1\n")
                    for path in ("model.py", "child.py", "train.py", "plugins/plain.py")]),
         "code child.py, code model.py, code plugins/plain.py, code train.py"),
]  # fmt: skip

FILES = [
    Case("the README", "identical", append("README.md", "More.\n")),
    Case("the licence", "identical", append("LICENSE", "More.\n")),
    Case("a notebook that the run doesn't open", "identical", write("explore.ipynb", "{}")),
    Case("a CI file", "identical", write(".github/workflows/ci.yml", "on: push\n")),
    Case("a page below `docs`", "identical", write("docs/index.html", "<p>\n")),
    Case("`.gitignore`", "identical", append(".gitignore", "/runs\n")),
    Case("`gitml.yaml`: the goal of a metric", "identical",
         replace("gitml.yaml", "goal: max", "goal: min")),
    Case("a lock file of the project", "identical", append("uv.lock", "revision = 2\n")),
    Case("`requirements.txt`", "identical", append("requirements.txt", "ruff\n")),
    Case("a new file that Git ignores and no run reads", "identical",
         together(append(".gitignore", "/scratch\n"), write("scratch/x.txt", "x"))),
    Case("a new note in Markdown", "identical", write("ideas.md", "x")),
    Case("the same files on another branch, at another commit", "identical", moved_to_a_branch),
    Case("a text file that the run reads", "near", append("vocabulary.txt", "five\n"),
         "code vocabulary.txt"),
    Case("a tracked text file that the run wasn't seen to read (native code could)", "near",
         append("other.txt", "five\n"), "code other.txt"),
    Case("a new file that is neither code nor documentation", "near", write("notes.txt", "x"),
         "code notes.txt"),
    Case("a symbolic link leads elsewhere", "near", retargeted, "code current.txt"),
    Case("a shell script becomes executable", "near", mode("tools/build.sh", 0o755),
         "code tools/build.sh"),
    Case("a Python file becomes executable", "identical", mode("train.py", 0o755)),
    Case("what the last run wrote is deleted", "identical",
         together(remove("metrics.json"), remove("report"))),
]  # fmt: skip

SETTINGS = [
    Case("the order of settings", "equivalent",
         write("params.yaml", "\n".join(["seed: 1", *PARAMS.replace("seed: 1\n", "").split("\n")])),
         "code params.yaml"),
    Case("a comment in a parameter file", "equivalent", append("params.yaml", "# a remark\n"),
         "code params.yaml"),
    Case("0.001 for 1e-3", "equivalent", replace("params.yaml", "1e-3", "0.001"),
         "code params.yaml"),
    Case("a list in several lines", "equivalent",
         replace("params.yaml", "[64, 32]", "\n- 64\n- 32"), "code params.yaml"),
    Case("a setting that is listed as `inert`", "equivalent",
         replace("params.yaml", "interval: 10", "interval: 50"), "settings log_interval"),
    Case("`-S` with the value that is there", "identical", asked_with("-S", "width=8")),
    Case("the seed", "replicate", replace("params.yaml", "seed: 1", "seed: 2"), "settings seed"),
    Case("the seed by `-S`", "replicate", asked_with("-S", "seed=2"), "settings seed"),
    Case("a nested value", "near", replace("params.yaml", "1e-3", "1e-2"),
         "settings optimizer.lr"),
    Case("8.0 for 8 (a program may tell them apart)", "near",
         replace("params.yaml", "width: 8", "width: 8.0"), "settings width"),
    Case('"8" for 8', "near", replace("params.yaml", "width: 8", 'width: "8"'), "settings width"),
    Case("a value in a list", "near", replace("params.yaml", "64, 32", "64, 16"),
         "settings layers.1"),
    Case("a setting more", "near", append("params.yaml", "depth: 2\n"), "settings depth"),
    Case("a setting less", "near", replace("params.yaml", "width: 8\n", ""), "settings width"),
    Case("two settings", "near", asked_with("-S", "width=9", "-S", "batch=4"),
         "settings batch, settings width"),
    Case("one setting and the seed", "near", asked_with("-S", "width=9", "-S", "seed=2"),
         "settings seed, settings width"),
    Case("five settings", "new",
         asked_with("-S", "width=9", "-S", "batch=4", "-S", "dropout=0.1", "-S", "optimizer.lr=1",
                    "-S", "optimizer.momentum=0"),
         "settings batch, settings dropout, settings optimizer.lr, settings optimizer.momentum, "
         "settings width"),
    Case("an environment variable that is listed under `env`", "near",
         variable("CUBLAS_WORKSPACE_CONFIG", ":4096:8"), "settings env.CUBLAS_WORKSPACE_CONFIG"),
    Case("an environment variable that isn't", "identical", variable("EDITOR", "vi")),
]  # fmt: skip

DATA = [
    Case("one byte of data that DVC tracks", "near", replace(TRAIN_CSV, "b,2", "b,3"), "data data"),
    Case("the order of its rows", "near", write(TRAIN_CSV, "b,2\na,1\n"), "data data"),
    Case("rows are appended", "near", append(TRAIN_CSV, "d,4\n"), "data data"),
    Case("data changes, and its pointer with it", "near",
         together(append(TRAIN_CSV, "d,4\n"), lambda copy: track(copy, "data")), "data data"),
    Case("the same data under another path", "equivalent", data_moved, "data data"),
    Case("the data isn't here, its pointer is", "identical",
         lambda copy: shutil.rmtree(copy.root / "data")),
    Case("the pointer goes away, the data stays", "equivalent", remove("data.dvc"), "data data"),
    Case("a file that the run reads and that nobody tracks", "near", append("extra.bin", "!"),
         "data extra.bin"),
    Case("such a file is gone", "near", remove("extra.bin"), "data extra.bin"),
    Case("a new file in a folder that Git ignores and that the program lists", "near",
         write("scans/2.raw", "scan"), "data scans/"),
    Case("a file, ignored by Git, that the run looked for in vain", "near",
         write("override.txt", "x"), "data override.txt"),
    Case("such a file is now tracked by DVC, and the same", "equivalent",
         lambda copy: track(copy, "extra.bin"), "data extra.bin"),
    Case("another data set that DVC tracks", "near",
         together(write("more/x.csv", "1"), append(".gitignore", "/more\n"),
                  lambda copy: track(copy, "more")), "data more"),
    Case("the split, made with the same seed", "new",
         write("splits.json", '{"train": ["a"], "test": ["b", "c"]}'),
         "partition test, partition train"),
    Case("the order of ids in the split's file", "near",
         write("splits.json", '{"train": ["b", "a"], "test": ["c"]}'), "data splits.json"),
    Case("formatting of the split's file", "equivalent",
         write("splits.json", '{"train":["a","b"],\n "test":["c"]}\n'), "code splits.json"),
]  # fmt: skip

COMMANDS = [
    Case("the order of arguments", "identical",
         argument("--epochs 2 --depth 1", "--depth 1 --epochs 2")),
    Case("`--epochs=2` for `--epochs 2`", "identical", argument("--epochs 2", "--epochs=2")),
    Case("`python3` for `python`", "identical", command("python3", *COMMAND[1:])),
    Case("the interpreter by its absolute path", "identical", interpreter_by_absolute_path),
    Case("the script by its absolute path", "identical", script_by_absolute_path),
    Case("`python -u`", "identical", command("python", "-u", *COMMAND[1:])),
    Case("the configured command, asked from a subfolder", "identical",
         asked_with(folder="tools")),
    Case("an argument that only names an output folder", "equivalent",
         argument("runs/1", "runs/2"), "settings args.out"),
    Case("an argument that only names an output file, in one word", "equivalent",
         argument("-o report", "-o summary"), "settings args.o"),
    Case("the value of an argument", "near", argument("--epochs 2", "--epochs 3"),
         "settings args.epochs"),
    Case("an argument less", "near", argument("--depth 1 ", ""), "settings args.depth"),
    Case("the folder that the command runs in", "new",
         command("python", "../train.py", *COMMAND[2:], folder="tools"), "command folder"),
    Case("another script", "new", command("python", "child.py", *COMMAND[2:]), "command program"),
    Case("an option of the interpreter that can change a result", "new",
         command("python", "-O", *COMMAND[1:]), "command program"),
]  # fmt: skip

LIBRARIES = [
    Case("a tool that the run doesn't import is upgraded", "identical", upgraded("black", "25.1")),
    Case("a library that the run doesn't import is added", "identical", upgraded("newlib", "1")),
    Case("a library that the run imports is upgraded", "re-environment",
         upgraded("tinylib", "2.0"), "libraries tinylib"),
    Case("only its local label (`+cu121`)", "re-environment", upgraded("tinylib", "1.0+cu121"),
         "libraries tinylib"),
    Case("the sources of a library that is installed editable, from a folder", "re-environment",
         linked("ONE = 2\n"), "libraries linked"),
    Case("a comment in them", "identical", linked("ONE = 1  # a remark\n")),
    Case("another version of Python", "re-environment", another_python, "libraries python"),
    Case("a library and a setting", "near", one_setting_and(upgraded("tinylib", "2.0")),
         "libraries tinylib, settings width"),
]  # fmt: skip

TABLE = {
    "Code": CODE,
    "Other files": FILES,
    "Settings": SETTINGS,
    "Data and partition": DATA,
    "Command": COMMANDS,
    "Libraries": LIBRARIES,
}
CASES = [case for cases in TABLE.values() for case in cases]


def _other_python() -> str:
    """Find a Python on PATH of another version than this one."""
    ask = "import platform, venv; print(platform.python_version())"
    for folder in os.get_exec_path():
        for program in sorted(Path(folder).glob("python3*")):
            if re.fullmatch(r"python3(\.\d+)?", program.name):
                done = subprocess.run(
                    [program, "-I", "-c", ask], capture_output=True, text=True, check=False
                )
                if done.returncode == 0 and done.stdout.strip() != platform.python_version():
                    return str(program)
    pytest.skip("this machine has no other version of Python")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make the project and record the one experiment that every edit is compared with."""
    top = tmp_path_factory.mktemp("levels")
    environment = make_environment(top / "environment")
    return make_project(top / "project", environment).root, environment


@pytest.fixture
def copy(base: tuple[Path, Path], tmp_path: Path) -> Copy:
    project, environment = base
    shutil.copytree(project, tmp_path / "project", symlinks=True)
    return Copy(tmp_path / "project", environment)


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"[^\w.]+", "-", case.title))
def test_an_edit_leads_to_its_level(case: Case, copy: Copy) -> None:
    case.edit(copy)
    answer = copy.asks("check")
    named = sorted(f"{item['input']} {item['name']}" for item in answer["differences"])
    assert (answer["level"], ", ".join(named)) == (case.level, case.names)
    repeat = case.level in ("identical", "equivalent")
    assert answer["blocked"] is repeat
    if repeat and case in (*SETTINGS, *DATA, *COMMANDS):  # what the look-up key is made of
        planned = copy.asks("exp", "run", "--dry-run")
        assert (planned["reused"], planned["level"]) == (True, case.level)


def test_the_page_holds_this_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for title, cases in TABLE.items():
        section = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("|")]
        assert rows == _rows(cases), f"{title} should have\n" + "\n".join(_rows(cases))


def _rows(cases: list[Case]) -> list[str]:
    rows = ["| edit | level | what the answer names |", "| --- | --- | --- |"]
    for case in cases:
        named = re.sub(r"(\w+) ([^,]+)", r"\1 `\2`", case.names)
        rows.append(f"| {case.title} | {case.level} | {named or 'nothing'} |")
    return rows
