"""The cases: what is measured, and which budget each one has."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks import peers, projects
from benchmarks.timing import Command, medians

GITML = (str(projects.BIN / "gitml"),)
_VALUES = count(1)


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        what: What was measured.
        ours: Of gitml, in `unit`.
        theirs: Of what it is compared with, in `unit`.
        against: What that is.
        budget: Largest allowed ratio of ours to theirs, or None where nothing was promised.
        unit: `s` or `kB`.
    """

    what: str
    ours: float
    theirs: float
    against: str
    budget: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """Ours divided by theirs."""
        return self.ours / self.theirs if self.theirs else float("inf")


def _set_lr(folder: Path) -> None:
    """Give the next run a setting that nothing has recorded."""
    (folder / "params.yaml").write_text(f"lr: {next(_VALUES) / 100_003:.9f}\n")


def _run_commands(folder: Path) -> dict[str, Command]:
    env = projects.environment()

    def fresh() -> None:
        _set_lr(folder)

    return {
        "bare": Command(("python", "train.py"), folder, fresh, env),
        "gitml": Command((*GITML, "exp", "run"), folder, fresh, env),
    }


def run_overhead(scratch: Path, rounds: int) -> list[Figure]:
    """Overhead of one run over the bare command, against DVC's and other trackers'."""
    ours = projects.make_project(scratch / "run-gitml")
    theirs = projects.make_project(scratch / "run-dvc")
    commands = _run_commands(ours)
    commands["dvc"] = Command(
        ("dvc", "exp", "run", "-q"), theirs, lambda: _set_lr(theirs), projects.environment()
    )
    commands.update(peers.run_commands(scratch))
    times = medians(commands, rounds)
    bare = times["bare"]
    overhead = times["gitml"] - bare
    figures = [
        Figure("`exp run`: overhead over the bare command", overhead, times["dvc"] - bare,
               "`dvc exp run`", 1 / 6)
    ]  # fmt: skip
    for name in peers.NAMES:
        if name in times:
            figures.append(
                Figure("`exp run`: overhead over the bare command", overhead, times[name] - bare,
                       peers.NAMES[name])
            )  # fmt: skip
    reused = medians(
        {
            "gitml": Command((*GITML, "exp", "run"), ours, None, projects.environment()),
            "dvc": Command(("dvc", "exp", "run", "-q"), theirs, None, projects.environment()),
        },
        rounds,
    )
    figures.append(
        Figure("`exp run` of what is recorded", reused["gitml"], reused["dvc"], "`dvc exp run`")
    )
    return figures


def many_files(scratch: Path, rounds: int, files: int) -> list[Figure]:
    """Overhead in a repository with many tracked files, against a small one."""
    small = projects.make_project(scratch / "few-files")
    large = projects.make_project(scratch / "many-files", files=files)
    commands = {f"small {name}": command for name, command in _run_commands(small).items()}
    commands |= {f"large {name}": command for name, command in _run_commands(large).items()}
    times = medians(commands, rounds)
    return [
        Figure(
            f"`exp run`: overhead with {files:,} tracked files",
            times["large gitml"] - times["large bare"],
            times["small gitml"] - times["small bare"],
            "a small repository",
            2.0,
        )
    ]


