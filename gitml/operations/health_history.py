"""What `gitml doctor` looks at in gitml's own state: journal, work trees, index, reachability."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gitml.experiment.names import BRANCHES
from gitml.git.log import list_refs
from gitml.operations.health import Finding, Scene


def interrupted(scene: Scene) -> Iterator[Finding]:
    """Look for runs that were cut off before they were recorded."""
    from gitml.execution import journal

    for entry in journal.entries(scene.repository.state_dir / "runs"):
        if journal.alive(entry):
            yield Finding("ok", "interrupted runs", f"{entry.name} is running")
            continue
        if entry.state in ("running", "interrupted"):
            mend = f"gitml exp run --resume {entry.name}, or gitml exp recover"
        else:
            mend = "gitml exp recover"
        yield Finding(
            "warning", "interrupted runs", f"{entry.name} was cut off ({entry.state})", mend
        )


def worktrees(scene: Scene) -> Iterator[Finding]:
    """Look for isolated work trees that no run uses any more."""
    from gitml.execution import journal
    from gitml.operations.rerun_tree import active_work_trees

    repository = scene.repository
    work = repository.state_dir / "work"
    if not work.is_dir():
        return
    entries = journal.entries(repository.state_dir / "runs")
    used = {Path(entry.worktree or entry.name).name for entry in entries}
    used |= active_work_trees(repository)
    for path in sorted(work.iterdir()):
        if path.name not in used:
            yield Finding(
                "warning",
                "worktrees",
                f"the isolated work tree {path} belongs to no run any more",
                f"git worktree remove --force --force '{path}'",
            )


def index(scene: Scene) -> Iterator[Finding]:
    """Say whether the index over commits can be used; opening it mends what can be mended."""
    from gitml.history.index import open_index

    with open_index(scene.repository) as opened:
        count = opened.count(hidden=True)
        yield Finding("ok", "index", f"up to date with the branches: {count:,} recorded")
        if opened.in_memory:
            yield Finding(
                "warning",
                "index",
                "its file can't be used, so every command reads all commits again",
                f"Check that {scene.repository.state_dir} can be written, or delete the index "
                "there: it is made anew.",
            )
        for problem in opened.problems:
            yield Finding("warning", "index", problem)
        for line in opened.lost():
            names = ", ".join(line.experiments[:5])
            yield Finding(
                "warning",
                "index",
                f"no branch reaches {names} of exp/{line.study} any more",
                f"git branch exp/{line.study}-lost {line.tip}",
            )


def collection(scene: Scene) -> Iterator[Finding]:
    """Warn of `dvc gc`, which looks at the tips of branches unless it is told otherwise."""
    if not list_refs(scene.repository.git, BRANCHES, "refs/remotes/*/exp/"):
        return
    yield Finding(
        "note",
        "dvc gc",
        "`dvc gc -w` and `dvc gc -a` would delete the weights and data of recorded experiments",
        "Use `dvc gc -A` (all commits): it keeps what every experiment needs.",
    )
