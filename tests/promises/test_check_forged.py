"""Records, trees and messages that no run made are noticed, whatever they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.conftest import Project
from tests.promises.forging import Document, artifact, consistent, forge, reforge
from tests.promises.judging import codes, judged, since
from tests.promises.repositories import made, shared


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two pushed experiments; tests forge others beside them."""
    top = tmp_path_factory.mktemp("forged")
    project = made(top / "project")
    shared(project, top)
    return project


def _set(**fields: object) -> Callable[[Document], object]:
    return lambda record: record.update(fields)


def _lr(record: Document) -> None:
    record["inputs"]["settings"]["lr"] = record["params"]["lr"] = 0.25


def _module(**fields: object) -> Callable[[Document], None]:
    return lambda record: record["inputs"]["code"]["modules"]["train.py"].update(fields)


FORGED = {
    "a setting, digests left": (_lr, {"record", "tree"}),
    "a setting, digests made anew": (consistent(_lr), {"record", "tree"}),
    "a metric": (lambda r: r["metrics"].update(accuracy=0.999), {"tree"}),
    "no metrics": (_set(metrics={}), {"tree"}),
    "the fingerprint": (_set(fingerprint="sha256:" + "0" * 64), {"record"}),
    "the look-up key": (_set(lookup="sha256:" + "0" * 64), {"record"}),
    "a digest": (lambda r: r["digests"].update(code="sha256:" + "0" * 64), {"record"}),
    "no digests": (_set(digests={}), {"record"}),
    "the name": (_set(name="another"), {"record"}),
    "an odd name": (_set(name="\x1b[31m$(id)\n::error::"), {"record"}),
    "the status": (_set(status="failed"), {"record"}),
    "the base": (_set(base="0" * 40), {"tree"}),
    "no base": (_set(base=""), {"tree"}),
    "the digest of a plot": (artifact("predictions.csv", digest="0" * 40), {"tree"}),
    "the digest of weights": (artifact("model.bin", digest="0" * 32), {"tree", "object"}),
    "a digest that is none": (artifact("model.bin", digest="../../etc"), {"record", "tree"}),
    "a path that leads outside": (artifact("predictions.csv", path="../../x"), {"record", "tree"}),
    "a path that is absolute": (artifact("predictions.csv", path="/etc/passwd"), {"record", "tree"}),
    "the size of weights": (artifact("model.bin", size=1), {"tree", "object"}),
    "an artifact that isn't there": (artifact("predictions.csv", path="none.csv"), {"tree"}),
    "tensors that aren't there": (artifact("model.bin", tensors="none.jsonl"), {"tree"}),
    "code that didn't run": (_module(content="0" * 40), {"tree"}),
    "a syntax digest": (consistent(_module(syntax="sha256:" + "0" * 64)), {"record"}),
    "a setting that is left out": (
        consistent(lambda r: r["inputs"]["settings"].pop("lr")), {"record", "tree"},
    ),
    "a seed that is none": (lambda r: r["inputs"].update(seeds=["nothing"]), {"record"}),
    "packages": (lambda r: r["libraries"]["packages"].update(numpy="0.0.1"), {"tree"}),
    "an empty part": (
        consistent(
            lambda r: r["inputs"].update(
                partition={"source": "s.csv", "parts": {"test": {"count": 0, "digest": ""}}}
            )
        ),
        {"record", "partition"},
    ),
    "changed inputs": (_set(changed=["train.py"]), {"changed"}),
    "a newer schema": (_set(schema=99), {"record"}),
    "a newer manifest": (lambda r: r["inputs"].update(schema=99), {"record"}),
    "a number for a name": (_set(name=7), {"record"}),
    "a negative count": (
        consistent(
            lambda r: r["inputs"].update(
                partition={"source": "s.csv", "parts": {"test": {"count": -1, "digest": ""}}}
            )
        ),
        {"record", "partition"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_record_is_noticed(recorded: Project, what: str) -> None:
    edit, expected = FORGED[what]
    study = f"forged-{list(FORGED).index(what)}"
    forge(recorded, "exp/main", study, edit)
    found = judged(recorded, study)
    assert not found.ok
    assert set(codes(found)) - {"duplicate"} == expected, found.problems
    assert all(len(problem.message) < 700 for problem in found.problems)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"null", b"[" * 100_000, b"\xff\xfe", b'{"name": 1}', b"{}" + b" " * 40_000_000,
        b'{"name": "' + b"a" * 1_000_000 + b'"}',
    ],
    ids=["nothing", "cut off", "null", "deep", "not text", "wrong types", "huge", "long"],
)  # fmt: skip
def test_a_record_that_is_none_is_a_problem(recorded: Project, data: bytes) -> None:
    study = f"none-{len(data)}"
    forge(recorded, "exp/main", study, record=data)
    found = judged(recorded, study)
    assert codes(found) == ["record"]
    assert found.level == ""


def test_hostile_values_in_a_record_are_problems_and_no_tracebacks(recorded: Project) -> None:
    def hostile(record: Document) -> None:
        escape = "\x1b]0;x\x07|`<img src=x>@everyone\n::error::\u202e"
        record["params"] = {escape * 50: escape, "lr": 2**200}
        record["metrics"] = {escape: "NaN", "accuracy": escape}
        record["inputs"]["data"] = {"../" * 100: {"kind": escape, "digest": escape}}
        record["inputs"]["command"] = {"program": [escape] * 100, "folder": "../.."}
        record["project"] = "../../etc"
        record["goals"] = {"accuracy": escape}
        record["argv"] = [escape] * 1000
        record["changed"] = [escape] * 1000
        record["artifacts"] *= 100

    reforge(recorded, "exp/main", "hostile", hostile)
    parent = recorded.git("rev-parse", "exp/hostile^1")
    for form in ((), ("--md",), ("--json",), ("--github",)):
        arguments = ("check", "--since", parent, "--study", "hostile", *form)
        done = recorded.gitml(*arguments, status=1)
        assert "Traceback" not in done.stderr
        text = (done.stdout + done.stderr).replace("\n", "")
        assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
        if form == ("--github",):
            assert all(line.startswith("::") for line in done.stdout.splitlines())
        if form == ("--md",):
            plain = re.sub("`[^`\n]*`", "", done.stdout)
            assert "<img" not in plain and "@everyone" not in plain
            assert len(done.stdout.encode()) < 65_536


FILES: dict[str, tuple[dict[str, bytes | None], set[str]]] = {
    "metrics": ({"metrics.json": b'{"accuracy": 1}'}, {"tree"}),
    "parameters": ({"params.yaml": b"lr: 0.9\nseed: 1\n"}, {"tree"}),
    "parameters that nobody can read": ({"params.yaml": b"lr: [" * 5000}, {"tree"}),
    "one more parameter": ({"params.yaml": b"lr: 0.5\nseed: 1\nnew: 1\n"}, {"tree"}),
    "the program": ({"train.py": b"print('something else')\n"}, {"tree"}),
    "the program's absence": ({"train.py": None}, set()),
    "a pointer's absence": ({"model.bin.dvc": None}, {"tree"}),
    "a pointer": (
        {"model.bin.dvc": b"outs:\n- md5: %s\n  size: 204\n  hash: md5\n  path: model.bin\n"
         % (b"a" * 32)}, {"tree"},
    ),
    "a pointer that is none": ({"model.bin.dvc": b"outs: 7\n"}, {"tree"}),
    "a pointer that leads outside": (
        {"x.dvc": b"outs:\n- md5: %s\n  hash: md5\n  path: ../../x\n" % (b"a" * 32)}, {"tree"},
    ),
    "the lock's absence": ({".gitml/pylock.toml": None}, {"tree"}),
    "the lock": ({".gitml/pylock.toml": b"lock-version = '1.0'\n"}, {"tree"}),
    "the configuration": ({"gitml.yaml": b"commnd: python train.py\n"}, {"tree"}),
    "the record's absence": ({".gitml/experiment.json": None}, {"record"}),
}  # fmt: skip


@pytest.mark.parametrize("what", FILES)
def test_a_tree_that_doesnt_match_its_record_is_noticed(recorded: Project, what: str) -> None:
    files, expected = FILES[what]
    study = f"files-{list(FILES).index(what)}"
    original = recorded.git("cat-file", "blob", "exp/main:.gitml/experiment.json")
    record = files.get(".gitml/experiment.json", original.encode() + b"\n")
    forge(recorded, "exp/main", study, files={".gitml/experiment.json": record, **files})
    found = judged(recorded, study)
    assert set(codes(found)) - {"duplicate"} == expected, found.problems


def test_comments_in_parameter_files_and_other_spellings_are_no_difference(
    recorded: Project,
) -> None:
    forge(recorded, "exp/main", "spelled", files={"params.yaml": b"seed: 1 # one\nlr: 5.0e-1\n"})
    assert codes(judged(recorded, "spelled")) in ([], ["duplicate"])


def test_a_message_that_says_otherwise_is_noticed(recorded: Project) -> None:
    message = recorded.git("log", "-1", "--format=%B", "exp/main")
    for number, (old, new) in enumerate(
        {
            "Gitml-Status: completed": "Gitml-Status: failed",
            "Gitml-Experiment: two": "Gitml-Experiment: best",
            "Gitml-Settings: sha256:": "Gitml-Settings: sha256:0",
            "Gitml-Lookup": "Gitml-Other",
        }.items()
    ):
        study = f"message-{number}"
        forge(recorded, "exp/main", study, message=message.replace(old, new))
        assert "record" in codes(judged(recorded, study)), old


def test_a_commit_in_the_wrong_place_is_noticed(recorded: Project) -> None:
    base = recorded.git("rev-parse", "main")
    line, other = recorded.git("rev-parse", "exp/main^1", "main~1").split()
    for number, parents in enumerate(((base, base), (line,), (line, base, other))):
        study = f"place-{number}"
        forge(recorded, "exp/main", study, parents=parents)
        result = since(recorded, "0" * 40, study)
        top = next(one for one in result.experiments if one.row.commit == _tip(recorded, study))
        assert "tree" in codes(top), parents


def _tip(project: Project, study: str) -> str:
    return project.git("rev-parse", f"exp/{study}")


def test_json_is_strict(recorded: Project) -> None:
    forge(recorded, "exp/main", "nan", lambda r: r["metrics"].update(accuracy="NaN"))
    done = recorded.gitml("check", "--since", "exp/nan^1", "--study", "nan", "--json", status=1)
    json.loads(done.stdout, parse_constant=lambda _: pytest.fail("not strict"))
