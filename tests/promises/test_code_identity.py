"""Which edits of code lead to a new experiment, for the many ways in which programs find code."""

from __future__ import annotations

import json
from pathlib import Path

from tests.promises.scenes import append, asked, levels, scene, write

NEAR, EQUIVALENT, IDENTICAL = "near", "equivalent", "identical"


LISTINGS = [
    "os.listdir('{}')",
    "[entry.name for entry in os.scandir('{}')]",
    "map(os.path.basename, glob.glob('{}/*.py'))",
    "[path.name for path in pathlib.Path('{}').iterdir()]",
    "[path.name for path in pathlib.Path('{}').rglob('*.py')]",
    "[module.name + '.py' for module in pkgutil.iter_modules(['{}'])]",
    "[module.name[3:] + '.py' for module in pkgutil.walk_packages(['{}'], '{}.')]",
    "[entry.name for entry in importlib.resources.files('{}').iterdir()]",
]


def test_a_new_module_in_a_folder_that_the_program_lists_counts(tmp_path: Path) -> None:
    files = {"other/one.py": "VALUE = 1\n", "walked/deep/one.py": "VALUE = 1\n"}
    lines = ["import glob, importlib, importlib.resources, os, pathlib, pkgutil", "total = 0"]
    for number, listing in enumerate(LISTINGS):
        folder = f"p{number}"
        files |= {f"{folder}/__init__.py": "", f"{folder}/one.py": "VALUE = 1\n"}
        lines.append(f"names = {listing.replace('{}', folder)}")
        lines.append("names = [name[:-3] for name in names if name.endswith('.py')]")
        lines.append("names = [name for name in names if name != '__init__']")
        lines.append("assert names == ['one'], names")
        lines.append(f"total += importlib.import_module('{folder}.one').VALUE")
    lines.append("list(os.walk('walked'))")
    files["train.py"] = "\n".join([*lines, "print('loss', total)\n"])
    project = scene(tmp_path / "p", files)
    edits = {folder: write(f"{folder}/two.py", "VALUE = 2\n") for folder in _folders()}
    assert levels(project, edits) == dict.fromkeys(edits, NEAR)
    edits = {
        "new in a folder below one that was walked": write("walked/new/two.py", ""),
        "new elsewhere": write("other/two.py", "VALUE = 2\n"),
        "changed elsewhere": write("other/one.py", "VALUE = 2\n"),
    }
    assert list(levels(project, edits).values()) == [NEAR, EQUIVALENT, EQUIVALENT]


def _folders() -> list[str]:
    return [f"p{number}" for number in range(len(LISTINGS))]


def test_conditional_and_lazy_imports(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "params.yaml": "model: small\nflag: 0\n",
            "small.py": "SIZE = 1\n",
            "large.py": "SIZE = 2\n",
            "zoo/__init__.py": "",
            "zoo/cat.py": "X = 1\n",
            "zoo/dog.py": "X = 2\n",
            "lazy.py": "Y = 1\n",
            "train.py": "import importlib\n"
            "text = open('params.yaml').read()\n"
            "model = importlib.import_module(text.split()[1])\n"
            "def late():\n    import lazy\n    return lazy.Y\n"
            "if text.split()[3] == '1':\n    import zoo.dog as animal\n"
            "else:\n    import zoo.cat as animal\n"
            "try:\n    import tuned\n    bonus = tuned.BONUS\n"
            "except ImportError:\n    bonus = 0\n"
            "try:\n    from zoo import parrot\n"
            "except ImportError:\n    parrot = None\n"
            "print('loss', model.SIZE + animal.X + bonus + late())\n",
        },
    )
    assert levels(
        project,
        {
            "small": write("small.py", "SIZE = 3\n"),
            "large": write("large.py", "SIZE = 3\n"),
            "cat": write("zoo/cat.py", "X = 3\n"),
            "dog": write("zoo/dog.py", "X = 3\n"),
            "lazy": write("lazy.py", "Y = 3\n"),
            "tuned": write("tuned.py", "BONUS = 3\n"),
            "tuned package": write("tuned/__init__.py", "BONUS = 3\n"),
            "tuned namespace": write("tuned/more.py", "BONUS = 3\n"),
            "parrot": write("zoo/parrot.py", ""),
            "unmentioned": write("zoo/newt.py", ""),
            "small becomes a package": write("small/__init__.py", "SIZE = 4"),
        },
    ) == {
        "small": NEAR,
        "large": EQUIVALENT,
        "cat": NEAR,
        "dog": EQUIVALENT,
        "lazy": NEAR,
        "tuned": NEAR,
        "tuned package": NEAR,
        "tuned namespace": NEAR,
        "parrot": NEAR,
        "unmentioned": EQUIVALENT,
        "small becomes a package": NEAR,
    }


