"""`gitml.experiments`: what is recorded, for notebooks and scripts."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import msgspec

from gitml.api.hints import hints_shown
from gitml.api.place import run_folder
from gitml.errors import NotFoundError, RecordError, UsageError
from gitml.execution.entry import load
from gitml.execution.settings_note import read_note
from gitml.values import NON_FINITE, Scalar

if TYPE_CHECKING:
    import pandas

    from gitml.history.rows import Row


class Experiment(msgspec.Struct, frozen=True):
    """A recorded experiment.

    Attributes:
        name: Such as `brave-otter`.
        commit: Id of its commit; `git show` has everything about it.
        study: Whose line it is on.
        status: `completed` or `failed`; `unreadable` where its record can't be read.
        created: When the run started, in UTC.
        seconds: How long it took.
        params: Flat name (`optimizer.lr`, `args.epochs`) → setting.
        metrics: Flat name → last value; NaN and infinities are floats.
        tags: What it was tagged with since.
        notes: What was noted about it since, the oldest first.
        author: Who recorded it.
        fingerprint: Digest over everything that determined the result: equal for repeats.
        base: Commit that it ran on, or empty.
        hidden: Whether it was hidden.
    """

    name: str
    commit: str
    study: str
    status: str
    created: datetime.datetime
    seconds: float
    params: dict[str, Scalar]
    metrics: dict[str, Scalar]
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    author: str = ""
    fingerprint: str = ""
    base: str = ""
    hidden: bool = False


class Experiments(list[Experiment]):
    """A list of experiments that can be a table, too; so can a slice of it."""

    @overload
    def __getitem__(self, place: SupportsIndex, /) -> Experiment: ...
    @overload
    def __getitem__(self, place: slice, /) -> Experiments: ...
    def __getitem__(self, place: SupportsIndex | slice, /) -> Experiment | Experiments:
        if isinstance(place, slice):
            return Experiments(super().__getitem__(place))
        return super().__getitem__(place)

    def frame(self) -> pandas.DataFrame:
        """Return a pandas frame with one row for each experiment, in the order of the list.

            frame = gitml.experiments(sort="-metrics.accuracy").frame()
            best = frame[["name", "params.lr", "metrics.accuracy"]].head()

        Returns:
            Columns `name`, `study`, `status`, `created` (UTC), `seconds`, then `metrics.<name>`
            and `params.<name>` by name, then `tags`, `notes` (tuples), `author`, `commit`. What
            an experiment doesn't have is missing (NaN, or None among texts).

        Raises:
            UsageError: if pandas isn't installed.
        """
        try:
            import pandas
        except ImportError as error:
            with hints_shown():
                raise UsageError(
                    "A frame needs pandas, which isn't installed here.",
                    hint="pip install pandas; the list itself needs nothing.",
                ) from error
        columns: dict[str, list[Any]] = {
            name: [getattr(one, name) for one in self]
            for name in ("name", "study", "status", "created", "seconds")
        }
        for kind in ("metrics", "params"):
            maps = [getattr(one, kind) for one in self]
            for name in sorted({name for values in maps for name in values}):
                columns[f"{kind}.{name}"] = [values.get(name) for values in maps]
        for name in ("tags", "notes", "author", "commit"):
            columns[name] = [getattr(one, name) for one in self]
        frame = pandas.DataFrame(columns)
        frame["created"] = pandas.to_datetime(frame["created"], utc=True)
        return frame


def experiments(
    study: str | None = None,
    where: str | None = None,
    *,
    all_studies: bool = False,
    sort: str | None = None,
    limit: int | None = None,
    hidden: bool = False,
    folder: str | os.PathLike[str] = ".",
) -> Experiments:
    """Return recorded experiments, the newest first, as `gitml exp list` has them.

        for one in gitml.experiments(where="metrics.accuracy > 0.9", sort="params.lr"):
            print(one.name, one.params["lr"], one.metrics["accuracy"])

    Args:
        study: Which study; by default that of the run in `gitml exp run`, elsewhere the current
            branch's own.
        where: Expression that they match, such as `params.lr < 0.1 and status == completed`.
        all_studies: Those of every study.
        sort: Key to sort by, with `-` before it for the largest first: `-metrics.accuracy`.
        limit: At most so many.
        hidden: Hidden ones, too.
        folder: A folder of the repository, or of a project in it.

    Returns:
        A list, whose `.frame()` is a pandas frame.

    Raises:
        NotFoundError: outside of a Git repository, or if there is no such folder or study.
        UsageError: if `where`, `sort` or `limit` make no sense.
    """
    from gitml.operations.listing import list_experiments

    with hints_shown():
        if study and all_studies:
            raise UsageError("A study and all studies were asked for at once.")
        if limit is not None and limit < 0:
            raise UsageError(f"limit is {limit}, and at most so many experiments are returned.")
        if not Path(folder).is_dir():
            raise NotFoundError(f"There is no folder {os.fspath(folder)}.")
        listing = list_experiments(
            Path(folder),
            study=study or ("" if all_studies else _study_of_run(Path(folder))),
            all_studies=all_studies,
            where=where or "",
            sort=sort or "",
            limit=limit,
            hidden=hidden,
        )
    return Experiments(_experiments(listing.rows))


def _study_of_run(folder: Path) -> str:
    """Return the study of the run that asks; empty if it asks about another project, or is none.

    In an isolated work tree there is no branch that says it.
    """
    run = run_folder()
    note = None if run is None else read_note(run)
    if run is None or note is None or not folder.resolve().is_relative_to(note[0].resolve()):
        return ""
    with suppress(RecordError):
        return load(run).study
    return ""


def _experiments(rows: Iterable[Row]) -> Iterable[Experiment]:
    for row in rows:
        yield Experiment(
            name=row.experiment,
            commit=row.commit,
            study=row.study,
            status=row.status,
            created=_moment(row.created, row.started),
            seconds=row.seconds,
            params=_values(row.params),
            metrics=_values(row.metrics),
            tags=row.tags,
            notes=row.notes,
            author=row.author,
            fingerprint=row.fingerprint,
            base=row.base,
            hidden=row.hidden,
        )


def _moment(text: str, seconds: float) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)
    except ValueError:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _values(values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {
        name: NON_FINITE.get(value, value) if isinstance(value, str) else value
        for name, value in values.items()
    }
