from __future__ import annotations

from typing import Any

import msgspec

from gitml.comparison.result import (
    Code,
    Compared,
    Comparison,
    Data,
    Fact,
    Library,
    Metric,
    Output,
    Setting,
)
from gitml.experiment.record import Lock, Record
from gitml.history.rows import Event
from gitml.inputs.manifest import (
    CodeInput,
    CommandInput,
    DataInput,
    LibrariesInput,
    Manifest,
    ModuleInput,
)
from gitml.outputs.artifact import Artifact
from gitml.views import comparison, documents, record, sheet, table

EVIL = "\x1b[2Jevil\n"


def made_record(**changes: Any) -> Record:
    inputs = Manifest(
        command=CommandInput(("python", "train.py"), "sub"),
        settings={"lr": 0.1, "seed": 1},
        code=CodeInput(modules={"train.py": ModuleInput("a" * 40, "sha256:b")}, observed=True),
        data={"data": DataInput("dvc", "d" * 32 + ".dir", size=1_200_000, files=30)},
        libraries=LibrariesInput("3.11.7", "cpython", {"torch": "2.10.0"}),
        seeds=("seed",),
    )
    fields: dict[str, Any] = {
        "name": "brave-otter",
        "study": "main",
        "status": "completed",
        "created": "2026-01-02T03:04:05Z",
        "seconds": 12.3,
        "exit_status": 0,
        "argv": ("python", "train.py", "a b"),
        "params": {"lr": 0.1, "seed": 1, "log_interval": 10},
        "metrics": {"loss": "NaN", "accuracy": 0.98},
        "inputs": inputs,
        "digests": inputs.digests(),
        "fingerprint": inputs.fingerprint(),
        "lookup": "sha256:0",
        "goals": {"accuracy": "max"},
        "primary": "accuracy",
        "artifacts": (Artifact("model.safetensors", "weights", "dvc", "e" * 32, 1_500_000),),
        "libraries": Lock("partial", packages={"torch": "2.10.0"}, unlocked=("torch",)),
        "environment": {"cpu": {"count": 2}, "memory": 8_000_000_000},
        "warnings": ("data.csv is not versioned",),
    }
    return Record(**{**fields, **changes})


def test_show_says_everything_in_a_readable_order() -> None:
    event = Event("c" * 40, "note", "a" * 40, "Ada", "", 1_760_000_000, {"text": "overfits"})
    sections = record.sections(
        made_record(), events=[event], history={"accuracy": [0.1, 0.5, 0.98]}
    )
    text = sheet.text(sections, width=100)
    titles = [line for line in text.splitlines() if line and line[0].isupper()]
    assert titles == [
        *("Metrics", "Settings", "Inputs", "Data", "Libraries", "Artifacts", "Environment"),
        *("Warnings", "Since then"),
    ]
    for part in (
        "brave-otter: completed in 12 s",
        "python train.py 'a b'   (in sub)",
        "max, primary  ▁▄█",
        "NaN",
        "log_interval  10   doesn't count",
        "seed",
        "1.2 MB, 30 files",
        "1 Python file that the run reached",
        "model.safetensors  weights  1.5 MB  dvc",
        "lock file partial: 1 package, 1 of them without a source",
        "memory     8.0 GB",
        "data.csv is not versioned",
        "Ada: note overfits",
    ):
        assert part in text, part
    assert text.index("accuracy") < text.index("loss")
    assert max(map(len, text.splitlines())) <= 100


def test_nothing_of_a_hostile_record_reaches_the_terminal() -> None:
    hostile = made_record(
        name=EVIL,
        argv=(EVIL,),
        params={EVIL: EVIL},
        metrics={EVIL: 1.0},
        artifacts=(Artifact(EVIL, "other", "git", EVIL, 1, note=EVIL),),
        environment={EVIL: {EVIL: EVIL}},
        warnings=(EVIL,),
        branch=EVIL,
        base="b" * 40,
    )
    event = Event("c", EVIL, "a", EVIL, "", 10**18, {EVIL: [EVIL], "text": EVIL})
    sections = record.sections(hostile, events=[event], history={EVIL: [1.0, 2.0]})
    for text in (sheet.text(sections), sheet.text(sections, width=60), sheet.markdown(sections)):
        assert "\x1b" not in text
        assert "evil\n" not in text


def test_the_document_of_show_is_the_whole_record() -> None:
    document = documents.plain(made_record())
    assert set(Record.__struct_fields__) == set(document)
    assert document["metrics"]["loss"] == "NaN"
    assert document["inputs"]["settings"] == {"lr": 0.1, "seed": 1}
    assert document["warnings"] == ["data.csv is not versioned"]
    msgspec.json.encode(document)


def compared(name: str, commit: str = "a" * 40) -> Compared:
    return Compared(name, commit, "main", "completed", "2026-01-01T00:00:00Z", "Ada", 1.5)


def made_comparison(*names: str, **changes: Any) -> Comparison:
    fields: dict[str, Any] = dict.fromkeys(
        ("metrics", "params", "libraries", "data", "code", "command", "partition", "environment"),
        (),
    )
    fields |= {
        "experiments": tuple(compared(name) for name in names),
        "comparable": True,
        "level": "near" if len(names) == 2 else "",
        "notes": (),
        "artifacts": (),
    }
    return Comparison(**{**fields, **changes})


