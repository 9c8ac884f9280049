"""`gitml check --explain` names every input that differs, down to file, function and key."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gitml.storage import place
from gitml.storage.objects import store_folder
from tests.promises.small_project import COMMAND, MODEL, make_environment, make_project, track
from tests.promises.test_levels import (
    TRAIN_CSV,
    Copy,
    Edit,
    append,
    argument,
    asked_with,
    command,
    data_moved,
    linked,
    mode,
    remove,
    replace,
    retargeted,
    together,
    upgraded,
    variable,
    write,
)


class Case(NamedTuple):
    """An edit, what is said about it, and what would have to be equal for a repeat."""

    title: str
    edit: Edit
    says: list[str]
    closing: str


REPEAT = "It is a repeat of base: nothing that differs can change the result."


def unless(condition: str) -> str:
    return f"It would be a repeat of base if {condition}."


def as_before(what: str) -> str:
    return unless(f"{what} were as in base")


CODE = [
    Case("a comment", append("model.py", "# a remark\n"),
         ["(code model.py: formatting, the same syntax tree)"], REPEAT),
    Case("a function", replace("model.py", "+ 1", "+ 2"),
         ["code model.py: predict changed, reached by the run"],
         as_before("`predict` in model.py")),
    Case("a signature", replace("model.py", "half):", "half=1):"),
         ["code model.py: predict changed signature, reached by the run"],
         as_before("`predict` in model.py")),
    Case("two functions and a constant",
         write("model.py", MODEL.replace("+ 1", "+ 2").replace("return total\n", "return 1\n")
               + "LIMIT = 1\n"),
         ["code model.py: predict changed; never_called changed; LIMIT added, reached by the run"],
         as_before("`predict`, `never_called` and `LIMIT` in model.py")),
    Case("a name that is assigned", write("plugins/plain.py", "VALUE = 2\n"),
         ["code plugins/plain.py: VALUE changed, reached by the run"],
         as_before("`VALUE` in plugins/plain.py")),
    Case("an import and a call in the script", together(
         replace("train.py", "import json\n", ""), replace("train.py", "\nmain()", "\nmain(1)")),
         ["code train.py: main() changed; import json removed, the script of the command"],
         as_before("`main()` and `import json` in train.py")),
    Case("what is no Python any more", write("model.py", "def predict(:\n"),
         ["code model.py: +1 -11 lines from 1, reached by the run "
          "[Python can't parse it, so it counts as a whole.]"],
         as_before("model.py")),
    Case("a module that isn't reached", append("unused.py", "x = 1\n"),
         ["(code unused.py: x added, not reached by the run)"], REPEAT),
    Case("a plugin more", write("plugins/loud.py", "VALUE = 2\n"),
         ["code plugins/loud.py: added, the run listed the folder plugins"],
         unless("plugins/loud.py weren't there")),
    Case("a plugin less", remove("plugins/plain.py"),
         ["code plugins/plain.py: removed, reached by the run"],
         unless("plugins/plain.py were there")),
    Case("a module that hides a library", write("tinylib.py", ""),
         ["code tinylib.py: added, it would hide the library tinylib"],
         unless("tinylib.py weren't there")),
    Case("a module that hides one of Python's own", write("wave.py", ""),
         ["code wave.py: added, it would hide Python's own wave"],
         unless("wave.py weren't there")),
    Case("a package that hides a module", write("model/__init__.py", ""),
         ["code model/__init__.py: added, it would be imported as model"],
         unless("model/__init__.py weren't there")),
    Case("a module that Git ignores", append("generated.py", "x = 1\n"),
         ["code generated.py: changed, reached by the run [Only digests of it are recorded.]"],
         as_before("generated.py")),
    Case("a text file", append("vocabulary.txt", "five\nsix\n"),
         ["code vocabulary.txt: +2 -0 lines from 2, tracked, be it read or not"],
         as_before("vocabulary.txt")),
    Case("a link", retargeted,
         ["code current.txt: changed, a link leads to other files "
          "[It led to vocabulary.txt, and leads to other.txt now.]"],
         as_before("current.txt")),
    Case("a file's mode", mode("tools/build.sh", 0o755),
         ["code tools/build.sh: mode, tracked, be it read or not"],
         as_before("tools/build.sh")),
]  # fmt: skip

SETTINGS = [
    Case("a nested key", replace("params.yaml", "1e-3", "1e-2"),
         ["settings optimizer.lr: 0.001 → 0.01, params.yaml"],
         unless("`optimizer.lr` were 0.001")),
    Case("another type", replace("params.yaml", "width: 8", 'width: "8"'),
         ["settings width: type 8 → '8', params.yaml, integer → text"],
         unless("`width` were the integer 8")),
    Case("a key more and a key less", together(
         append("params.yaml", "depth: 2\n"), replace("params.yaml", "width: 8\n", "")),
         ["settings depth: added None → 2, params.yaml",
          "settings width: removed 8 → None, params.yaml"],
         unless("`depth` weren't set and `width` were 8")),
    Case("the seed and an inert key",
         together(asked_with("-S", "seed=2", "-S", "log_interval=7")),
         ["settings seed: 1 → 2, params.yaml, a seed",
          "(settings log_interval: 10 → 7, params.yaml, listed as inert)"],
         unless("`seed` were 1")),
    Case("an argument", argument("--epochs 2", "--epochs 3"),
         ["settings args.epochs: 2 → 3, argument"], unless("`args.epochs` were 2")),
    Case("where results go", argument("runs/1", "runs/2"),
         ["(settings args.out: 'runs/1' → 'runs/2', argument, the run only wrote there)"], REPEAT),
    Case("an environment variable", variable("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
         ["settings env.CUBLAS_WORKSPACE_CONFIG: None → ':4096:8', environment variable"],
         unless("`env.CUBLAS_WORKSPACE_CONFIG` were null")),
]  # fmt: skip

OTHERS = [
    Case("files of a folder that DVC tracks", together(
         append(TRAIN_CSV, "d,4\n"), write("data/new.csv", "x"), remove("data/test.csv")),
         ["data data: new.csv added; test.csv removed; train.csv changed, tracked by DVC, +1 bytes"],
         as_before("`new.csv`, `test.csv` and `train.csv` in data")),
    Case("the same data under another path", data_moved,
         ["(data data: moved, tracked by DVC, the same content)"], REPEAT),
    Case("a file that nobody tracks", append("extra.bin", "!"),
         ["data extra.bin: changed, known neither to Git nor to DVC, other content"],
         as_before("extra.bin")),
    Case("a file that was missed", write("override.txt", "x"),
         ["data override.txt: added, file, the run looked for it in vain"],
         unless("override.txt weren't there")),
    Case("a listed folder", write("scans/2.raw", "scan"),
         ["data scans/: changed, folder, the run listed this folder, and other names are in it now "
          "[Only a digest of the names is recorded.]"],
         as_before("scans/")),
    Case("such a file is now tracked", lambda copy: track(copy, "extra.bin"),
         ["(data extra.bin: kind, known neither to Git nor to DVC, the same content)"], REPEAT),
    Case("the split", write("splits.json", '{"train": ["a"], "test": ["b", "c"]}'),
         ["partition test: changed, splits.json, +1 example",
          "partition train: changed, splits.json, -1 example"],
         as_before("the test part and the train part")),
    Case("an option of the interpreter",
         command("python", "-O", *COMMAND[1:]),
         ["command program: -O added, settings left out"], as_before("the program")),
    Case("another folder",
         command("python", "../train.py", *COMMAND[2:], folder="tools"),
         ["command folder: '' → 'tools', where the command runs"],
         unless("it ran in the root of the repository")),
    Case("a library", upgraded("tinylib", "2.0"),
         ["libraries tinylib: major '1.0' → '2.0', the run imported it"],
         unless("tinylib were 1.0")),
    Case("an editable library", linked("ONE = 2\n"),
         ["libraries linked: sources, the run imported it from a folder "
          "[Only a digest of its sources is recorded.]"],
         as_before("the sources of linked")),
    Case("a setting, a function and data", together(
         replace("params.yaml", "1e-3", "0.1"), replace("model.py", "+ 1", "+ 2"),
         append(TRAIN_CSV, "d,4\n")),
         ["settings optimizer.lr: 0.001 → 0.1, params.yaml",
          "code model.py: predict changed, reached by the run",
          "data data: train.csv changed, tracked by DVC, +4 bytes"],
         unless("`optimizer.lr` were 0.001 and `predict` in model.py and `train.csv` in data "
                "were as in base")),
]  # fmt: skip
CASES = [*CODE, *SETTINGS, *OTHERS]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make the project, with its data in the DVC cache, and record one experiment."""
    top = tmp_path_factory.mktemp("explain")
    environment = make_environment(top / "environment")
    project = make_project(top / "project", environment)
    storage = place.find(project.root, project.root)
    assert storage is not None
    store_folder(storage, project.root / "data")
    return project.root, environment


