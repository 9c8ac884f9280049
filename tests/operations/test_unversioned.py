"""Data that nobody versions is named once, by a command that works where the user stands."""

from __future__ import annotations

from pathlib import Path

from gitml.operations.unversioned import unversioned_warnings
from tests.conftest import Project

TRACKED = ("train.py", "sets/a/prepare.py")


def test_one_file_is_named_itself() -> None:
    assert unversioned_warnings(["sets/b/x.csv"], TRACKED) == [
        "sets/b/x.csv is not versioned; `dvc add sets/b/x.csv` would track it."
    ]


def test_files_of_a_folder_without_anything_tracked_are_named_by_that_folder() -> None:
    paths = [f"sets/b/{part}/{number}.png" for part in "xy" for number in range(1000)]
    assert unversioned_warnings(paths, TRACKED) == [
        "2000 files in sets/b are not versioned; `dvc add sets/b` would track them."
    ]


def test_files_beside_tracked_ones_are_named_one_by_one_but_not_all_of_them() -> None:
    (two,) = unversioned_warnings(["sets/a/x.bin", "sets/a/y z.bin"], TRACKED)
    assert "`dvc add sets/a/x.bin 'sets/a/y z.bin'`" in two
    (many,) = unversioned_warnings([f"{number}.bin" for number in range(9)], TRACKED)
    assert many == (
        "9 files in the top folder are not versioned; "
        "`dvc add 0.bin 1.bin 2.bin 3.bin …` would track them."
    )


def test_commands_are_given_for_the_folder_where_the_user_stands() -> None:
    (said,) = unversioned_warnings(["sets/b/1", "sets/b/2"], TRACKED, "sets/a")
    assert "`dvc add ../b`" in said


def test_dvc_cannot_add_what_is_outside_of_the_repository() -> None:
    (said,) = unversioned_warnings([f"/mnt/huge/{number}.jpg" for number in range(9)], TRACKED)
    assert said == (
        "9 files in /mnt/huge are outside of the repository and not versioned; "
        "`dvc import-url /mnt/huge` would bring them in."
    )


def test_a_run_that_reads_a_folder_of_ignored_files_says_so_in_one_line(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.write(
        "train.py",
        "import pathlib\n"
        "print('loss', sum(len(p.read_text()) for p in pathlib.Path('pics').glob('*')))\n",
    )
    project.write(".gitignore", "pics/\n")
    for number in range(30):
        project.write(f"pics/{number}.txt", "x")
    project.git("init", "-q")
    said = project.gitml("exp", "run", "--", "python", "train.py").stderr
    assert said.count("not versioned") == 1
    assert "30 files in pics" in said
