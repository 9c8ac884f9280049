from __future__ import annotations

from typing import Any

import pytest

from gitml.history.rows import Row
from gitml.inputs.difference import Difference
from gitml.operations.apply import Applied
from gitml.operations.check import CheckResult
from gitml.operations.health import Finding
from gitml.operations.recover import Recovered
from gitml.operations.run import RunResult
from gitml.operations.share import Shared
from gitml.views import check, documents, health, outcome, sentences

ROW = Row(
    *("a1b2c3d" + "0" * 33, "calm-fox", "main", "completed", "2020-01-01T00:00:00Z", 0.0, 0, 1),
    *("Ada", "ada@example.org", {"lr": 0.1}, {"accuracy": 0.9}, "sha256:0", "sha256:1", {}, True),
)
LR = Difference("settings", "lr", 0.1, 0.2)
COMMENT = Difference("code", "train.py", "before", "formatting", counts=False)


def result(**changes: Any) -> RunResult:
    fields: dict[str, Any] = {
        "experiment": "brave-otter",
        "commit": "b" * 40,
        "study": "main",
        "status": "completed",
        "reused": False,
        "level": "new",
        "metrics": {"loss": 0.5, "accuracy": float("nan")},
        "seconds": 12.0,
    }
    return RunResult(**{**fields, **changes})


def test_a_recorded_run_names_its_commit_and_its_nearest() -> None:
    text = outcome.summary(result(level="near", nearest=ROW, differences=(LR,)))
    assert text.splitlines() == [
        "brave-otter completed in 12 s, recorded as bbbbbbb on exp/main",
        "  metrics   loss 0.5, accuracy NaN",
        "  inputs    near: nearest is calm-fox (lr 0.1 → 0.2)",
    ]


def test_a_reused_result_is_never_silent() -> None:
    reused = result(
        experiment="calm-fox", reused=True, level="equivalent", nearest=ROW, differences=(COMMENT,)
    )
    text = outcome.summary(reused)
    assert text.startswith("Reused: calm-fox (a1b2c3d on exp/main, 2020-01-01 by Ada)")
    assert "equivalent: comments or formatting of train.py" in text
    assert "gitml exp apply calm-fox" in text
    assert "gitml exp run --force" in text


def test_a_refused_duplicate_says_why() -> None:
    text = outcome.summary(
        result(experiment="calm-fox", status="planned", nearest=ROW, level="identical"),
        refused=True,
    )
    assert "calm-fox" in text
    assert "(--on-duplicate fail)" in text


def test_a_failure_has_its_status_and_the_end_of_its_log() -> None:
    lines = outcome.failure(
        result(status="failed", commit="", exit_status=3, tail="\n".join("abcdefghijklmn\x1b"))
    ).splitlines()
    assert lines[0] == "The command ended with status 3."
    assert lines[-2] == "  \\x1b"
    assert len(lines) == 13
    assert "--keep-failed" in lines[-1]
    killed = outcome.failure(result(status="failed", exit_status=-9))
    assert killed.splitlines()[0] == "The command was ended by signal 9."


@pytest.mark.parametrize(
    ("status", "commit", "said"),
    [
        ("failed", "", "failed after 12 s; nothing recorded"),
        ("failed", "c" * 40, "failed in 12 s, recorded as ccccccc"),
        ("interrupted", "", "interrupted after 12 s; nothing recorded"),
        ("planned", "", "It would run"),
    ],
)
def test_every_end_is_said(status: str, commit: str, said: str) -> None:
    assert said in outcome.summary(result(status=status, commit=commit))


def test_the_document_of_a_run_has_the_keys_of_the_design_first() -> None:
    document = documents.run_result(result(commit="", fingerprint=""))
    assert list(document)[:10] == [
        *("experiment", "commit", "study", "status", "reused", "level", "params", "metrics"),
        *("fingerprint", "seconds"),
    ]
    assert document["metrics"]["accuracy"] == "NaN"
    assert document["commit"] is None


def test_a_blocked_check_says_who_when_what_and_how_to_go_on() -> None:
    text = check.render(CheckResult("equivalent", True, ROW, (COMMENT,)))
    assert text.splitlines() == [
        "blocked: equivalent, recorded by calm-fox (a1b2c3d on exp/main, 2020-01-01 by Ada)",
        "  metrics   accuracy 0.9",
        "  differs   comments or formatting of train.py (doesn't count)",
        "  files     gitml exp apply calm-fox",
        "  anyway    gitml exp run --force …",
    ]


def test_a_check_that_passes_still_names_the_nearest() -> None:
    text = check.render(CheckResult("near", False, ROW, (LR,)))
    assert text.startswith("passed: near, nearest is calm-fox")
    assert "lr 0.1 → 0.2" in text
    assert "anyway" not in text
    assert check.render(CheckResult("new", False)).startswith("passed: new")


def test_the_document_of_a_check_has_the_keys_of_the_design() -> None:
    document = documents.check_result(CheckResult("near", False, ROW, (LR,)))
    assert {"level", "blocked", "nearest", "differences"} <= set(document)
    assert {"experiment", "commit", "metrics"} <= set(document["nearest"])
    assert {"input", "name", "recorded", "planned"} <= set(document["differences"][0])
    assert documents.check_result(CheckResult("new", False))["nearest"] is None


def test_findings_have_what_to_do_and_a_verdict() -> None:
    text = health.render(
        [Finding("ok", "git", "git version 2.40"), Finding("error", "index", "bad\nnews", "mend")]
    )
    assert text.splitlines() == [
        "ok       git               git version 2.40",
        "error    index             bad news",
        "                           → mend",
        "",
        "1 error",
    ]
    assert health.render([Finding("ok", "git", "fine")]).endswith("Nothing is wrong.")


def test_small_results() -> None:
    applied = Applied("calm-fox", "a" * 40, ("train.py",), ("model.bin",), "")
    assert sentences.applied(applied).splitlines() == [
        "calm-fox (aaaaaaa) is in the work tree.",
        "  files     train.py",
        "  restored  model.bin",
    ]
    assert "already" in sentences.applied(Applied("calm-fox", "a" * 40, (), (), ""))
    assert sentences.shared(Shared(("main",), 2, 1), "sent") == "sent main: 1 experiment, 2 objects"
    assert sentences.recovered([]) == "No run was interrupted."
    lost = Recovered("id", "calm-fox", "", "interrupted")
    assert "gitml exp run --resume calm-fox" in sentences.recovered([lost])
