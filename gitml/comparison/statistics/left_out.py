"""What was left out of a comparison of predictions, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from gitml.comparison.statistics.bootstrap import FEWEST
from gitml.comparison.statistics.estimates import Estimate
from gitml.comparison.statistics.joined import Left
from gitml.comparison.statistics.wording import count


def notes_on(left: Left, estimates: Sequence[Estimate], names: tuple[str, str]) -> tuple[str, ...]:
    """Return the sentences that belong above a comparison of predictions.

    Args:
        left: What was left out.
        estimates: What was estimated, for the reason of missing intervals.
        names: What to call A and B.
    """
    found = []
    one, other = names
    if not left.shared:
        found.append(
            "No example can be compared: no id has one truth, and a prediction on both sides."
        )
    if left.only_a or left.only_b:
        found.append(
            f"{count(left.only_a, 'id')} of {one} and {count(left.only_b, 'id')} of {other} are "
            "not on the other side and are left out."
        )
    for number, text in (
        (left.partial, "not in all runs of both sides and left out"),
        (left.contradictions, "there more than once with different content and left out"),
        (left.relabelled, "labelled differently in different runs and left out"),
        (left.without_truth, "without a truth and left out"),
        (left.without_prediction, "without a prediction in some run and left out of all"),
    ):
        if number:
            found.append(f"{count(number, 'id is', 'ids are')} {text}.")
    if left.repeats:
        found.append(f"{count(left.repeats, 'row repeats', 'rows repeat')} an id of the same run.")
    if left.scores_not_finite:
        found.append(
            f"{count(left.scores_not_finite, 'score is', 'scores are')} no finite number and "
            "left out of calibration."
        )
    return (*found, *_without_interval(estimates))


def unlike(left: Left, path: str, names: tuple[str, str]) -> str:
    """Return what to say above the metrics where two tests aren't the same; empty where they are.

    Args:
        left: What was left out of the comparison of a file of predictions.
        path: Of the file.
        names: What to call A and B.
    """
    apart = left.only_a + left.only_b
    said = [
        f"{count(number, 'example is', 'examples are')} {what}"
        for number, what in ((apart, "on one side alone"), (left.relabelled, "labelled otherwise"))
        if number
    ]
    if not said:
        return ""
    return (
        f"{names[0]} and {names[1]} weren't tested on the same examples: in {path}, "
        f"{' and '.join(said)}. Metrics may differ for that alone; the predictions are compared "
        "on the examples that both share."
    )


def _without_interval(estimates: Sequence[Estimate]) -> list[str]:
    first = next((row for row in estimates if row.interval is None), None)
    if first is None:
        return []
    units = first.groups or first.examples
    kind = "group" if first.groups else "example"
    if units < FEWEST:
        few = count(units, f"{kind} is", f"{kind}s are")
        return [f"{few} too few for an interval; it takes {FEWEST}."]
    return [f"Too few {kind}s are judged differently for an interval of {first.name}."]
