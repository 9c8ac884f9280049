"""Which examples two arms judge differently: churn, wins and losses, McNemar's test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from operator import gt, lt, ne

import msgspec

from gitml.comparison.statistics.distributions import binomial_test
from gitml.comparison.statistics.joined import Joined, Side


class McNemar(msgspec.Struct, frozen=True):
    """McNemar's test that both models, as they were trained, err equally often.

    It knows nothing of how another training would turn out (Dietterich 1998).

    Attributes:
        p_value: Exact, two-sided: a binomial test of wins against losses.
        mid_p: The mid-p version: less conservative, not exact.
    """

    p_value: float
    mid_p: float


class Agreement(msgspec.Struct, frozen=True):
    """How far two arms agree on single examples.

    Attributes:
        churn: Share of examples whose predicted label differs, between a run of A and one of B
            (mean over all pairs of runs).
        churn_a: The same between runs of A: what another seed alone changes; None with one run.
        churn_b: The same between runs of B.
        both_right: Examples that all runs of both predict right.
        wins: Examples that B predicts right and A doesn't (n01); with several runs, more often.
        losses: Examples that A predicts right and B doesn't (n10); with several runs, more often.
        mcnemar: None with several runs, or with groups, whose examples depend on each other.
    """

    churn: float
    churn_a: float | None
    churn_b: float | None
    both_right: int
    wins: int
    losses: int
    mcnemar: McNemar | None


def agreement(joined: Joined) -> Agreement | None:
    """Return how far the arms agree; None for regression, or without shared examples."""
    if joined.task == "regression" or not joined.ids:
        return None
    right = joined.right_a, joined.right_b
    wins, losses = sum(map(lt, *right)), sum(map(gt, *right))
    both = list(map(min, *right)).count(1)
    mcnemar = None
    if len(joined.a) == len(joined.b) == 1 and joined.groups is None:
        mcnemar = McNemar(*binomial_test(wins, wins + losses))
    return Agreement(
        churn=_churn(list(product(joined.a, joined.b))) or 0.0,
        churn_a=_churn(list(combinations(joined.a, 2))),
        churn_b=_churn(list(combinations(joined.b, 2))),
        both_right=both,
        wins=wins,
        losses=losses,
        mcnemar=mcnemar,
    )


def _churn(pairs: Sequence[tuple[Side, Side]]) -> float | None:
    if not pairs:
        return None
    changed = sum(sum(map(ne, a.predictions, b.predictions)) for a, b in pairs)
    return changed / (len(pairs) * len(pairs[0][0].predictions))
