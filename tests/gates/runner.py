"""The steps of the ready-made gates, run as GitHub and GitLab run them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import BIN

ROOT = Path(__file__).parent.parent.parent
_EXPRESSION = re.compile(r"\$\{\{\s*([^}]+?)\s*\}\}")


class Done:
    """What a job left behind: its status, what it printed, its outputs and its summary."""

    def __init__(
        self, status: int, printed: str, outputs: dict[str, str], summary: str = ""
    ) -> None:
        self.status = status
        self.printed = printed
        self.outputs = outputs
        self.summary = summary


def bare_environment(tmp_path: Path, *, gitml: bool = True) -> dict[str, str]:
    """Return what a fresh job has: a home without any configuration, and no identity."""
    home = tmp_path / "job-home"
    home.mkdir(exist_ok=True)
    path = "/usr/local/bin:/usr/bin:/bin"
    return {
        "HOME": str(home),
        "PATH": f"{BIN}:{path}" if gitml else path,
        "CI": "true",
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_SITE_CACHE_DIR": str(home / "dvc-site"),
    }


def run_action(workspace: Path, tmp_path: Path, **inputs: str) -> Done:
    """Run the composite action in a checkout, its expressions resolved as GitHub resolves them."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    values = {name: str(spec.get("default", "")) for name, spec in action["inputs"].items()}
    values |= {name.replace("_", "-"): value for name, value in inputs.items()}
    assert values.keys() == action["inputs"].keys()
    context = {f"inputs.{name}": value for name, value in values.items()}
    context["github.action_path"] = str(ROOT)
    summary = tmp_path / "summary.md"
    summary.write_text("")
    printed, status = [], 0
    for number, step in enumerate(action["runs"]["steps"]):
        output = tmp_path / f"output-{number}"
        output.write_text("")
        script = tmp_path / f"step-{number}.sh"
        assert "${{" not in step["run"], "an expression in a script is executed"
        script.write_text(step["run"])
        env = bare_environment(tmp_path) | {
            name: _resolved(text, context) for name, text in step.get("env", {}).items()
        }
        env |= {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
        env |= {"RUNNER_TEMP": str(tmp_path), "GITHUB_ACTIONS": "true"}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=workspace / _resolved(step.get("working-directory", "."), context),
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        printed.append(done.stdout + done.stderr)
        status = done.returncode
        for name, value in _read_outputs(output.read_text()).items():
            context[f"steps.{step['id']}.outputs.{name}"] = value
        if status:
            break
    outputs = {name: _resolved(spec["value"], context) for name, spec in action["outputs"].items()}
    return Done(status, "".join(printed), outputs, summary.read_text())


def run_gitlab(workspace: Path, tmp_path: Path, **variables: str) -> Done:
    """Run the hidden job of the GitLab template with `sh`, as a runner without bash does."""
    job = yaml.safe_load((ROOT / "ci/gitlab.yml").read_text())[".gitml-check"]
    assert variables.keys() <= job["variables"].keys()
    env = bare_environment(tmp_path) | job["variables"] | variables
    script = tmp_path / "job.sh"
    script.write_text("set -e\n" + "\n".join([*job["before_script"], *job["script"]]))
    done = subprocess.run(
        ["sh", str(script)],
        cwd=workspace,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    report = workspace / job["artifacts"]["reports"]["dotenv"]
    lines = report.read_text().splitlines() if report.exists() else []
    outputs = dict(line.split("=", 1) for line in lines)
    return Done(done.returncode, done.stdout + done.stderr, outputs)


def hooks() -> dict[str, dict[str, Any]]:
    """Return the hooks for pre-commit by their id."""
    listed = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return {hook["id"]: hook for hook in listed}


def _resolved(text: str, context: dict[str, str]) -> str:
    return _EXPRESSION.sub(lambda found: context.get(found[1], ""), text)


def _read_outputs(text: str) -> dict[str, str]:
    """Read a file of step outputs: `name=value` lines and `name<<END … END` blocks."""
    outputs: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, arrow, end = line.partition("<<")
        if arrow and "=" not in name:
            block = []
            for inner in lines:
                if inner == end:
                    break
                block.append(inner)
            outputs[name] = "\n".join(block)
        else:
            name, _, value = line.partition("=")
            outputs[name] = value
    return outputs


def clone(bare: Path, to: Path, *options: str) -> Path:
    """Clone as a job's checkout does: by URL, so that depth and filters hold, and detached."""
    subprocess.run(
        ["git", "clone", "-q", *options, f"file://{bare}", str(to)],
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1"},
    )
    subprocess.run(["git", "checkout", "-q", "--detach"], cwd=to, check=True)
    return to
