"""Reading `outputs.keep` of `gitml.yaml`: which of many weights and checkpoints are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitml.config import Keep, MetricGoal, Retention

Fields = Callable[[Any, Mapping[str, Callable[[Any], Any]]], dict[str, Any]]

_EXAMPLE = "keep: {weights: {last: 1, best: 2, by: valid_loss}}"


def keep(place: Any, fields: Fields) -> Keep:
    """Return the rules that a node of the file holds.

    Args:
        place: The node, as `gitml.config_file` has it.
        fields: Reads a mapping with one reader for each known key.

    Raises:
        ConfigError: with file and line.
    """

    def retention(rule: Any) -> Retention:
        found = fields(rule, {"last": _count, "best": _count, "by": _name, "goal": _goal})
        if "last" not in found and "best" not in found:
            raise rule.wrong(f"`{rule.name}` says neither `last` nor `best`.", _EXAMPLE)
        if not found.get("best") and ("by" in found or "goal" in found):
            raise rule.wrong(f"`{rule.name}` names a metric, and no `best`.", _EXAMPLE)
        return Retention(**found)

    return Keep(**fields(place, {"weights": retention, "checkpoints": retention}))


def check_keep(root: Any, rules: Keep | None, metrics: Mapping[str, MetricGoal]) -> None:
    """Make sure that every rule with `best` has a metric, and that it is known what is better.

    Args:
        root: The node of the whole file.
        rules: What `keep` returned, or None.
        metrics: The declared metrics.

    Raises:
        ConfigError: with file and line.
    """
    for role in ("weights", "checkpoints"):
        rule: Retention | None = getattr(rules, role, None)
        if rule is None or not rule.best:
            continue
        place = dict(dict(dict(root.items())["outputs"].items())["keep"].items())[role]
        metric, goal = ranking(rule, metrics)
        if not metric:
            raise place.wrong(
                f"`{place.name}` asks for the best, and no metric says which they are.",
                "Name one (`by: valid_loss`), or declare the primary one under `metrics`.",
            )
        if not goal:
            raise place.wrong(
                f"`{place.name}` asks for the best by {metric}, and not whether that is the "
                "largest or the smallest.",
                f"Say so there (`goal: min`), or under `metrics` (`{metric}: min`).",
            )


def ranking(rule: Retention, metrics: Mapping[str, MetricGoal]) -> tuple[str, str]:
    """Return the metric that says what is best, and its goal; empty where they aren't known."""
    primary = next((name for name, metric in metrics.items() if metric.primary), "")
    name = rule.by or primary
    declared = metrics[name].goal if name in metrics else ""
    return name, rule.goal or declared


def _count(place: Any) -> int:
    value = place.value if place.kind == "scalar" else None
    if type(value) is not int or value < 0:
        raise place.wrong(f"`{place.name}` must be a whole number, 0 or more.")
    return value


def _name(place: Any) -> str:
    value = place.node.value if place.kind == "scalar" else ""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise place.wrong(f"`{place.name}` must be the name of a metric.")
    return value


def _goal(place: Any) -> str:
    if place.kind != "scalar" or place.node.value not in ("max", "min"):
        raise place.wrong(f"`{place.name}` must be one of max, min.")
    return str(place.node.value)
