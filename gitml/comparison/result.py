"""What a comparison says: plain values, one for each row of each heading.

Every row has one entry in `values` for each experiment, in their order. What an experiment doesn't
have is None there, and true in `missing` where None could also be a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gitml.values import Scalar

if TYPE_CHECKING:
    from gitml.comparison.contents import Contents

Values = tuple[Scalar, ...]


class Compared(msgspec.Struct, frozen=True):
    """One of the experiments."""

    experiment: str
    commit: str
    study: str
    status: str
    created: str
    author: str
    seconds: float


class Repeated(msgspec.Struct, frozen=True):
    """A metric over the replicates of two experiments; pairs are those of the first and second.

    Attributes:
        means: Over the replicates, in the metric's unit; None without a finite value.
        deviations: Sample standard deviations; None with fewer than two.
        runs: Replicates with a finite value; runs that repeat a seed count as one.
        not_finite: Runs whose value is NaN or infinite.
        difference: The second mean minus the first.
        interval: Of the difference, from and to; None where the runs don't allow one.
        confidence: Of the interval, such as 0.95.
        pairs: Pairs of runs with the same seed, where the interval is the paired one.
        adjusted_p: Holm's p-value over all metrics but the primary one; None for that, and
            without an interval.
        better: Whether the second is better; None where that can't be told.
    """

    means: tuple[float | None, float | None]
    deviations: tuple[float | None, float | None]
    runs: tuple[int, int]
    not_finite: tuple[int, int]
    difference: float | None
    interval: tuple[float, float] | None
    confidence: float | None
    pairs: int
    adjusted_p: float | None
    better: bool | None


class Verdict(msgspec.Struct, frozen=True):
    """What can be said about the second experiment on the primary metric.

    Attributes:
        kind: `better`, `worse`, `practically the same`, `can't tell` or `single run`.
        sentence: The same in words, with the numbers behind it.
        metric: Name of the primary metric.
        goal: `max`, `min`, or empty.
        min_effect: The smallest difference that matters, in the metric's unit; 0 for any.
        means: As in `Repeated`, and so on.
        more_seeds: About how many more seeds each needs, or `more than 100`, where it can't be
            told.
        improvement: The share of all pairs (a run of the first, one of the second) in which the
            second's is better, ties half; None with fewer than five runs of either.
        improvement_interval: Its interval, from and to.
    """

    kind: str
    sentence: str
    metric: str
    goal: str
    min_effect: float
    means: tuple[float | None, float | None]
    deviations: tuple[float | None, float | None]
    runs: tuple[int, int]
    difference: float | None
    interval: tuple[float, float] | None
    confidence: float | None
    pairs: int = 0
    more_seeds: int | str | None = None
    improvement: float | None = None
    improvement_interval: tuple[float, float] | None = None


class Gate(msgspec.Struct, frozen=True):
    """Whether the second experiment is worse by more than a margin.

    Attributes:
        metric: On which metric.
        margin: In its unit.
        failed: Whether it is worse, or can't be compared at all.
        sentence: The same in words.
    """

    metric: str
    margin: float
    failed: bool
    sentence: str


class Metric(msgspec.Struct, frozen=True):
    """A metric.

    Attributes:
        name: Flat name.
        values: Non-finite ones as the strings that JSON has for them.
        missing: Which experiments don't have it.
        change: Of two: the second value minus the first, where both are finite numbers.
        better: Of two: whether the second is better; None when that isn't known.
        goal: `max`, `min`, or empty.
        primary: Whether it is the primary metric.
        changes: Each value minus the first one, where both are finite numbers.
        best: Which experiment has the best value, by the goal; None when there is none.
        repeated: Of two, where one has replicates: what these say. The other fields are about the
            two experiments alone.
    """

    name: str
    values: Values
    missing: tuple[bool, ...]
    change: float | int | None
    better: bool | None
    goal: str
    primary: bool
    changes: tuple[float | int | None, ...]
    best: int | None
    repeated: Repeated | None = None


class Setting(msgspec.Struct, frozen=True):
    """A parameter.

    Attributes:
        name: Flat name.
        values: As recorded.
        missing: Which experiments don't have it.
        counts: Whether it can change a result; false for one that was declared inert.
        seed: Whether it is a seed.
    """

    name: str
    values: Values
    missing: tuple[bool, ...]
    counts: bool
    seed: bool


class Library(msgspec.Struct, frozen=True):
    """A distribution, or Python.

    Attributes:
        name: Normalised name, or `python`.
        values: Versions; where one came from (`1.0 (git c0ffee)`) is said only if that differs.
        kind: The largest step from the first: `python`, `major`, `minor`, `patch`, `local` (only
            the local label), `source` (the same version from elsewhere), `commit` (the same from
            version control), `added`, `removed`, `other` (can't be compared), or `same`.
        imported: Whether a run imported it; others are merely installed and don't count.
    """

    name: str
    values: tuple[str | None, ...]
    kind: str
    imported: bool


class Data(msgspec.Struct, frozen=True):
    """An input of data: `added`, `removed`, `changed`, `same`, or `differs` (of several)."""

    name: str
    values: tuple[str | None, ...]
    change: str
    sizes: tuple[int | None, ...]
    files: tuple[int | None, ...]
    kinds: tuple[str | None, ...]


class Code(msgspec.Struct, frozen=True):
    """A file of the project that isn't listed under another heading.

    Attributes:
        path: From the repository's root.
        change: `added`, `removed`, `modified`, `mode`, or `differs` (of several).
        added: Of two: lines added; None for a binary file.
        removed: Of two: lines removed; None for a binary file.
        values: Git's object ids.
        counts: Whether it can change a result: false when only comments or formatting differ, or
            when no run reached it; None when that isn't known.
    """

    path: str
    change: str
    added: int | None
    removed: int | None
    values: tuple[str | None, ...]
    counts: bool | None


class Part(msgspec.Struct, frozen=True):
    """A part of the partition; `values` are the numbers of examples."""

    name: str
    values: tuple[int | None, ...]
    digests: tuple[str | None, ...]
    change: str


class Fact(msgspec.Struct, frozen=True):
    """A fact about the command or the environment."""

    name: str
    values: Values
    missing: tuple[bool, ...]


class Output(msgspec.Struct, frozen=True):
    """An artifact; `values` are digests of its content.

    Attributes:
        path: From the repository's root, in the last experiment that has it.
        role: Its role.
        change: `added`, `removed`, `changed`, `same`, or `differs` (of several).
        values: Digests.
        sizes: Bytes.
        paths: Its path in each experiment, where only the name of a folder differs; else empty.
    """

    path: str
    role: str
    change: str
    values: tuple[str | None, ...]
    sizes: tuple[int | None, ...]
    paths: tuple[str | None, ...] = ()


class Comparison(msgspec.Struct, frozen=True):
    """Two or more experiments side by side; the first one is what the others are compared with.

    Attributes:
        experiments: Which.
        comparable: Whether their metrics were measured on the same data.
        level: Of two: how alike their inputs are, such as `replicate`; empty of several.
        notes: Sentences that belong above the comparison.
        verdict: Of two that can be compared, on the primary metric.
        gate: Whether the second is worse, where that was asked.
        contents: What artifacts hold, where that was asked.
    """

    experiments: tuple[Compared, ...]
    comparable: bool
    level: str
    notes: tuple[str, ...]
    metrics: tuple[Metric, ...]
    params: tuple[Setting, ...]
    libraries: tuple[Library, ...]
    data: tuple[Data, ...]
    code: tuple[Code, ...]
    command: tuple[Fact, ...]
    partition: tuple[Part, ...]
    environment: tuple[Fact, ...]
    artifacts: tuple[Output, ...]
    verdict: Verdict | None = None
    gate: Gate | None = None
    contents: Contents | None = None

    @property
    def lines_added(self) -> int:
        """Lines of code added, of two."""
        return sum(row.added or 0 for row in self.code)

    @property
    def lines_removed(self) -> int:
        """Lines of code removed, of two."""
        return sum(row.removed or 0 for row in self.code)
