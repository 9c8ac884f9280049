from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gitml.history.rows import Row
from gitml.inputs.difference import Difference
from gitml.operations.check import CheckResult
from gitml.operations.check_champion import Rivals
from gitml.operations.check_examine import Examined
from gitml.operations.check_since import SinceResult
from gitml.operations.soundness import Problem
from gitml.views import annotations, check_markdown, check_since, documents

ROW = Row(
    *("a1b2c3d" + "0" * 33, "calm-fox", "main", "completed", "2020-01-01T00:00:00Z", 0.0, 0, 1),
    *("Ada", "ada@example.org", {"lr": 0.1}, {"accuracy": 0.9}, "sha256:0", "sha256:1", {}, True),
)
LR = Difference("settings", "lr", 0.1, 0.2)
TEXT = st.text(st.sampled_from("%:,\n\r=<>$`'\"#{}[]()\x1b\x85\u2028ab1 ")) | st.text(max_size=40)
SAFE = re.compile(r'[\w.{}":,\[\]\\+/-]*', re.ASCII)


def row(**changes: Any) -> Row:
    return msgspec.structs.replace(ROW, **changes)


def read(text: str) -> dict[str, str]:
    """Read outputs as GitHub's runner does: it knows three line breaks."""
    lines = iter(re.split(r"\r\n|\r|\n", text.removesuffix("\n")))
    found = {}
    for line in lines:
        name, _, end = line.partition("<<")
        value = []
        while (part := next(lines)) != end:
            value.append(part)
        found[name] = "\n".join(value)
    return found


@given(TEXT, TEXT)
def test_no_text_is_a_command_or_ends_one(name: str, text: str) -> None:
    result = CheckResult("near", False, row(experiment=name, metrics={text: text}), (), (text,))
    lines = re.split(r"[\r\n]", annotations.check_commands(result))
    assert len(lines) == 2
    assert all(re.fullmatch(r"::notice title=[^:,]*::.*", line, re.DOTALL) for line in lines)


@given(TEXT, st.dictionaries(TEXT, TEXT | st.floats() | st.integers() | st.none(), max_size=5))
def test_no_text_sets_another_output(name: str, metrics: dict[str, Any]) -> None:
    result = CheckResult("identical", False, row(experiment=name, metrics=metrics), duplicate=True)
    outputs = annotations.check_outputs(result)
    assert read(annotations.output_file(outputs)) == outputs
    assert SAFE.fullmatch(outputs["experiment"])
    assert SAFE.fullmatch(outputs["metrics"])
    assert set(json.loads(outputs["metrics"])) == set(metrics)
    lines = annotations.dotenv(outputs).splitlines()
    assert [line.partition("=")[0] for line in lines] == [f"GITML_{n.upper()}" for n in outputs]


def test_metrics_on_one_line_have_an_end() -> None:
    many = {f"metric{number}": float(number) for number in range(10_000)}
    result = CheckResult("identical", True, row(metrics={**many, "best": 1.0}, primary="best"))
    outputs = annotations.check_outputs(result)
    assert len(annotations.dotenv(outputs)) < 5_000
    assert next(iter(json.loads(outputs["metrics"]))) == "best"


def test_delimiters_differ_every_time() -> None:
    one, other = (annotations.output_file({"a": "b"}) for _ in range(2))
    assert one != other


def test_nothing_near_has_outputs_too() -> None:
    outputs = annotations.check_outputs(CheckResult("new", False))
    assert (outputs["duplicate"], outputs["experiment"], outputs["metrics"]) == ("false", "", "{}")
    assert annotations.failed_outputs().keys() == outputs.keys()


def added(*problems: Problem, **changes: Any) -> SinceResult:
    one = Examined(row(**changes), "near", ROW, problems)
    return SinceResult("origin/main", (one,), rivals=Rivals("main", "accuracy", "max", one.row))


def test_every_problem_is_an_annotation() -> None:
    result = added(
        Problem("tree", "error", "100 % wrong:\nx"), Problem("failed", "warning", "It failed.")
    )
    lines = annotations.since_commands(result).splitlines()
    assert lines[0].startswith("::error title=gitml check%3A tree::calm-fox (a1b2c3d): 100 %25")
    assert lines[1].startswith("::warning title=gitml check%3A failed::")
    assert lines[2].startswith("::error title=gitml check::1 of 1 experiment")
    outputs = annotations.since_outputs(result)
    assert (outputs["result"], outputs["experiment"]) == ("blocked", "calm-fox")
    assert (outputs["experiments"], outputs["unsound"]) == ("1", "1")


def test_thousands_of_problems_are_summed_up() -> None:
    problems = [Problem("tree", "error", f"{number} is wrong.") for number in range(5_000)]
    lines = annotations.since_commands(added(*problems)).splitlines()
    assert len(lines) < 150
    assert any("more problems" in line for line in lines)
    assert len(check_markdown.since(added(*problems)).encode()) < 65_536


@given(TEXT)
def test_one_line_is_one_line_in_every_form(text: str) -> None:
    result = added(Problem("tree", "error", text), experiment=text, metrics={text: text})
    table, problem, champion = check_since.render(result).split("\n\n")[1:]
    assert len(table.split("\n")) == 3
    assert len(problem.split("\n")) == len(champion.split("\n")) == 1
    rows = check_markdown.since(result).split("\n")
    assert sum(line.startswith("| ") for line in rows) == 6
    json.dumps(documents.since_result(result), allow_nan=False)


def test_a_blocked_check_in_markdown_says_all_that_matters() -> None:
    text = check_markdown.check(
        CheckResult("identical", True, ROW, (LR,), ("A @note.",), duplicate=True)
    )
    assert "### gitml check: blocked" in text
    assert "| `accuracy` | 0.9 |" in text
    assert "| `settings` | `lr` | 0.1 | 0.2 |  |" in text
    assert "gitml exp apply calm-fox" in text
    assert "- A @\u200bnote." in text
    assert check_markdown.check(CheckResult("new", False)).endswith("is near.")


def test_nothing_added_is_said() -> None:
    result = SinceResult("origin/main", ())
    assert check_since.render(result) == "passed: no experiment was added since origin/main"
    assert "no experiment was added" in check_markdown.since(result)
    assert annotations.since_outputs(result)["result"] == "passed"
