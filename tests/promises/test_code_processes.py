"""Which edits of code lead to a new experiment when it runs in other processes, seen or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Project
from tests.promises.looking import inputs_of
from tests.promises.scenes import append, asked, levels, scene, write

NEAR, EQUIVALENT, IDENTICAL = "near", "equivalent", "identical"


def family(tmp_path: Path, start: str) -> Project:
    """Record a run that starts `child.py`, which imports `secret.py`."""
    start = f"import subprocess, sys\n{start}\n"
    return scene(
        tmp_path / "p",
        {
            "train.py": start,
            "child.py": "import secret\nprint('loss', secret.X)\n",
            "secret.py": "X = 1\n",
            "unused.py": "X = 1\n",
        },
    )


CHANGE = {
    "secret": append("secret.py", "x = 1\n"),
    "unused": append("unused.py", "x = 1\n"),
    "remark": append("secret.py", "# x\n"),
}


def test_a_child_process_that_is_observed_counts_by_what_it_reached(tmp_path: Path) -> None:
    project = family(tmp_path, "subprocess.run([sys.executable, 'child.py'], check=True)")
    assert inputs_of(project)["code"]["observed"]
    assert levels(project, CHANGE) == {"secret": NEAR, "unused": EQUIVALENT, "remark": EQUIVALENT}


@pytest.mark.parametrize(
    "start",
    [
        "subprocess.run([sys.executable, 'child.py'], check=True, env={})",
        "subprocess.run('python -E child.py', shell=True, check=True)",
    ],
)
def test_where_a_child_process_is_not_observed_everything_tracked_counts(
    tmp_path: Path, start: str
) -> None:
    project = family(tmp_path, start)
    assert not inputs_of(project)["code"].get("observed", False)
    assert asked(project) == (IDENTICAL, "")
    assert levels(project, CHANGE) == {"secret": NEAR, "unused": NEAR, "remark": EQUIVALENT}
    said = project.gitml("exp", "run", "--force").stderr
    assert "where gitml can't see what Python imports, so every tracked file counts" in said


POOLS = {
    "spawn": "multiprocessing.get_context('spawn').Pool(2).map(work.read, NAMES)",
    "futures": "list(concurrent.futures.ProcessPoolExecutor(2).map(work.read, NAMES))",
}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())
def test_what_only_workers_read_and_import_counts(tmp_path: Path, pool: str) -> None:
    project = scene(
        tmp_path / "p",
        {
            "work.py": "import os\n"
            "def read(name):\n    import lazy\n    os.listdir('plugins')\n"
            "    return len(open(name).read()) + lazy.X\n",
            "lazy.py": "X = 1\n",
            "unused.py": "X = 1\n",
            "plugins/a.py": "",
            "train.py": "import concurrent.futures, multiprocessing\nimport work\n"
            "NAMES = ['a.bin', 'b.bin', 'notes.md']\n"
            f"if __name__ == '__main__':\n    print('loss', sum({pool}))\n",
            "a.bin": "1",
            "b.bin": "2",
            "notes.md": "3",
        },
        ignored="*.bin\n",
    )
    assert inputs_of(project)["code"]["observed"]
    assert levels(
        project,
        {
            "lazy": append("lazy.py", "x = 1\n"),
            "data": append("b.bin", "x"),
            "notes": append("notes.md", "x"),
            "plugin": write("plugins/b.py", ""),
            "unused": append("unused.py", "x = 1\n"),
        },
    ) == {"lazy": NEAR, "data": NEAR, "notes": NEAR, "plugin": NEAR, "unused": EQUIVALENT}


LOADER = """\
import torch
from torch.utils.data import DataLoader, Dataset


