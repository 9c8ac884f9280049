"""What `PYTHONPATH` puts before the modules that a run imported is noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import Project

REPOSITORY = Path(__file__).parents[2]


def test_a_module_that_pythonpath_puts_first_is_no_repeat(project: Project, tmp_path: Path) -> None:
    script = "import json, pathlib, tabulate\nimport shared\n"
    script += 'pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": shared.X}))\n'
    project.write("train.py", script)
    for name, value in (("one", "1"), ("two", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shared.py").write_text(f"X = {value}\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "unused.py").write_text("")
    (tmp_path / "hides").mkdir()
    (tmp_path / "hides" / "tabulate.py").write_text("")

    def with_path(*arguments: str, folders: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(REPOSITORY), *(str(tmp_path / one) for one in folders)])
        return subprocess.run(
            [sys.executable, "-m", "gitml", *arguments],
            cwd=project.root,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    ran = with_path("exp", "run", folders=("one",))
    assert ran.returncode == 0, ran.stderr
    assert with_path("check", folders=("one",)).returncode == 1
    assert with_path("check", folders=("one", "other")).returncode == 1
    for folders, name in ((("two",), "two/shared.py"), (("hides", "one"), "hides/tabulate.py")):
        checked = with_path("check", folders=folders)
        assert checked.returncode == 0, checked.stdout
        assert f"newly reads {tmp_path / name}" in checked.stdout
