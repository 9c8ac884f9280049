"""The examples in the docstrings of the Python API run as they stand."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

import pytest

import gitml
from gitml.api.experiments import Experiments
from gitml.api.history import log
from gitml.api.params import params
from gitml.api.summary import Summary
from tests.api.logged_lines import run_folder, values
from tests.conftest import Project

DOCUMENTED = (
    log, Summary, params, gitml.experiments, Experiments.frame, gitml.hash_split, gitml.log_split,
)  # fmt: skip
PUBLIC = [getattr(gitml, name) for name in gitml.__all__ if name != "__version__"]
IDS = [f"scan-{number}" for number in range(100)]


def examples(documented: object) -> list[str]:
    """Return the indented blocks of a docstring that stand before its sections."""
    text = inspect.getdoc(documented) or ""
    text = re.split(r"^(?:Args|Returns|Raises|Attributes):$", text, flags=re.MULTILINE)[0]
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", f"{text}\n", flags=re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


def test_examples_run_as_they_stand(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    project.write("params.yaml", "optimizer: {lr: 0.1}\nlr: 0.1\nseed: 1\n")
    project.write("train.py", "import gitml\ngitml.log(accuracy=0.95)\n")
    project.gitml("exp", "run", "--name", "calm-fox")
    monkeypatch.chdir(project.root)
    (tmp_path / "run").mkdir()
    with run_folder(tmp_path / "run", monkeypatch) as run:
        for documented in DOCUMENTED:
            blocks = examples(documented)
            assert blocks, f"{documented} has no example"
            namespace: dict[str, object] = {"gitml": gitml, "ids": IDS}
            parts = gitml.hash_split(IDS, test=0.2, valid=0.1)
            namespace |= {f"{part}_ids": members for part, members in parts.items()}
            for block in blocks:
                exec(compile(block, str(documented), "exec"), namespace)
            if documented is params:
                assert (namespace["rate"], namespace["warmup"]) == (0.1, 0)
        logged = values(run)
        assert len(logged) == 101 and logged[-1] == {"val/accuracy": 0.97, "val/loss": 0.1}
        assert gitml.summary["accuracy"] == 0.98 and gitml.summary["best_epoch"] == 7
    assert capsys.readouterr().out == "calm-fox 0.1 0.95\n"


@pytest.mark.parametrize("documented", [*PUBLIC, Experiments.frame])
def test_every_argument_is_documented(documented: object) -> None:
    if isinstance(documented, Summary):
        documented = documented.__call__
    text = inspect.getdoc(documented) or ""
    assert callable(documented)
    for name in inspect.signature(documented).parameters:
        assert name == "self" or re.search(rf"^    {name}: ", text, re.MULTILINE), name