TWO = made_comparison(
    "low",
    "high",
    metrics=(
        Metric("accuracy", (0.5, 0.9), (False, False), 0.4, True, "max", True, (None, 0.4), 1),
        Metric("loss", (0.1, 0.3), (False, False), 0.2, False, "min", False, (None, 0.2), 0),
        Metric("odd", (None, "NaN"), (True, False), None, None, "", False, (None, None), None),
    ),
    params=(Setting("lr", (0.1, "auto"), (False, False), True, False),),
    libraries=(Library("torch", ("2.9.0", "2.10.0"), "minor", True),),
    data=(Data("data", ("a" * 32, "b" * 32), "changed", (10, 20), (1, 1), ("dvc", "dvc")),),
    code=(
        Code("train.py", "modified", 3, 1, ("a", "b"), True),
        Code("logo.png", "added", None, None, (None, "b"), False),
    ),
    command=(Fact("command", ("python a.py", "python b.py"), (False, False)),),
    artifacts=(Output("model.bin", "weights", "changed", ("a" * 32, "b" * 32), (10, 20)),),
)


def test_two_experiments_with_what_is_better() -> None:
    text = sheet.text(comparison.sections(TWO))
    words = [line.split() for line in text.splitlines()]
    assert ["accuracy", "0.5", "0.9", "+0.4", "better"] in words
    assert ["loss", "0.1", "0.3", "+0.2", "worse"] in words
    assert ["odd", "–", "NaN"] in words
    assert ["lr", "0.1", "auto"] in words
    assert ["torch", "2.9.0", "2.10.0", "minor"] in words
    assert ["train.py", "modified", "+3", "-1"] in words
    assert ["logo.png", "added", "binary", "doesn't", "count"] in words
    assert ["inputs:", "near"] in words


def test_single_runs_have_words_and_no_colour_since_they_may_be_noise() -> None:
    plain = sheet.text(comparison.sections(TWO))
    coloured = sheet.text(comparison.sections(TWO), colour=True)
    assert "\x1b" not in plain
    assert "better" in coloured and "worse" in coloured
    assert "mbetter" not in coloured and "mworse" not in coloured


def test_many_experiments_stand_side_by_side_and_the_best_is_named() -> None:
    three = made_comparison(
        *("a", "b", "b"),
        metrics=(
            Metric(
                *("accuracy", (0.5, 0.9, 0.7), (False,) * 3, None, None, "max", True),
                *((None, 0.4, 0.2), 1),
            ),
        ),
        code=(Code("train.py", "differs", None, None, ("a" * 40, None, "b" * 40), None),),
    )
    text = sheet.text(comparison.sections(three))
    rows = [line.split() for line in text.splitlines()]
    assert ["accuracy", "0.5", "0.9", "0.7", "b", "aaaaaaa", "(2)"] in rows
    assert ["train.py", "aaaaaaa", "–", "bbbbbbb"] in rows


def test_experiments_that_are_the_same_say_so() -> None:
    assert sheet.text(comparison.sections(made_comparison("a", "b"))).endswith("Nothing differs.")


def test_a_comparison_as_csv_is_one_flat_table() -> None:
    lines = table.csv(comparison.flat(TWO)).splitlines()
    assert lines[:3] == [
        "part,name,low,high,change,better",
        "metrics,accuracy,0.5,0.9,0.4,better",
        "metrics,loss,0.1,0.3,0.2,worse",
    ]
    assert "params,lr,0.1,auto,," in lines
    assert "code,train.py,a,b,modified," in lines


def test_a_comparison_as_markdown_has_a_table_for_each_part() -> None:
    text = sheet.markdown(comparison.sections(TWO))
    assert "### Metrics\n\n| metric | low | high | change |  |" in text
    assert "| accuracy | 0.5 | 0.9 | +0.4 | better |" in text
    assert "2026-01-01" in text


def test_the_document_of_a_comparison_has_the_keys_of_the_design() -> None:
    document = documents.plain(TWO)
    assert {"experiments", "comparable", "metrics", "params", "libraries", "data", "code"} <= set(
        document
    )
    assert {"name", "values", "change", "better"} <= set(document["metrics"][0])
    assert {"path", "change"} <= set(document["code"][0])
    assert {"path", "role", "change"} <= set(document["artifacts"][0])
    assert {"experiment", "commit"} <= set(document["experiments"][0])


def test_a_comparison_fits_a_terminal() -> None:
    for width in (80, 50):
        text = sheet.text(comparison.sections(TWO), width=width)
        assert max(map(len, text.splitlines())) <= width


def test_commands_are_never_cut_and_varying_folders_are() -> None:
    long = " ".join(f"--option-{number} value" for number in range(20))
    found = made_comparison(
        "a",
        "b",
        command=(Fact("command", ("python a.py", f"python a.py {long}"), (False, False)),),
        artifacts=(
            Output(
                *("out/2/model.pt", "weights", "changed", ("a", "b"), (1, 1)),
                paths=("out/1/model.pt", "out/2/model.pt"),
            ),
        ),
    )
    text = sheet.text(comparison.sections(found), width=80)
    assert f"python a.py {long}" in text
    assert "out/…/model.pt" in text