def test_code_that_is_executed_from_its_text(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "a.py": "A = 1\n",
            "b.py": "B = 1\n",
            "c.py": "C = 1\n",
            "d/__init__.py": "",
            "d/__main__.py": "D = 1\n",
            "corpus/e.py": "# text\nE = 1\n",
            "f.py": "F = 1\n",
            "train.py": "import importlib.util, runpy, json\n"
            "exec(open('a.py').read())\n"
            "exec(compile(open('b.py').read(), 'b.py', 'exec'))\n"
            "C = runpy.run_path('c.py')['C']\n"
            "D = runpy.run_module('d')['D']\n"
            "text = open('corpus/e.py').read()\n"
            "spec = importlib.util.spec_from_file_location('zzz', 'f.py')\n"
            "f = importlib.util.module_from_spec(spec); spec.loader.exec_module(f)\n"
            "print('loss', A + B + C + D + len(text) + f.F)\n",
        },
    )
    edits = {}
    expected = {}
    for path in ("a.py", "b.py", "c.py", "d/__main__.py", "f.py"):
        edits[path] = append(path, "x = 1\n")
        edits[f"{path} remark"] = append(path, "# remark\n")
        expected |= {path: NEAR, f"{path} remark": EQUIVALENT}
    edits |= {"corpus": append("corpus/e.py", "# remark\n")}
    assert levels(project, edits) == {**expected, "corpus": NEAR}


def test_a_package_that_runs_as_a_program(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "pkg/__init__.py": "import pkg.base\n",
            "pkg/base.py": "X = 1\n",
            "pkg/__main__.py": "import pkg\nprint('loss', pkg.base.X)\n",
            "pkg/rest.py": "X = 1\n",
        },
        "python -m pkg",
    )
    assert levels(
        project,
        {
            "init": append("pkg/__init__.py", "x = 1\n"),
            "base": append("pkg/base.py", "x = 1\n"),
            "main": append("pkg/__main__.py", "x = 1\n"),
            "rest": append("pkg/rest.py", "x = 1\n"),
            "remark": append("pkg/__init__.py", "# x = 1\n"),
        },
    ) == {"init": NEAR, "base": NEAR, "main": NEAR, "rest": EQUIVALENT, "remark": EQUIVALENT}


def notebook(*cells: tuple[str, str], outputs: list[str] | None = None, kernel: str = "k") -> str:
    made = [
        {"cell_type": kind, "source": [source], "metadata": {}}
        | ({"outputs": outputs or [], "execution_count": None} if kind == "code" else {})
        for kind, source in cells
    ]
    return json.dumps({"cells": made, "metadata": {"kernel": kernel}, "nbformat": 4})


def test_a_notebook_counts_by_its_code_cells_where_a_run_opened_it(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "nb.ipynb": notebook(("markdown", "Hello"), ("code", "x = 1")),
            "other.ipynb": notebook(("code", "x = 1")),
            "run.py": "import json\n"
            "for cell in json.load(open('nb.ipynb'))['cells']:\n"
            "    if cell['cell_type'] == 'code':\n"
            "        exec(''.join(cell['source']))\n"
            "print('loss', x)\n",
        },
        "python run.py",
    )
    code = ("code", "x = 1")
    assert levels(
        project,
        {
            "output": write("nb.ipynb", notebook(("markdown", "Hello"), code, outputs=["1"])),
            "metadata": write("nb.ipynb", notebook(("markdown", "Hello"), code, kernel="z")),
            "markdown": write("nb.ipynb", notebook(("markdown", "Bye"), code)),
            "comment": write("nb.ipynb", notebook(("code", "x = 1  # so"))),
            "code": write("nb.ipynb", notebook(("code", "x = 2"))),
            "another": write("other.ipynb", notebook(("code", "x = 2"))),
        },
    ) == {
        "output": EQUIVALENT,
        "metadata": EQUIVALENT,
        "markdown": EQUIVALENT,
        "comment": EQUIVALENT,
        "code": NEAR,
        "another": IDENTICAL,
    }


def test_a_module_that_git_ignores_counts_once_a_program_would_import_it(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "train.py": "import pkg\n"
            "try:\n    import local_settings as local\n    bonus = local.X\n"
            "except ImportError:\n    bonus = 0\n"
            "# scratch is for notes\n"
            "print('loss', bonus)\n",
            "pkg/__init__.py": "try:\n    from pkg import fast\nexcept ImportError:\n    fast = None\n",
            "scratch.py": "",
        },
        ignored="local*\nfast*\nscratch.py\nother.py\nwave.py\nbuild\n",
    )
    assert asked(project) == (IDENTICAL, "")
    assert levels(
        project,
        {
            "settings": write("local_settings.py", "X = 1\n"),
            "package": write("local_settings/__init__.py", "X = 1\n"),
            "in a package": write("pkg/fast.py", "X = 1\n"),
            "native": write("pkg/fast.cpython-311-x86_64-linux-gnu.so", ""),
            "shadow": write("wave.py", ""),
            "there before": append("scratch.py", "x = 1\n"),
            "unmentioned": write("other.py", ""),
            "elsewhere": write("build/local_settings.py", ""),
        },
    ) == {
        "settings": NEAR,
        "package": NEAR,
        "in a package": NEAR,
        "native": NEAR,
        "shadow": NEAR,
        "there before": IDENTICAL,
        "unmentioned": IDENTICAL,
        "elsewhere": IDENTICAL,
    }
