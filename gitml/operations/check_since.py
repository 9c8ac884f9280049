"""Are the experiments that were added since a revision new, complete and sound?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from gitml.git.command import no_hooks
from gitml.git.repository import Repository
from gitml.history.index import Index, Row, open_index
from gitml.operations.check import declared_goals, require_level
from gitml.operations.check_added import added_here, added_since
from gitml.operations.check_champion import Rivals, best_of_added
from gitml.operations.check_evidence import bring_evidence
from gitml.operations.check_examine import Examined, examine
from gitml.operations.fetching import Mode, bring_studies
from gitml.operations.project import Project, open_project
from gitml.operations.soundness import Policy, Problem, name_of


class SinceRequest(msgspec.Struct, frozen=True):
    """What `gitml check --since` was asked.

    Attributes:
        start: Folder where the user stands.
        since: The revision; it plays no part with `unpushed`.
        study: Only experiments of this study; empty for all.
        level: The loosest sameness with an older experiment that makes one a duplicate.
        on_duplicate: Whether a duplicate is an error, or a warning.
        require_lock: Whether every library has to be pinned to a source with a hash.
        allow_unpushed: Whether it is enough that this machine has what isn't on the remote.
        remote: The Git remote to fetch recorded experiments from; empty for the usual one.
        fetch: Whether to fetch them: `auto` where the clone may lack some.
        unpushed: Look at what no remote is known to have instead.
    """

    start: Path
    since: str = ""
    study: str = ""
    level: str = "equivalent"
    on_duplicate: Literal["block", "skip"] = "block"
    require_lock: bool = False
    allow_unpushed: bool = False
    remote: str = ""
    fetch: Mode = "auto"
    unpushed: bool = False


class SinceResult(msgspec.Struct, frozen=True):
    """The answer.

    Attributes:
        since: The revision; empty when it was about what no remote has.
        experiments: Those that were added, the oldest first.
        problems: What is wrong with branches.
        rivals: The best of the added experiments beside the champion before, if there is any.
        notes: Sentences that users should see.
    """

    since: str
    experiments: tuple[Examined, ...]
    problems: tuple[Problem, ...] = ()
    rivals: Rivals | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything is new, complete and sound."""
        return all(one.ok for one in self.experiments) and not self.problems


@no_hooks()
def check_since(request: SinceRequest, say: Callable[[str], None] = lambda _: None) -> SinceResult:
    """Look at every experiment that was added since a revision; nothing is run.

    Args:
        request: What was asked.
        say: Takes a sentence before something takes a while.

    Raises:
        UsageError: if the level, the revision or the study is unknown.
        StorageError: if the DVC remote can't be asked.
        RepositoryError: if what is needed can't be fetched.
    """
    require_level(request.level)
    project = open_project(request.start)
    repository = project.repository
    study = project.study(request.study) if request.study else ""
    brought = bring_studies(repository, request.remote, request.fetch, say, project.git_config)
    notes = list(brought.notes)
    with open_index(repository) as index:
        index.declared = declared_goals(project)
        rows = _added(repository, index, request, study)
        if bring_evidence(repository, index, brought, rows):
            rows = _added(repository, index, request, study)
        if not index.count(hidden=True):
            notes.append("No experiment is in this clone; are its branches exp/* fetched?")
        examined = examine(project, index, rows, _policy(project, request))
        return SinceResult(
            since=request.since,
            experiments=tuple(examined),
            problems=tuple(_branches(index, study)),
            rivals=_rivals(project, index, examined, study),
            notes=tuple(notes),
        )


def _added(repository: Repository, index: Index, request: SinceRequest, study: str) -> list[Row]:
    if request.unpushed:
        return added_here(repository, index, study)
    return added_since(repository, index, request.since, study)


def _policy(project: Project, request: SinceRequest) -> Policy:
    return Policy(
        level=request.level,
        duplicates="error" if request.on_duplicate == "block" else "warning",
        require_lock=request.require_lock,
        forbid_pickles=project.config.pickles == "forbid",
        allow_unpushed=request.allow_unpushed,
    )


def _branches(index: Index, study: str) -> Iterator[Problem]:
    """Yield branches that can't be read, and experiments that no branch reaches any more."""
    for said in index.problems:
        yield Problem("branch", "error", said)
    for line in index.lost():
        if not study or line.study == study:
            names = ", ".join(name_of(name) for name in line.experiments[:5]) or "experiments"
            yield Problem(
                "lost",
                "error",
                f"No branch reaches {names} of exp/{line.study} any more; "
                f"`git branch exp/{line.study}-lost {line.tip[:12]}` brings them back.",
            )


def _rivals(
    project: Project, index: Index, examined: Sequence[Examined], study: str
) -> Rivals | None:
    """Return the best of the added experiments in the study that has most of them."""
    counts = Counter(one.row.study for one in examined)
    if not counts:
        return None
    current = study or project.study()
    chosen = current if current in counts else counts.most_common(1)[0][0]
    sound = {one.row.commit for one in examined if one.ok}
    return best_of_added(project.repository, index, chosen, [one.row for one in examined], sound)
