"""Which edits of code lead to a new experiment, wherever the code lies and however it is written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.promises.scenes import append, asked, levels, remove, scene, write
from tests.promises.small_project import install, make_environment, use

NEAR, EQUIVALENT, IDENTICAL = "near", "equivalent", "identical"
TOP = Path(__file__).parents[2]


def test_modules_in_odd_places(tmp_path: Path) -> None:
    def prepare(project: Project) -> None:
        with zipfile.ZipFile(project.root / "bundle.zip", "w") as bundle:
            bundle.writestr("zipped.py", "X = 1\n")
        with zipfile.ZipFile(project.root / "hidden.whl", "w") as bundle:
            bundle.writestr("wheeled.py", "X = 1\n")
        source = project.write("compiled.py", "X = 1\n")
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import py_compile; py_compile.compile('compiled.py', 'compiled.pyc')",
            ],
            cwd=project.root,
            check=True,
        )
        source.unlink()
        (project.root / "linked.py").symlink_to("real/target.py")
        (project.root / "folder").symlink_to("real")

    project = scene(
        tmp_path / "p",
        {
            "train.py": "import sys\nsys.path += ['bundle.zip', 'hidden.whl', 'lib', 'two/a']\n"
            "import zipped, wheeled, compiled, linked, space.part, folder.other, inlib\n"
            "import two.a.twice\nimport twice\n"
            "import tests.support, docs.conf\n"
            "print('loss', zipped.X + wheeled.X + compiled.X + linked.X)\n",
            "real/target.py": "X = 1\n",
            "real/other.py": "X = 1\n",
            "space/part.py": "X = 1\n",
            "lib/inlib.py": "X = 1\n",
            "two/a/twice.py": "X = 1\n",
            "tests/support.py": "X = 1\n",
            "tests/test_x.py": "X = 1\n",
            "docs/conf.py": "X = 1\n",
            "docs/more.py": "X = 1\n",
        },
        ignored="*.whl\n*.pyc\n",
        prepare=prepare,
    )

    def zipped(path: str, text: str):
        def edit(project: Project) -> None:
            with zipfile.ZipFile(project.root / path, "w") as bundle:
                bundle.writestr("zipped.py" if "zip" in path else "wheeled.py", text)

        return edit

    def compiled(project: Project) -> None:
        import py_compile

        (project.root / "compiled.py").write_text("X = 2\n")
        py_compile.compile(str(project.root / "compiled.py"), str(project.root / "compiled.pyc"))
        (project.root / "compiled.py").unlink()

    def relinked(project: Project) -> None:
        (project.root / "linked.py").unlink()
        (project.root / "linked.py").symlink_to("real/other.py")

    found = levels(
        project,
        {
            "zip": zipped("bundle.zip", "X = 2\n"),
            "wheel": zipped("hidden.whl", "X = 2\n"),
            "pyc": compiled,
            "pyc gets a source": write("compiled.py", "X = 2\n"),
            "link target": append("real/target.py", "x = 1\n"),
            "link target remark": append("real/target.py", "# x = 1\n"),
            "link leads elsewhere": relinked,
            "linked folder": append("real/other.py", "x = 1\n"),
            "namespace": append("space/part.py", "x = 1\n"),
            "namespace gets an init": write("space/__init__.py", "X = 1\n"),
            "path": append("lib/inlib.py", "x = 1\n"),
            "shadowed by root": write("inlib.py", "x = 1\n"),
            "twice": append("two/a/twice.py", "x = 1\n"),
            "reached test": append("tests/support.py", "x = 1\n"),
            "other test": append("tests/test_x.py", "x = 1\n"),
            "reached docs": append("docs/conf.py", "x = 1\n"),
            "other docs": append("docs/more.py", "x = 1\n"),
            "renamed": lambda p: p.git("mv", "lib/inlib.py", "lib/inlib2.py"),
            "moved in path": lambda p: p.git("mv", "lib/inlib.py", "inlib.py"),
            "case": lambda p: p.git("mv", "lib/inlib.py", "lib/Inlib.py"),
        },
    )
    assert found == {
        "zip": NEAR,
        "wheel": NEAR,
        "pyc": NEAR,
        "pyc gets a source": NEAR,
        "link target": NEAR,
        "link target remark": EQUIVALENT,
        "link leads elsewhere": NEAR,
        "linked folder": NEAR,
        "namespace": NEAR,
        "namespace gets an init": NEAR,
        "path": NEAR,
        "shadowed by root": NEAR,
        "twice": NEAR,
        "reached test": NEAR,
        "other test": EQUIVALENT,
        "reached docs": NEAR,
        "other docs": EQUIVALENT,
        "renamed": NEAR,
        "moved in path": NEAR,
        "case": NEAR,
    }


def test_odd_sources(tmp_path: Path) -> None:
    def prepare(project: Project) -> None:
        (project.root / "latin.py").write_bytes("# coding: latin-1\nX = 'é'\n".encode("latin-1"))
        (project.root / "bom.py").write_bytes(b"\xef\xbb\xbfX = 1\n")

    project = scene(
        tmp_path / "p",
        {
            "train.py": "import latin, bom, tabs, huge\n"
            "open('broken.py').read()\nopen('settings.ini').read()\n"
            "try:\n    import broken\nexcept SyntaxError:\n    pass\n"
            "try:\n    import old\nexcept SyntaxError:\n    pass\n"
            "print('loss', len(latin.X))\n",
            "tabs.py": "def f():\n\treturn 1\n\x0c\nX = 1\n",
            "huge.py": "X = [\n" + "    [1, 2, 3],\n" * 5000 + "]\n",
            "broken.py": "def (:\n",
            "old.py": "print 'hello'\n",
            "settings.ini": "[a]\n",
            "inert/a.txt": "x",
            "inert/read.txt": "x",
            "template.sql": "select 1",
        },
        config="code:\n  inert: ['inert/**']\n",
        prepare=prepare,
    )

    def raw(path: str, data: bytes):
        return lambda p: (p.root / path).write_bytes(data)

    assert levels(
        project,
        {
            "latin to utf-8": raw("latin.py", "# coding: utf-8\nX = 'é'\n".encode()),
            "latin value": raw("latin.py", "# coding: latin-1\nX = 'è'\n".encode("latin-1")),
            "cookie alone": raw("latin.py", "# coding: cp1252\nX = 'é'\n".encode("latin-1")),
            "cookie changes meaning": raw(
                "latin.py", "# coding: cp1251\nX = 'é'\n".encode("latin-1")
            ),
            "no bom": raw("bom.py", b"X = 1\n"),
            "spaces for tabs": write("tabs.py", "def f():\n    return 1\nX = 1\n"),
            "huge value": write("huge.py", "X = [\n" + "    [1, 2, 3],\n" * 4999 + "[1, 2, 4]]\n"),
            "huge layout": write("huge.py", "X = [\n" + "    [1, 2, 3],\n" * 4999 + "[1, 2, 3]]\n"),
            "broken": write("broken.py", "def (:  # x\n"),
            "old": write("old.py", "print 'hello' # x\n"),
            "mended": write("old.py", "print('hello')\n"),
            "inert": append("inert/a.txt", "x"),
            "template": append("template.sql", "x"),
        },
    ) == {
        "latin to utf-8": EQUIVALENT,
        "latin value": NEAR,
        "cookie alone": EQUIVALENT,
        "cookie changes meaning": NEAR,
        "no bom": EQUIVALENT,
        "spaces for tabs": EQUIVALENT,
        "huge value": NEAR,
        "huge layout": EQUIVALENT,
        "broken": NEAR,
        "old": NEAR,
        "mended": NEAR,
        "inert": IDENTICAL,
        "template": NEAR,
    }


def test_an_inert_file_that_a_run_opens_counts(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "train.py": "print('loss', len(open('notes/a.txt').read() + open('README.md').read()))\n",
            "notes/a.txt": "x",
            "notes/b.txt": "x",
            "README.md": "x",
        },
        config="code:\n  inert: [notes]\n",
    )
    assert levels(
        project,
        {
            "a": append("notes/a.txt", "x"),
            "b": append("notes/b.txt", "x"),
            "readme": append("README.md", "x"),
        },
    ) == {"a": NEAR, "b": IDENTICAL, "readme": NEAR}


def test_a_module_of_a_sibling_project_counts_where_it_is_reached(tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    project = Project(root)
    project.git("init", "-q")
    for path, text in {
        "vision/gitml.yaml": "command: python train.py\n",
        "vision/train.py": "import sys\nsys.path.insert(0, '../common')\nimport shared\n"
        "print('loss', shared.X + len(open('../common/table.txt').read()))\n",
        "common/shared.py": "X = 1\n",
        "common/unused.py": "X = 1\n",
        "common/table.txt": "x",
        "common/other.txt": "x",
        "speech/gitml.yaml": "command: python train.py\n",
        "speech/train.py": "",
    }.items():
        project.write(path, text)
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    Project(root / "vision").run()

    def level(edit) -> str:
        before = tmp_path / "before"
        shutil.copytree(root, before, symlinks=True)
        edit(project)
        found = asked(project, folder="vision")[0]
        shutil.rmtree(root)
        before.rename(root)
        return found

    assert level(append("common/shared.py", "x = 1\n")) == NEAR
    assert level(append("common/shared.py", "# x\n")) == EQUIVALENT
    assert level(append("common/unused.py", "x = 1\n")) in (EQUIVALENT, IDENTICAL)
    assert level(append("common/table.txt", "x")) == NEAR
    assert level(append("common/other.txt", "x")) == IDENTICAL
    assert level(write("speech/train.py", "x = 1\n")) in (EQUIVALENT, IDENTICAL)
    assert level(write("vision/shared.py", "X = 3\n")) == NEAR
    assert level(write("vision/json.py", "X = 3\n")) == NEAR


C_CODE = """\
#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "fast", "VERSION", -1, NULL};
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&def); }
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_native_code_that_was_built_in_the_tree_counts(tmp_path: Path) -> None:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")

    def build(project: Project, version: str = "1") -> None:
        source = project.root / "fast.c"
        source.write_text(C_CODE.replace("VERSION", version))
        include = sysconfig.get_path("include")
        for target in (f"fast{suffix}", "built/slow.so", "native.so"):
            (project.root / "built").mkdir(exist_ok=True)
            subprocess.run(
                [
                    "cc",
                    "-shared",
                    "-fPIC",
                    "-O0",
                    f"-I{include}",
                    source,
                    "-o",
                    project.root / target,
                ],
                check=True,
            )
        source.write_text(C_CODE)

    project = scene(
        tmp_path / "p",
        {
            "train.py": "import ctypes, fast\nctypes.CDLL('./built/slow.so')\nprint('loss', 1)\n",
        },
        ignored="*.so\n!native.so\n",
        prepare=build,
    )
    other = (tmp_path / "p" / f"fast{suffix}").read_bytes() + b"\0"
    assert levels(
        project,
        {
            "extension": lambda p: (p.root / f"fast{suffix}").write_bytes(other),
            "library": lambda p: (p.root / "built/slow.so").write_bytes(other),
            "tracked": lambda p: (p.root / "native.so").write_bytes(other),
            "source": append("fast.c", "/* x */\n"),
            "extension is gone": remove(f"fast{suffix}"),
        },
    ) == {
        "extension": NEAR,
        "library": NEAR,
        "tracked": NEAR,
        "source": NEAR,
        "extension is gone": NEAR,
    }


