"""Which files count as code, and what their change means for a recorded run."""

from __future__ import annotations

import pytest

from gitml.inputs.code import CodeRules, TreeEntry, code_input, editable_digest
from gitml.inputs.code_change import ImportContext, which_changed, words_in
from gitml.inputs.inert import glob_body, inert_rule
from gitml.inputs.manifest import CodeInput, ModuleInput


@pytest.mark.parametrize(
    "path",
    [
        "README.md", "a/b/readme", "LICENSE", "LICENSE-MIT.txt", "COPYING", "docs/index.html",
        "docs/conf.yaml", "a/docs/x/y.txt", "notes.rst", ".github/workflows/ci.yml",
        ".gitlab-ci.yml", ".pre-commit-config.yaml", "uv.lock", "poetry.lock",
        "requirements.txt", "requirements-dev.txt", "requirements/dev.txt", "pyproject.toml",
        ".gitignore", "data/.gitignore", ".gitattributes", ".dvcignore", "data.csv.dvc",
        "dvc.lock", ".dvc/config", ".gitml/experiment.json", "sub/gitml.yaml", ".editorconfig",
        ".vscode/settings.json", "analysis.ipynb", "CHANGELOG.md",
    ],
)  # fmt: skip
def test_files_that_never_change_a_result(path: str) -> None:
    assert inert_rule()(path)


@pytest.mark.parametrize(
    "path",
    [
        "train.py", "docs/train.py.csv", "docs/table.parquet", "license_plates.txt",
        "readme_data.csv", "notice.json", "data.csv", "Makefile", "run.sh", "config.yaml",
        "vocab.txt", "dvc.yaml", "src/kernel.cu", "conf/model.toml", "docsets/a.txt", "authors.csv",
        "setup.py", ".env",
    ],
)  # fmt: skip
def test_files_that_may_change_a_result(path: str) -> None:
    assert not inert_rule()(path)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("notes/**", "notes/a/b.txt", True),
        ("notes/**", "a/notes/b.txt", False),
        ("notes", "a/notes/b.txt", True),
        ("notes", "notes", True),
        ("notes", "notes2", False),
        ("*.tmp", "a/b.tmp", True),
        ("a/*.c", "a/b.c", True),
        ("a/*.c", "a/b/d.c", False),
        ("a/**/c.txt", "a/c.txt", True),
        ("a/**/c.txt", "a/b/d/c.txt", True),
        ("./a/", "a/x", False),
        ("a?.txt", "ab.txt", True),
        ("(", "(", True),
    ],
)
def test_patterns_of_paths(pattern: str, path: str, matches: bool) -> None:
    import re

    if pattern == "./a/":
        matches = True  # a folder, wherever it is
    assert bool(re.match(glob_body(pattern), path)) is matches


def test_patterns_belong_to_their_project() -> None:
    rule = inert_rule(("notes/**",), "sub")
    assert rule("sub/notes/a.txt")
    assert not rule("notes/a.txt")


def entry(path: str, oid: str = "", mode: str = "100644") -> TreeEntry:
    return TreeEntry(path, mode, oid or f"oid-{path}")


def read_code(
    *entries: TreeEntry,
    rules: CodeRules | None = None,
    reached: tuple[str, ...] = (),
    opened: tuple[str, ...] = (),
    observed: bool = True,
    listed: tuple[str, ...] = (),
) -> CodeInput:
    return code_input(
        entries,
        rules=rules or CodeRules(),
        reached=reached,
        opened=opened,
        observed=observed,
        listed=listed,
        syntax_of=lambda path, oid: f"syntax-{oid}",
    )


def test_only_reached_modules_count_and_every_other_file() -> None:
    base = [entry("train.py"), entry("unused.py"), entry("vocab.txt"), entry("README.md")]
    found = read_code(*base, reached=("train.py",), listed=("plugins", "a"))
    assert found.modules == {"train.py": ModuleInput("oid-train.py", "syntax-oid-train.py")}
    assert found.observed and found.listed == ("a", "plugins")
    without = read_code(*base[:2], base[3], reached=("train.py",))
    assert without.others == "" != found.others
    assert read_code(base[0], base[2], reached=("train.py",)).others == found.others


def test_without_an_observer_everything_tracked_counts() -> None:
    found = read_code(entry("train.py"), entry("unused.py"), observed=False)
    assert set(found.modules) == {"train.py", "unused.py"}


def test_an_inert_file_that_was_opened_counts() -> None:
    found = read_code(entry("README.md"), entry("docs/a.txt"), opened=("README.md",))
    assert found.opened == ("README.md",)
    assert found.others != read_code(entry("README.md")).others == ""
    book = read_code(entry("a.ipynb"), opened=("a.ipynb",))
    assert set(book.modules) == {"a.ipynb"}


def test_parameter_files_and_outputs_are_left_out() -> None:
    rules = CodeRules(excluded=frozenset(["params.yaml", "out"]))
    entries = [entry("params.yaml"), entry("out/log.txt"), entry("out.txt")]
    found = read_code(*entries, rules=rules, opened=("params.yaml", "out/log.txt"))
    assert found.others == read_code(entry("out.txt")).others
    assert found.opened == ()


