"""The page on ready-made gates uses only what the gates have, and shows all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).resolve().parents[2]
PAGE = (TOP / "docs" / "how-to" / "gates.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((TOP / "action.yml").read_text(encoding="utf-8"))
GITLAB = yaml.safe_load((TOP / "ci" / "gitlab.yml").read_text(encoding="utf-8"))[".gitml-check"]
HOOKS = yaml.safe_load((TOP / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))

_FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _documents() -> list[Any]:
    return [yaml.safe_load(text) for text in _FENCE.findall(PAGE)]


def _workflows() -> list[dict[Any, Any]]:
    # YAML 1.1 reads the key `on` as true.
    return [document for document in _documents() if True in document]


def _steps() -> Iterator[dict[str, Any]]:
    for workflow in _workflows():
        for job in workflow["jobs"].values():
            yield from (step for step in job["steps"] if "/gitml@" in step.get("uses", ""))


def test_the_workflows_give_the_action_inputs_that_it_has() -> None:
    assert len(list(_steps())) == 3
    for step in _steps():
        assert step.get("with", {}).keys() <= ACTION["inputs"].keys()


def test_the_workflows_ask_for_outputs_that_the_action_has() -> None:
    found = re.findall(r"steps\.gitml\.outputs\.(\w+)", PAGE)
    assert found
    assert set(found) <= ACTION["outputs"].keys()
    assert set(re.findall(r"needs\.repeat\.outputs\.(\w+)", PAGE)) <= set(found)


def test_the_workflows_may_read_and_are_started_by_harmless_events() -> None:
    for workflow in _workflows():
        assert workflow["permissions"] == {"contents": "read"}
        assert workflow[True].keys() <= {"pull_request", "push"}


def test_no_script_of_a_workflow_has_an_expression() -> None:
    for workflow in _workflows():
        for job in workflow["jobs"].values():
            assert not any("${{" in step.get("run", "") for step in job["steps"])


def test_every_input_and_variable_is_explained_with_its_default() -> None:
    for name, spec in ACTION["inputs"].items():
        row = re.search(rf"^\| `{name}` \|.*\| (.+) \|$", PAGE, re.MULTILINE)
        assert row, name
        assert not spec["default"] or row[1] == f"`{spec['default']}`", name
    for name, value in GITLAB["variables"].items():
        if name.startswith("GITML_"):
            row = re.search(rf"^\| `{name}` \|.*\| (.+) \|$", PAGE, re.MULTILINE)
            assert row, name
            assert not value or row[1] == f"`{value}`", name


def test_the_gitlab_jobs_set_variables_that_the_template_has() -> None:
    jobs = next(document for document in _documents() if "include" in document)
    extending = [job for job in jobs.values() if "extends" in job]
    assert len(extending) == 2
    for job in extending:
        assert job["extends"] == ".gitml-check"
        assert job["variables"].keys() <= GITLAB["variables"].keys()


def test_the_hooks_exist() -> None:
    known = {hook["id"] for hook in HOOKS}
    shown = [
        hook["id"]
        for document in _documents()
        if "repos" in document
        for repository in document["repos"]
        for hook in repository["hooks"]
    ]
    assert known <= set(shown)
    assert set(shown) <= known
