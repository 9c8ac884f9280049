"""Do gitml's intervals cover what they claim? Simulate worlds whose truth is known.

usage: python -m benchmarks.simulation [--repetitions N] [--write]

Prints Markdown tables; with `--write` they replace those of `docs/explanation/statistics.md`.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from gitml.comparison.statistics.bootstrap import bca_interval
from gitml.comparison.statistics.distributions import normal_cdf
from gitml.comparison.statistics.intervals import Interval, percentiles
from gitml.comparison.statistics.joined import Predictions
from gitml.comparison.statistics.predictions import compare_predictions
from gitml.comparison.statistics.replicates import (
    Replicates,
    compare_replicates,
    seeds_needed,
)
from gitml.comparison.statistics.verdict import judge

DOCUMENT = Path(__file__).parent.parent / "docs" / "explanation" / "statistics.md"

Arms = tuple[list[float], list[float]]
Row = tuple[str, str, "Share"]


@dataclass(frozen=True)
class World:
    """How the runs of two arms come about; without an effect both have the same mean."""

    name: str
    draw: Callable[[random.Random, int, int], Arms]
    paired: bool = False


@dataclass(frozen=True)
class Share:
    """How often something happened."""

    hits: int
    repetitions: int

    @property
    def value(self) -> float:
        return self.hits / self.repetitions

    @property
    def error(self) -> float:
        """Standard error, not below that of a share of 5 %."""
        variance = max(self.value * (1 - self.value), 0.05 * 0.95)
        return math.sqrt(variance / self.repetitions)

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} %"


def normal(generator: random.Random, many_a: int, many_b: int) -> Arms:
    return _gauss(generator, many_a, 1), _gauss(generator, many_b, 1)


def unequal(generator: random.Random, many_a: int, many_b: int) -> Arms:
    return _gauss(generator, many_a, 1), _gauss(generator, many_b, 3)


def skewed(generator: random.Random, many_a: int, many_b: int) -> Arms:
    one = [generator.expovariate(1) - 1 for _ in range(many_a)]
    return one, [generator.expovariate(1) - 1 for _ in range(many_b)]


def skewed_unequal(generator: random.Random, many_a: int, many_b: int) -> Arms:
    one, other = skewed(generator, many_a, many_b)
    return one, [3 * value for value in other]


def rounded(generator: random.Random, many_a: int, many_b: int) -> Arms:
    one, other = normal(generator, many_a, many_b)
    return [round(value) for value in one], [round(value) for value in other]


def shared_seeds(generator: random.Random, many_a: int, many_b: int) -> Arms:
    common = [generator.gauss(0, 1) for _ in range(max(many_a, many_b))]
    one = [value + generator.gauss(0, 1) for value in common[:many_a]]
    return one, [value + generator.gauss(0, 1) for value in common[:many_b]]


WORLDS = (
    World("normal, the same deviation", normal),
    World("normal, three times the deviation in B", unequal),
    World("skewed (exponential)", skewed),
    World("skewed, three times the deviation in B", skewed_unequal),
    World("normal, rounded to whole deviations", rounded),
    World("the same seeds, correlated 0.5, paired", shared_seeds, paired=True),
)


def _gauss(generator: random.Random, many: int, deviation: float) -> list[float]:
    return [generator.gauss(0, deviation) for _ in range(many)]


def compared(
    world: World, generator: random.Random, many_a: int, many_b: int, effect: float = 0.0
) -> Replicates:
    """Return one comparison in a world where B is `effect` deviations higher."""
    a, b = world.draw(generator, many_a, many_b)
    seeds = (range(many_a), range(many_b)) if world.paired else (None, None)
    moved = [value + effect for value in b]
    return compare_replicates(a, moved, seeds_a=seeds[0], seeds_b=seeds[1], goal="max")


def coverage(world: World, many_a: int, many_b: int, repetitions: int, seed: int = 1) -> Share:
    """Return how often the interval holds the true difference, where there is an interval."""
    generator = random.Random(seed)
    hits = total = 0
    for _ in range(repetitions):
        interval = compared(world, generator, many_a, many_b).interval
        if interval is not None:
            total += 1
            hits += interval.low <= 0 <= interval.high
    return Share(hits, total)


def wrong_verdicts(
    world: World, many_a: int, many_b: int, repetitions: int, seed: int = 2
) -> Share:
    """Return how often a verdict says better or worse where there is no difference."""
    generator = random.Random(seed)
    wrong = 0
    for _ in range(repetitions):
        kind = judge("metric", compared(world, generator, many_a, many_b)).kind
        wrong += kind in ("better", "worse")
    return Share(wrong, repetitions)


def power(many: int, effect: float, repetitions: int, seed: int = 3) -> tuple[Share, Share]:
    """Return how often a true effect gets the verdict better, and how often worse."""
    generator = random.Random(seed)
    kinds = [
        judge("metric", compared(WORLDS[0], generator, many, many, effect)).kind
        for _ in range(repetitions)
    ]
    return Share(kinds.count("better"), repetitions), Share(kinds.count("worse"), repetitions)


def wrongly_the_same(many: int, margin: float, repetitions: int, seed: int = 4) -> Share:
    """Return how often the verdict is `practically the same` where the difference is the margin."""
    generator = random.Random(seed)
    wrong = 0
    for _ in range(repetitions):
        found = compared(WORLDS[0], generator, many, many, margin)
        wrong += judge("metric", found, min_effect=margin).kind == "practically the same"
    return Share(wrong, repetitions)


def second_look(repetitions: int, seed: int = 5) -> Share:
    """Return how often there is a wrong verdict when the seeds asked for are run, once.

    Both arms begin with 3 runs; `can't tell` with up to 16 more seeds is followed.
    """
    generator = random.Random(seed)
    wrong = 0
    for _ in range(repetitions):
        a, b = normal(generator, 3, 3)
        verdict = judge("metric", compare_replicates(a, b, goal="max"))
        # At most 16, since 20 runs bring a BCa interval, which only costs time here.
        if isinstance(verdict.more_seeds, int) and verdict.more_seeds <= 16:
            more = normal(generator, verdict.more_seeds, verdict.more_seeds)
            found = compare_replicates(a + more[0], b + more[1], goal="max")
            verdict = judge("metric", found)
        wrong += verdict.kind in ("better", "worse")
    return Share(wrong, repetitions)


def settled(many: int, effect: float, repetitions: int, seed: int = 10) -> Share:
    """Return how often there is the right verdict with as many seeds as gitml asks for.

    The runs that it is asked on have exactly the true difference and deviations, so that what is
    asked for is no matter of luck. All runs that are judged are new ones.
    """
    spread = [place - (many - 1) / 2 for place in range(many)]
    unit = math.sqrt(math.fsum(value * value for value in spread) / (many - 1))
    first = [value / unit for value in spread]
    asked = seeds_needed(compare_replicates(first, [value + effect for value in first]))
    assert asked is not None
    return power(many + asked, effect, repetitions, seed)[0]


def improvement_coverage(
    world: World, many: int, effect: float, truth: float, repetitions: int, seed: int = 6
) -> Share:
    """Return how often the interval of the probability of improvement holds the truth."""
    generator = random.Random(seed)
    hits = 0
    for _ in range(repetitions):
        improvement = compared(world, generator, many, many, effect).improvement
        assert improvement is not None
        hits += improvement.interval.low <= truth <= improvement.interval.high
    return Share(hits, repetitions)


def bca_coverage(world: World, many: int, repetitions: int, seed: int = 7) -> Share:
    """Return how often the BCa interval holds the true difference."""
    generator = random.Random(seed)
    hits = 0
    for _ in range(repetitions):
        a, b = world.draw(generator, many, many)
        interval = bca_interval(a, b, confidence=0.95, resamples=1_000)
        hits += interval is not None and interval.low <= 0 <= interval.high
    return Share(hits, repetitions)


def naive_coverage(many: int, repetitions: int, *, resampled: bool, seed: int = 9) -> Share:
    """Return how often the intervals that gitml doesn't use hold the true difference.

    Those are ±1.96 standard errors, and percentiles of resampled runs.
    """
    generator = random.Random(seed)
    hits = 0
    for _ in range(repetitions):
        a, b = normal(generator, many, many)
        found = compare_replicates(a, b)
        assert found.difference is not None and found.standard_error is not None
        if resampled:
            steps = sorted(
                math.fsum(generator.choices(b, k=many)) - math.fsum(generator.choices(a, k=many))
                for _ in range(500)
            )
            low, high = percentiles(steps, (0.025, 0.975))
            hits += low <= 0 <= high
        else:
            hits += abs(found.difference) <= 1.96 * found.standard_error
    return Share(hits, repetitions)


def prediction_coverage(
    examples: int,
    repetitions: int,
    *,
    group: int = 1,
    clustered: bool = True,
    rates: tuple[float, float] = (0.88, 0.9),
    seed: int = 8,
) -> Share:
    """Return how often the interval of the difference of accuracies holds the true one.

    Each group of examples has one level of difficulty, and a model errs on all of them or on each
    alone, half of the time each.

    Args:
        examples: In the test set.
        repetitions: How often.
        group: Examples a group.
        clustered: Whether gitml is told the groups.
        rates: True accuracies of A and B.
        seed: Of the simulation.
    """
    generator = random.Random(seed)
    ids = list(range(examples))
    groups = [place // group for place in ids] if group > 1 and clustered else None
    hits = total = 0
    for _ in range(repetitions):
        runs = []
        for rate, guess in zip(rates, _guesses(generator, examples, group), strict=True):
            predicted = [int(value < rate) for value in guess]
            runs.append(Predictions(ids, [1] * examples, predicted, groups=groups))
        interval = compare_predictions(*runs).estimates[0].interval
        hits += _holds(interval, rates[1] - rates[0])
        total += interval is not None
    return Share(hits, total)


def _guesses(generator: random.Random, examples: int, group: int) -> Iterable[list[float]]:
    """Yield uniform difficulties for A and B that agree for half of the examples."""
    base = [generator.random() for _ in range(examples)]
    alike = [generator.random() < 0.5 for _ in range(examples)]
    for _ in range(2):
        own = [generator.random() for _ in range(examples)]
        whole = [generator.random() for _ in range(examples)]
        joint = [generator.random() < 0.5 for _ in range(examples)]
        found = []
        for place in range(examples):
            first = place - place % group
            if group > 1 and joint[first]:
                found.append(whole[first])
            else:
                found.append(base[place] if alike[place] else own[place])
        yield found


def _holds(interval: Interval | None, truth: float) -> bool:
    return interval is not None and interval.low - 1e-12 <= truth <= interval.high + 1e-12


def replicate_table(repetitions: int) -> list[str]:
    """Return the table of the intervals of replicates."""
    sizes = ((2, 2), (3, 3), (5, 5), (10, 10), (3, 10))
    lines = [
        "| runs of A and B come from | 2 + 2 runs | 3 + 3 | 5 + 5 | 10 + 10 | 3 + 10 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for world in WORLDS:
        cells = []
        for many_a, many_b in sizes:
            if world.paired and many_a != many_b:
                cells.append("")
                continue
            cells.append(str(coverage(world, many_a, many_b, repetitions)))
        lines.append(f"| {world.name} | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def _deviations(effect: float) -> str:
    return f"{effect:g} {'deviation' if effect == 1 else 'deviations'}"


def power_table(repetitions: int) -> list[str]:
    """Return the table of how often a true difference is found."""
    lines = [
        "| true difference | 3 + 3 runs | 5 + 5 | 10 + 10 | 15 + 15 |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for effect in (0.5, 1.0, 2.0, 3.0):
        cells = []
        for many in (3, 5, 10, 15):
            right, wrong = power(many, effect, repetitions)
            cells.append(f"{right} (opposite {wrong})")
        lines.append(f"| {_deviations(effect)} | {' | '.join(cells)} |")
    return lines


def other_table(repetitions: int, few: int) -> list[str]:
    """Return the table of everything else that claims 95 % (or an error of 5 %)."""
    lines = ["| what | claim | simulated |", "| --- | --- | ---: |"]
    rows = [*_improvement_rows(repetitions), *_replicate_rows(repetitions, few)]
    rows += _prediction_rows(few)
    return lines + [f"| {what} | {claim} | {share} |" for what, claim, share in rows]


def _improvement_rows(repetitions: int) -> Iterable[Row]:
    likely = normal_cdf(1.5 / math.sqrt(2))
    worlds = (
        ("no difference", WORLDS[0], 0.0, 0.5),
        ("1.5 deviations", WORLDS[0], 1.5, likely),
        ("no difference, three times the deviation in B", WORLDS[1], 0.0, 0.5),
    )
    for many in (5, 10):
        for text, world, effect, truth in worlds:
            share = improvement_coverage(world, many, effect, truth, repetitions)
            what = f"probability of improvement, {many} + {many} runs, {text}"
            yield what, "covers 95 %", share


def _replicate_rows(repetitions: int, few: int) -> Iterable[Row]:
    yield "BCa, 20 + 20 runs, normal", "covers 95 %", bca_coverage(WORLDS[0], 20, few)
    yield "BCa, 20 + 20 runs, skewed", "covers 95 %", bca_coverage(WORLDS[2], 20, few)
    same = "practically the same, where the difference is the margin, 10 + 10 runs"
    yield same, "at most 2.5 %", wrongly_the_same(10, 1.5, repetitions)
    for many, effect in ((3, 1.0), (5, 0.8)):
        asked = (
            f"{many} + {many} runs {_deviations(effect)} apart, and the seeds that gitml asks for"
        )
        yield asked, "about 50 % are settled", settled(many, effect, repetitions)
    looks = "3 + 3 runs, then the seeds that gitml asks for, without a difference"
    yield looks, "more than 5 %: two looks", second_look(repetitions)
    for many in (3, 5):
        for name, resampled in (("± 1.96 standard errors", False), ("percentiles of runs", True)):
            share = naive_coverage(many, few, resampled=resampled)
            yield f"not used: {name}, {many} + {many} runs", "doesn't hold", share


def _prediction_rows(few: int) -> Iterable[Row]:
    for n in (50, 200, 1000):
        yield f"accuracy on {n:,} examples", "covers 95 %", prediction_coverage(n, few)
    alike = prediction_coverage(200, few, rates=(0.9, 0.9))
    yield "accuracy on 200 examples, no difference", "covers 95 %", alike
    grouped = "accuracy on 1,000 examples in groups of 10, resampled by group"
    yield grouped, "covers 95 %", prediction_coverage(1000, few, group=10)
    untold = prediction_coverage(1000, few, group=10, clustered=False)
    yield "the same, if gitml isn't told the groups", "doesn't hold", untold


def main() -> int:
    """Simulate, print, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=20_000, help="of each cell")
    parser.add_argument("--write", action="store_true", help="replace the tables of the docs")
    chosen = parser.parse_args()
    repetitions, few = chosen.repetitions, max(200, chosen.repetitions // 10)
    tables = {
        "replicates": replicate_table(repetitions),
        "power": power_table(repetitions),
        "others": other_table(repetitions, few),
    }
    for name, lines in tables.items():
        print("\n".join(("", *lines)))
        if chosen.write:
            _write(name, lines)
    return 0


def _write(name: str, lines: list[str]) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    begin, end = f"<!-- simulation: {name} -->\n", "<!-- end of simulation -->"
    before, rest = text.split(begin, 1)
    _, after = rest.split(end, 1)
    table = "\n".join(("", *lines, "", ""))
    DOCUMENT.write_text(before + begin + table + end + after, encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
