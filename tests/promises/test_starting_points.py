"""A run that starts from what another experiment made says so."""

from __future__ import annotations

from tests.conftest import Project

SAVE = """
import json, pathlib, sys, torch
start = pathlib.Path("model.pt")
state = torch.load(start, weights_only=True) if "--resume" in sys.argv else {"w": torch.zeros(4)}
step = float(sys.argv[sys.argv.index("--step") + 1])
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
torch.save({"w": state["w"] + step}, out)
pathlib.Path("metrics.json").write_text(json.dumps({"sum": float(state["w"].sum() + 4 * step)}))
"""


def test_weights_of_another_experiment_are_recognised_though_they_were_converted(
    project: Project,
) -> None:
    project.write("train.py", SAVE)
    first = project.run("--", "python", "train.py", "--step", "1", "--out", "model.pt")
    second = project.run("--", "python", "train.py", "--resume", "--step", "2", "--out", "tuned.pt")
    record = project.json("exp", "show", second["experiment"])
    assert [item["commit"] for item in record["init_from"]] == [first["commit"]]
    assert record["metrics"]["sum"] == 12
    again = project.run("--", "python", "train.py", "--resume", "--step", "2", "--out", "tuned.pt")
    assert again["reused"] is True
