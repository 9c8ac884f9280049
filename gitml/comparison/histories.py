"""Metrics over steps of several experiments, metric by metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gitml.comparison.contents import Curve, HistoryComparison
from gitml.comparison.downsampling import places_kept
from gitml.comparison.spacing import Spacing, spacing_of
from gitml.outputs.history_columns import Points

# Of one curve, and of all curves of a comparison together.
MOST_POINTS = 1000
FEWEST_POINTS = 100
ALL_POINTS = 250_000

# Parts of the data, as names of metrics have them, and what stands between the words of a name.
_PARTS = frozenset(
    {"train", "training", "tr", "val", "valid", "validation", "dev", "test", "testing"}
    | {"eval", "evaluation", "holdout"}
)
_BETWEEN = str.maketrans(dict.fromkeys(" /.:-", "_"))


class Clock(msgspec.Struct, frozen=True):
    """When a run ran.

    Attributes:
        start: Seconds since 1970 at which it started; None where it isn't known.
        pauses: (seconds since 1970 at which it went on, how long it had stood still) of a run
            that was resumed.
    """

    start: float | None = None
    pauses: tuple[tuple[float, float], ...] = ()


class History(msgspec.Struct, frozen=True):
    """What one run measured over its steps.

    Attributes:
        run: Its name.
        points: Metric → values.
        clock: When it ran.
    """

    run: str
    points: Mapping[str, Points]
    clock: Clock = Clock()


class Side(msgspec.Struct, frozen=True):
    """A compared experiment.

    Attributes:
        title: What it is called in the comparison.
        history: Of the experiment itself; None where there is none.
        replicates: Of its replicates.
    """

    title: str
    history: History | None
    replicates: tuple[History, ...] = ()


def group_of(name: str) -> str:
    """Return what a metric measures, without the part of the data that it was measured on.

    `train_loss`, `val/loss` and `Loss` are all `loss`: they may share a chart.
    """
    words = name.casefold().translate(_BETWEEN).split("_")
    return "_".join(word for word in words if word and word not in _PARTS) or name


def compare(
    sides: Sequence[Side], goals: Mapping[str, str], primary: str
) -> tuple[HistoryComparison, ...]:
    """Return the curves of all metrics: the primary one, those that all sides have, the others.

    Of these, metrics with a goal come first.

    A metric that no run measured twice has no curve and is left out. Curves of more than
    `MOST_POINTS` points have fewer afterwards, and look the same.

    Args:
        sides: The experiments.
        goals: Metric → `max` or `min`.
        primary: Name of the primary metric, or empty.
    """
    drawing = _Drawing(sides, goals)
    names = sorted(
        drawing.names(),
        key=lambda name: (name != primary, not drawing.is_shared(name), name not in goals, name),
    )
    most = ALL_POINTS // max(1, sum(drawing.count(name) for name in names))
    most = min(MOST_POINTS, max(FEWEST_POINTS, most))
    return tuple(drawing.compare(name, most) for name in names)


class _Drawing:
    """Makes the curves; knows what many metrics of a run have in common, their steps."""

    def __init__(self, sides: Sequence[Side], goals: Mapping[str, str]) -> None:
        self._sides = sides
        self._goals = goals
        self._spacings: dict[int, Spacing] = {}

    def names(self) -> set[str]:
        """Return the metrics that have a curve."""
        return {
            name
            for run in self._runs()
            for name, points in run.points.items()
            if len(points.values) > 1
        }

    def is_shared(self, name: str) -> bool:
        """Whether every experiment has a metric."""
        return all(side.history and name in side.history.points for side in self._sides)

    def count(self, name: str) -> int:
        """Return how many runs have a metric."""
        return sum(name in run.points for run in self._runs())

    def _runs(self) -> Iterator[History]:
        for side in self._sides:
            yield from (side.history,) if side.history else ()
            yield from side.replicates

    def compare(self, name: str, most: int) -> HistoryComparison:
        """Return the curves of one metric with at most so many points each."""
        having = [run.points[name] for run in self._runs() if name in run.points]
        stepped = all(points.steps for points in having)
        goal = self._goals.get(name, "")
        curves = tuple(self._curve(side.history, name, most, stepped) for side in self._sides)
        replicates = tuple(
            tuple(self._of_replicates(side.replicates, name, most, stepped)) for side in self._sides
        )
        own = [side.history.points.get(name) if side.history else None for side in self._sides]
        apart = self._apart(own) if stepped else ""
        note = apart or ("" if stepped else self._without_steps(name))
        two = [points for points in own if points is not None]
        parted = None
        if len(self._sides) == 2 == len(two) and not apart:
            parted = _parted(two[0], two[1], stepped=stepped)
        return HistoryComparison(
            metric=name,
            goal=goal,
            stepped=stepped,
            curves=curves,
            replicates=replicates,
            best=tuple(_best(curve, goal) for curve in curves),
            last=tuple(_last(curve) for curve in curves),
            parted=parted,
            group=group_of(name),
            aligned=not apart,
            note=note,
        )

    def _of_replicates(
        self, runs: Sequence[History], name: str, most: int, stepped: bool
    ) -> Iterator[Curve]:
        for run in runs:
            curve = self._curve(run, name, most, stepped)
            if curve is not None:
                yield msgspec.structs.replace(curve, run=run.run)

    def _curve(self, run: History | None, name: str, most: int, stepped: bool) -> Curve | None:
        points = run.points.get(name) if run else None
        if run is None or points is None:
            return None
        values = points.values
        places = places_kept(values, most)
        steps = [points.steps[place] for place in places] if stepped else places
        finite = math.isfinite(sum(values))
        return Curve(
            steps=tuple(map(_tidy, steps)),
            values=tuple(values[place] for place in places),
            seconds=_seconds(points, places, run.clock),
            measured=points.measured,
            repeated=points.measured - len(values),
            missing=self._spacing(points).missing if stepped else 0,
            odd=0 if finite else sum(not math.isfinite(value) for value in values),
        )

    def _spacing(self, points: Points) -> Spacing:
        # The metrics that were measured together share their steps.
        key = id(points.steps)
        if key not in self._spacings:
            self._spacings[key] = spacing_of(points.steps)
        return self._spacings[key]

    def _apart(self, own: Sequence[Points | None]) -> str:
        """Return why the curves don't belong over one axis; empty when they do."""
        known = [
            (side.title, self._spacing(points))
            for side, points in zip(self._sides, own, strict=True)
            if points is not None
        ]
        for title, spacing in known[1:]:
            if known[0][1].counts_otherwise(spacing):
                ends = f"{known[0][1].last:,.0f} and {spacing.last:,.0f}"
                return (
                    f"Steps of {known[0][0]} and {title} may count different things, such as "
                    f"epochs and iterations: they go up to {ends}."
                )
        return ""

    def _without_steps(self, name: str) -> str:
        titles = [
            side.title
            for side in self._sides
            for run in (side.history, *side.replicates)
            if run and name in run.points and not run.points[name].steps
        ]
        if not titles:
            return ""
        return f"{titles[0]} has no steps for it, so the curves are over measurements."