def library(place: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    return place


def by_path(site: Path, folder: Path) -> None:
    (site / "__editable__.toolbox-1.0.pth").write_text(f"{folder / 'src'}\n")


def by_finder(site: Path, folder: Path) -> None:
    """As setuptools does it where a path would bring in too much."""
    (site / "__editable___toolbox_1_0_finder.py").write_text(
        "import importlib.util, sys\n"
        f"PLACE = {str(folder / 'src/toolbox/__init__.py')!r}\n"
        "class Finder:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        if name == 'toolbox':\n"
        "            return importlib.util.spec_from_file_location(name, PLACE)\n"
        "def install():\n"
        "    sys.meta_path.append(Finder)\n"
    )
    (site / "__editable__.toolbox-1.0.pth").write_text(
        "import __editable___toolbox_1_0_finder; __editable___toolbox_1_0_finder.install()\n"
    )


def by_link(site: Path, folder: Path) -> None:
    """As `setup.py develop` did it."""
    (site / "toolbox.egg-link").write_text(f"{folder / 'src'}\n../\n")
    (site / "easy-install.pth").write_text(f"{folder / 'src'}\n")
    library(
        folder,
        {"src/toolbox.egg-info/PKG-INFO": "Metadata-Version: 1.0\nName: toolbox\nVersion: 1.0\n"},
    )
    shutil.rmtree(site / "toolbox-1.0.dist-info")


@pytest.mark.parametrize("kind", [by_path, by_finder, by_link])
def test_an_editable_install_counts_by_the_sources_that_were_reached(tmp_path: Path, kind) -> None:
    folder = library(
        tmp_path / "toolbox",
        {
            "src/toolbox/__init__.py": "import os, pkgutil\nfrom toolbox import core\n"
            "HERE = os.path.dirname(__file__)\n"
            "NAMES = sorted(n for n in os.listdir(HERE + '/plugins') if n.endswith('.py'))\n"
            "TABLE = open(HERE + '/table.txt').read()\n",
            "src/toolbox/core.py": "X = 1\n",
            "src/toolbox/unused.py": "X = 1\n",
            "src/toolbox/table.txt": "x",
            "src/toolbox/plugins/a.py": "",
        },
    )
    environment = make_environment(tmp_path / "env")
    site = next(environment.glob("lib/python3*/site-packages"))
    install(environment, "toolbox", "1.0")
    (site / "toolbox.py").unlink()
    info = site / "toolbox-1.0.dist-info"
    about = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(about))
    kind(site, folder)
    env = use(environment)
    project = scene(
        tmp_path / "p",
        {"train.py": "import toolbox\nprint('loss', toolbox.core.X + len(toolbox.NAMES))\n"},
        **env,
    )

    def level(path: str, text: str) -> str:
        file = folder / "src/toolbox" / path
        before = file.read_text() if file.exists() else None
        file.write_text((before or "") + text)
        found = asked(project, **env)[0]
        file.unlink() if before is None else file.write_text(before)
        return found

    assert asked(project, **env) == (IDENTICAL, "")
    assert {
        "core": level("core.py", "x = 1\n"),
        "remark": level("core.py", "# x = 1\n"),
        "init": level("__init__.py", "x = 1\n"),
        "unused": level("unused.py", "x = 1\n"),
        "table": level("table.txt", "x"),
        "plugin": level("plugins/b.py", ""),
    } == {
        "core": "re-environment",
        "remark": IDENTICAL,
        "init": "re-environment",
        "unused": IDENTICAL,
        "table": NEAR,
        "plugin": NEAR,
    }


def test_code_in_a_submodule_counts(tmp_path: Path) -> None:
    other = scene(
        tmp_path / "other", {"tool.py": "X = 1\n", "unused.py": "", "t.txt": "1"}, record=False
    )

    def prepare(project: Project) -> None:
        project.git(
            "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), "sub"
        )

    project = scene(
        tmp_path / "p",
        {
            "train.py": "import sys\nsys.path.append('sub')\nimport tool\n"
            "print('loss', tool.X + len(open('sub/t.txt').read()))\n"
        },
        prepare=prepare,
    )

    def committed(p: Project) -> None:
        append("sub/tool.py", "x = 1\n")(p)
        Project(p.root / "sub").git("commit", "-qam", "more")

    assert asked(project) == (IDENTICAL, "")
    assert levels(
        project,
        {
            "dirty": append("sub/tool.py", "x = 1\n"),
            "remark": append("sub/tool.py", "# x = 1\n"),
            "unused": append("sub/unused.py", "x = 1\n"),
            "table": append("sub/t.txt", "1"),
            "committed": committed,
        },
    ) == {
        "dirty": NEAR,
        "remark": EQUIVALENT,
        "unused": IDENTICAL,
        "table": NEAR,
        "committed": NEAR,
    }