def listing(scratch: Path, rounds: int, few: int, many: int) -> list[Figure]:
    """Listing experiments: cold, warm, and ten times as many."""
    from benchmarks.history_maker import make_dvc_experiments, make_experiments

    first = projects.make_project(scratch / f"list-{few}")
    make_experiments(first, few)
    second = projects.make_project(scratch / f"list-{many}")
    make_experiments(second, many)
    theirs = projects.make_project(scratch / "list-dvc")
    make_dvc_experiments(theirs, few)
    env = projects.environment()
    index = first / ".git/gitml/index.db"
    show = ("dvc", "exp", "show", "--csv")
    dvc_cold = Command(show, theirs, lambda: _forget_dvc(theirs), env)
    dvc_warm = Command(show, theirs, None, env)
    list_ = (*GITML, "exp", "list")
    cold = medians({"ours": Command(list_, first, lambda: index.unlink(missing_ok=True), env)}, 3)
    cold |= medians({"theirs": dvc_cold}, 1, warm_up=0)
    warm = medians(
        {"few": Command(list_, first, None, env), "many": Command(list_, second, None, env),
         "dvc": dvc_warm}, rounds,
    )  # fmt: skip
    return [
        Figure(f"`exp list` of {few:,}, no index yet", cold["ours"], cold["theirs"],
               "`dvc exp show`, no cache yet", 1 / 40),
        Figure(f"`exp list` of {few:,}", warm["few"], warm["dvc"], "`dvc exp show`", 1 / 5),
        Figure(f"`exp list` of {many:,}", warm["many"], warm["few"], f"of {few:,}", 2.0),
    ]  # fmt: skip


def _forget_dvc(folder: Path) -> None:
    """Remove what DVC remembers of experiments, so that it reads them anew."""
    shutil.rmtree(folder / ".dvc/tmp", ignore_errors=True)


def comparing(scratch: Path, rounds: int) -> list[Figure]:
    """Comparing two experiments."""
    ours = projects.make_project(scratch / "diff-gitml")
    theirs = projects.make_project(scratch / "diff-dvc")
    names = []
    for value in ("0.25", "0.75"):
        (ours / "params.yaml").write_text(f"lr: {value}\n")
        projects.sh(ours, *GITML, "exp", "run", "--name", f"lr-{value}")
        projects.sh(theirs, "dvc", "exp", "run", "-q", "-n", f"lr{value[2:]}", "-S", f"lr={value}")
        names.append((f"lr-{value}", f"lr{value[2:]}"))
    env = projects.environment()
    times = medians(
        {
            "ours": Command((*GITML, "exp", "diff", *(one for one, _ in names)), ours, None, env),
            "theirs": Command(
                ("dvc", "exp", "diff", *(two for _, two in names)), theirs, None, env
            ),
        },
        rounds,
    )
    return [Figure("`exp diff` of two", times["ours"], times["theirs"], "`dvc exp diff`", 1 / 3)]


def storing(scratch: Path, rounds: int, size: int) -> list[Figure]:
    """Storing a large file: one pass that copies and hashes, against hashing plus copying."""
    from gitml.storage import place
    from gitml.storage.objects import store_file

    folder = projects.make_project(scratch / "store")
    weights = folder / "weights.bin"
    with weights.open("wb") as file:
        for _ in range(size // (1 << 20)):
            file.write(os.urandom(1 << 20))
    storage = place.find(folder, folder)
    assert storage is not None
    ours, bare, theirs = [], [], []
    for _ in range(rounds):
        shutil.rmtree(storage.cache, ignore_errors=True)
        started = time.perf_counter()
        store_file(storage, weights)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        with weights.open("rb") as file:
            hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        hashed = time.perf_counter() - started
        started = time.perf_counter()
        copy = folder / "copy.bin"
        with weights.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            os.fsync(target.fileno())
        bare.append(hashed + time.perf_counter() - started)
        copy.unlink()
        shutil.rmtree(storage.cache, ignore_errors=True)
        (folder / "weights.bin.dvc").unlink(missing_ok=True)
        os.utime(weights)  # or DVC would remember its hash from the round before
        started = time.perf_counter()
        projects.sh(folder, "dvc", "add", "-q", "weights.bin")
        theirs.append(time.perf_counter() - started)
    mega = size // 1_000_000
    return [
        Figure(f"storing {mega:,} MB", min(ours), min(bare), "one MD5 pass plus the copy", 1.3),
        Figure(f"storing {mega:,} MB", min(ours), min(theirs), "`dvc add`"),
    ]