@pytest.fixture
def copy(base: tuple[Path, Path], tmp_path: Path) -> Copy:
    project, environment = base
    shutil.copytree(project, tmp_path / "project", symlinks=True)
    return Copy(tmp_path / "project", environment)


def said(detail: dict[str, Any]) -> str:
    """Return an entry of `differences` on one line."""
    what = [
        " ".join(filter(None, [piece["name"], piece["change"], piece["aspect"]]))
        for piece in detail["pieces"]
    ]
    if lines := detail["lines"]:
        what.append(f"+{lines['added']} -{lines['removed']} lines from {lines['first']}")
    if not what:
        values = f"{detail['recorded']!r} → {detail['planned']!r}"
        shown = detail["input"] in ("settings", "command", "libraries")
        shown &= detail["change"] != "sources"
        word = "" if shown and detail["change"] == "changed" else detail["change"]
        what.append(f"{word} {values if shown else ''}".strip())
    known = detail["kind"] if detail["input"] in ("settings", "data", "partition") else ""
    text = ", ".join(filter(None, ["; ".join(what), known, detail["why"]]))
    text = f"{detail['input']} {detail['name']}: {text}"
    text += f" [{detail['note']}]" if detail["note"] else ""
    return text if detail["counts"] else f"({text})"


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"[^\w.]+", "-", case.title))
def test_what_differs_is_named(case: Case, copy: Copy) -> None:
    case.edit(copy)
    answer = copy.asks("check", "--explain")
    explanation = answer["explanation"]
    (nearest,) = explanation["nearest"]
    assert [said(detail) for detail in nearest["differences"]] == case.says
    assert explanation["closing"] == case.closing
    assert (nearest["experiment"], nearest["level"]) == ("base", answer["level"])
    told = {(one["input"], one["name"], one["counts"]) for one in answer["differences"]}
    assert {(one["input"], one["name"], one["counts"]) for one in nearest["differences"]} == told