class Files(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        import transform
        return transform.scale(len(open(f"images/{index}.raw").read()))


if __name__ == "__main__":
    total = 0
    for context in ("fork", "spawn"):
        loader = DataLoader(Files(), num_workers=1, multiprocessing_context=context)
        total += sum(float(batch) for batch in loader)
    print("loss", total)
"""


def test_what_data_loaders_read_in_their_workers_counts(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "train.py": LOADER,
            "transform.py": "def scale(x):\n    return x\n",
            "other.py": "",
            "images/0.raw": "x",
            "images/1.raw": "x",
        },
        ignored="/images\n",
    )
    assert inputs_of(project)["code"]["observed"]
    assert levels(
        project,
        {
            "transform": append("transform.py", "x = 1\n"),
            "image": append("images/1.raw", "x"),
            "other": append("other.py", "x = 1\n"),
        },
    ) == {"transform": NEAR, "image": NEAR, "other": EQUIVALENT}


def test_a_launcher_of_several_processes_is_observed_through(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "train.py": "import os\nimport work\n"
            "if os.environ['RANK'] == '1':\n    import second\n"
            "print('loss', work.X)\n",
            "work.py": "X = 1\n",
            "second.py": "X = 1\n",
            "unused.py": "X = 1\n",
        },
        "python -m torch.distributed.run --nproc_per_node 2 --master_port 29517 train.py",
    )
    assert inputs_of(project)["code"]["observed"]
    assert levels(
        project,
        {name: append(f"{name}.py", "x = 1\n") for name in ("work", "second", "unused")},
    ) == {"work": NEAR, "second": NEAR, "unused": EQUIVALENT}


SEVERAL = {
    "prepare.py": "import first\nopen('mid.txt', 'w').write('1')\n",
    "train.py": "import second\nprint('loss', open('mid.txt').read())\n",
    "first.py": "X = 1\n",
    "second.py": "X = 1\n",
    "unused.py": "X = 1\n",
    "clean.py": "X = 1\n",
    "all.sh": "#!/bin/sh\nset -e\npython prepare.py\npython train.py\n",
    "Makefile": "all:\n\tpython prepare.py\n\tpython train.py\nclean:\n\tpython clean.py\n",
    "hidden.sh": "python prepare.py\nPYTHONPATH=$PWD python train.py\n",
}


@pytest.mark.parametrize(
    "command",
    [
        "./all.sh",
        "make",
        "bash -c 'python prepare.py && python train.py'",
    ],
)
def test_a_shell_that_calls_python_twice_is_observed_both_times(
    tmp_path: Path, command: str
) -> None:
    project = scene(
        tmp_path / "p", SEVERAL, command, prepare=lambda p: (p.root / "all.sh").chmod(0o755)
    )
    assert inputs_of(project)["code"]["observed"]
    assert levels(
        project,
        {
            "script": append("all.sh", "# remark\n"),
            "first": append("first.py", "x = 1\n"),
            "second": append("second.py", "x = 1\n"),
            "second remark": append("second.py", "# x = 1\n"),
            "unused": append("unused.py", "x = 1\n"),
        },
    ) == {
        "script": NEAR,
        "first": NEAR,
        "second": NEAR,
        "second remark": EQUIVALENT,
        "unused": EQUIVALENT,
    }


@pytest.mark.parametrize(
    "command",
    [
        "sh hidden.sh",
        "bash -c 'python prepare.py && python -E train.py'",
        "python -I train.py",
        "awk '{print}' prepare.py",
    ],
)
def test_without_an_observer_everything_tracked_counts(tmp_path: Path, command: str) -> None:
    files = {**SEVERAL, "mid.txt": "1"}
    files["train.py"] = "import sys\nsys.path.insert(0, '.')\n" + files["train.py"]
    project = scene(tmp_path / "p", files, command)
    assert not inputs_of(project)["code"].get("observed", False)
    assert asked(project) == (IDENTICAL, "")
    assert levels(
        project,
        {
            "second": append("second.py", "x = 1\n"),
            "unused": append("unused.py", "x = 1\n"),
            "new": write("brand_new.py", "x = 1\n"),
            "remark": append("unused.py", "# x\n"),
            "readme": write("README.md", "x"),
        },
    ) == {
        "second": NEAR,
        "unused": NEAR,
        "new": NEAR,
        "remark": EQUIVALENT,
        "readme": IDENTICAL,
    }