def _seconds(points: Points, places: Sequence[int], clock: Clock) -> tuple[float, ...]:
    """Return how long a run had run at some of its points; empty where that isn't known."""
    if not points.times:
        return ()
    times = [points.times[place] for place in places]
    if any(map(math.isnan, times)):
        return ()
    first = min(times)
    start = clock.start if clock.start is not None and clock.start <= first else first
    return tuple(
        round(time - start - sum(length for went_on, length in clock.pauses if went_on <= time), 3)
        for time in times
    )


def _tidy(step: float) -> float:
    """Return a step as an integer where it is one."""
    return int(step) if isinstance(step, float) and step.is_integer() else step


def _best(curve: Curve | None, goal: str) -> tuple[float, float] | None:
    if curve is None or goal not in ("max", "min"):
        return None
    known = [place for place, value in enumerate(curve.values) if math.isfinite(value)]
    if not known:
        return None
    choose = max if goal == "max" else min
    place = choose(known, key=curve.values.__getitem__)
    return curve.steps[place], curve.values[place]


def _last(curve: Curve | None) -> tuple[float, float] | None:
    return (curve.steps[-1], curve.values[-1]) if curve is not None and curve.values else None


def _parted(one: Points, other: Points, *, stepped: bool) -> float | None:
    """Return the first step at which curves differ that were equal before."""
    first: float | None = None
    for step, mine, others in _together(one, other, stepped=stepped):
        if mine != others and (mine == mine or others == others):  # two NaN are equal here
            return None if first is None else _tidy(step)
        first = step
    return None


def _together(one: Points, other: Points, *, stepped: bool) -> Iterator[tuple[float, float, float]]:
    """Yield (step, value, value) of the steps that both have."""
    if not stepped:
        yield from zip(range(len(one.values)), one.values, other.values, strict=False)
    elif one.steps == other.steps:
        yield from zip(one.steps, one.values, other.values, strict=True)
    else:
        known = dict(zip(other.steps, other.values, strict=True))
        for step, value in zip(one.steps, one.values, strict=True):
            if step in known:
                yield step, value, known[step]
