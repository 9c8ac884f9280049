"""What applying an experiment leaves as it is, it says."""

from __future__ import annotations

from tests.conftest import Project

SAVES = """\
import sys, torch
torch.save({"w": torch.full((2,), float(sys.argv[1]))}, "model.pt")
"""


def test_a_pickle_of_another_run_is_named_when_weights_are_applied(project: Project) -> None:
    project.write("save.py", SAVES)
    first = project.run("--", "python", "save.py", "1")
    project.run("--", "python", "save.py", "2")
    done = project.gitml("exp", "apply", first["experiment"])
    assert (project.root / "model.weights" / "model.safetensors").exists()
    assert "model.pt stays as it is" in done.stderr
    assert "model.weights" in done.stderr
    (project.root / "model.pt").unlink()
    assert "model.pt" not in project.gitml("exp", "apply", first["experiment"]).stderr
