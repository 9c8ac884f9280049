"""`gitml check`: against many experiments, in clones of CI jobs, and with much code to parse."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks import projects
from benchmarks.cases import GITML, Figure
from benchmarks.history_maker import make_experiments
from benchmarks.timing import Command, medians

CHECK = (*GITML, "check", "--json")
MEGABYTE = 1000.0  # kB
MODULES = 300


def _recorded(folder: Path, count: int, *, modules: int = 0) -> Path:
    """Make a project with one experiment that a check finds, and `count` others of a sweep."""
    projects.make_project(folder)
    for number in range(modules):
        (folder / f"part{number}.py").write_text(_module(number))
    if modules:
        names = ", ".join(f"part{number}" for number in range(modules))
        text = (folder / "train.py").read_text()
        (folder / "train.py").write_text(f"import {names}\n{text}")
        projects.sh(folder, "git", "add", "-A")
        projects.sh(folder, "git", "commit", "-qm", "modules")
    projects.sh(folder, *GITML, "exp", "run")
    make_experiments(folder, count)
    return folder


def _module(number: int) -> str:
    return "".join(f"def f{n}(x):\n    return x * {number} + {n}\n\n\n" for n in range(60))


def _check(folder: Path, *words: str) -> str:
    """Run a check that must find a duplicate, unless `words` make it another experiment."""
    return f"cd '{folder}' && {' '.join(CHECK)} {' '.join(words)}; test $? = {0 if words else 1}"


def _command(folder: Path, *words: str, forget: Path | None = None) -> Command:
    before = (lambda: forget.unlink(missing_ok=True)) if forget else None
    return Command(("sh", "-c", _check(folder, *words)), folder, before, projects.environment())


def checking(scratch: Path, rounds: int, few: int, many: int) -> list[Figure]:
    """A check against many experiments, against one against few."""
    small = _recorded(scratch / "check-few", few)
    large = _recorded(scratch / "check-many", many)
    other = ("-S", "lr=0.123")
    times = medians(
        {
            "small hit": _command(small),
            "large hit": _command(large),
            "small miss": _command(small, *other),
            "large miss": _command(large, *other),
        },
        rounds,
    )
    cold = {
        name: _command(folder, forget=folder / ".git/gitml/index.db")
        for name, folder in (("small", small), ("large", large))
    }
    times |= medians(cold, 3)
    against = f"against {few:,}"
    return [
        Figure(f"`check` of a duplicate against {many:,}", times["large hit"], times["small hit"],
               against, 1.5),
        Figure(f"`check` of what is new against {many:,}", times["large miss"],
               times["small miss"], against, 1.5),
        Figure(f"`check` against {many:,}, no index yet", times["large"], times["small"], against),
    ]  # fmt: skip


def transferring(scratch: Path, count: int) -> list[Figure]:
    """What a check transfers in the clones of CI jobs: bytes of packs, not those of the clone."""
    source = _recorded(scratch / "clone-source", count)
    projects.sh(source, "git", "config", "uploadpack.allowFilter", "true")
    projects.sh(source, "git", "gc", "-q")
    figures = []
    for name, options in (
        ("`--filter=blob:none`", ("--filter=blob:none",)),
        ("`--filter=blob:none --single-branch`", ("--filter=blob:none", "--single-branch")),
        ("`--depth 1`", ("--depth=1",)),
    ):
        for answer, words in (("a duplicate", ()), ("what is new", ("-S", "lr=0.123"))):
            clone = scratch / "clone"
            shutil.rmtree(clone, ignore_errors=True)
            projects.sh(scratch, "git", "clone", "-q", *options, source.as_uri(), str(clone))
            before = _packed(clone)
            projects.sh(clone, "sh", "-c", _check(clone, *words))
            figures.append(
                Figure(
                    f"`check` of {answer} in a clone with {name} of {count:,} experiments",
                    (_packed(clone) - before) / 1000,
                    MEGABYTE,
                    "1 MB",
                    1.0,
                    "kB",
                )
            )
    return figures


def _packed(clone: Path) -> int:
    """Return the bytes of all objects as they were transferred, or nearly so."""
    objects = clone / ".git/objects"
    packs = [*objects.glob("pack/*.pack"), *objects.glob("[0-9a-f][0-9a-f]/*")]
    return sum(path.stat().st_size for path in packs)


def parsing(scratch: Path, rounds: int) -> list[Figure]:
    """A check of a project whose modules all changed in form, with and without known digests."""
    folder = _recorded(scratch / "syntax", 10, modules=MODULES)
    for path in folder.glob("part*.py"):
        path.write_text(f"# a comment\n{path.read_text()}")
    subprocess.run(["git", "commit", "-qam", "comments"], cwd=folder, check=True,
                   env=projects.environment())  # fmt: skip
    times = medians(
        {
            "known": _command(folder),
            "unknown": _command(folder, forget=folder / ".git/gitml/syntax.db"),
        },
        rounds,
    )
    return [
        Figure(f"`check` with {MODULES} reformatted modules, seen before", times["known"],
               times["unknown"], "never seen before")
    ]  # fmt: skip