def test_other_projects_count_where_the_run_reached_them() -> None:
    rules = CodeRules(project="sub")
    entries = [entry("sub/t.py"), entry("lib/a.py"), entry("lib/b.py"), entry("lib/c.txt")]
    found = read_code(*entries, rules=rules, reached=("sub/t.py", "lib/a.py"))
    assert set(found.modules) == {"sub/t.py", "lib/a.py"}
    assert found.others == ""


def test_modes_links_and_submodules_count_as_files() -> None:
    plain = read_code(entry("run.sh", "1")).others
    assert plain != read_code(entry("run.sh", "1", "100755")).others
    link = read_code(entry("a.py", "1", "120000"), observed=True)
    assert link.others and not link.modules
    assert read_code(entry("vendor", "1", "160000")).others


def test_a_script_without_a_suffix_counts_by_syntax() -> None:
    rules = CodeRules(scripts=frozenset(["bin/train"]))
    found = read_code(entry("bin/train"), rules=rules, opened=("bin/train",))
    assert set(found.modules) == {"bin/train"}


def test_the_order_of_files_does_not_count() -> None:
    entries = [entry("b.txt"), entry("a.txt"), entry("a.txt2")]
    assert read_code(*entries) == read_code(*reversed(entries))
    assert editable_digest([("b", "1"), ("a", "2")]) == editable_digest([("a", "2"), ("b", "1")])


RECORDED = CodeInput(
    modules={
        "train.py": ModuleInput("t1", "syntax-t"),
        "pkg/__init__.py": ModuleInput("i1", "syntax-i"),
        "pkg/model.py": ModuleInput("m1", "syntax-m"),
        "space/inner/deep.py": ModuleInput("d1", "syntax-d"),
        "src/helper.py": ModuleInput("h1", "syntax-h"),
    },
    others="sha256:0",
    observed=True,
    listed=("plugins", "walked", "walked/a"),
    opened=("PROMPT.md",),
)
CONTEXT = ImportContext(
    roots=("", "src"),
    imported=frozenset(["torch"]),
    mentioned=lambda: words_in([b"try:\n  import local_settings\nexcept ImportError: pass"]),
)


@pytest.mark.parametrize(
    ("path", "old", "new", "kind", "counts"),
    [
        ("train.py", "t1", "t2", "changed", True),
        ("train.py", "t1", "same-t", "formatting", False),
        ("train.py", "t1", None, "removed", True),
        ("unused.py", "u1", "u2", "changed", False),
        ("unused.py", "u1", None, "removed", False),
        ("pkg/new.py", None, "n", "added", False),
        ("plugins/new.py", None, "n", "added", True),
        ("plugins/old.py", "o", None, "removed", True),
        ("plugins/sub/new.py", None, "n", "added", False),
        ("plugins/sub/__init__.py", None, "n", "added", True),
        ("walked/new/deep/x.py", None, "n", "added", True),
        ("torch.py", None, "n", "added", True),
        ("src/json.py", None, "n", "added", True),
        ("pkg/json.py", None, "n", "added", False),
        ("torch/__init__.py", None, "n", "added", True),
        ("helper.py", None, "n", "added", True),
        ("sitecustomize.py", None, "n", "added", True),
        ("local_settings.py", None, "n", "added", True),
        ("pkg/local_settings.py", None, "n", "added", True),
        ("train/__init__.py", None, "n", "added", True),
        ("pkg/model/__init__.py", None, "n", "added", True),
        ("space/__init__.py", None, "n", "added", True),
        ("space.py", None, "n", "added", True),
        ("vocab.txt", "v", "w", "changed", True),
        ("vocab.txt", None, "w", "added", True),
        ("vocab.txt", "v", None, "removed", True),
        ("README.md", "r", "s", "changed", False),
        ("PROMPT.md", "r", "s", "changed", True),
        ("PROMPT.md", "r", None, "removed", True),
        ("params.yaml", "p", "q", "changed", False),
        ("notes/a.txt", None, "q", "added", False),
        ("link.py", "l", "m", "changed", True),
    ],
)  # fmt: skip
def test_what_a_changed_file_means(
    path: str, old: str | None, new: str | None, kind: str, counts: bool
) -> None:
    rules = CodeRules(inert=("notes/**",), excluded=frozenset(["params.yaml"]))

    def syntax_of(path: str, oid: str) -> str:
        return "syntax-t" if oid == "same-t" else f"other-{oid}"

    (change,) = which_changed(
        [(path, old, new)], RECORDED, rules, syntax_of, CONTEXT, links=["link.py"]
    )
    assert (change.path, change.kind, change.counts) == (path, kind, counts)


def test_without_an_observer_every_changed_module_counts() -> None:
    blind = CodeInput(modules=RECORDED.modules, others="x")
    found = which_changed(
        [("new.py", None, "n"), ("train.py", "t1", "t1")], blind, CodeRules(), lambda p, o: o
    )
    assert [change.counts for change in found] == [True, False]


def test_the_sources_are_read_only_when_a_module_is_new() -> None:
    def never() -> frozenset[str]:
        raise AssertionError("not asked for")

    context = ImportContext(mentioned=never)
    changes = [("unused.py", "a", "b"), ("README.md", None, "c"), ("unused2.py", "a", None)]
    assert not any(
        change.counts
        for change in which_changed(changes, RECORDED, CodeRules(), lambda p, o: o, context)
    )
