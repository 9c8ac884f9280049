"""The head of a comparison: what can be said about it, in words and with its interval drawn."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.comparison.statistics.wording import spell
from gitml.values import as_number
from gitml.views import values
from gitml.views.report.drawing import Axis, axis_over, box, dot, drawing, label, line, ticks
from gitml.views.report.markup import Child, Markup, join, tag, text
from gitml.views.report.sides import colour, name, rounded, short, signed
from gitml.views.report.tables import listing

if TYPE_CHECKING:
    from gitml.comparison.result import Comparison, Metric, Verdict

_HEADLINES = {
    "practically the same": "They are practically the same.",
    "can't tell": "Can’t tell which is better.",
}
_MINUS = re.compile(r"(?<![\w.)-])-(?=\d)")
_SINGLE = "One run each says nothing about noise."
_REPEATS = {
    "identical": "The same experiment, run twice.",
    "equivalent": "The same experiment, run twice.",
    "replicate": "The same experiment with another seed.",
}
_MANY = (
    "One run of each. Whether a difference is more than noise is told by a comparison of two that "
    "were run with several seeds."
)
# Of the drawing of the difference, in pixels from its top.
_TOP, _MIDDLE, _BASE, _HEIGHT = 2.0, 26.0, 54.0, 78


def head(comparison: Comparison, titles: Sequence[str]) -> Markup:
    """Return the head of the page."""
    studies = list(dict.fromkeys(item.study for item in comparison.experiments))
    eyebrow = f"{'Study' if len(studies) == 1 else 'Studies'} {values.listing(studies)}"
    if comparison.level:
        eyebrow += f" · inputs: {comparison.level}"
    verdict = comparison.verdict
    sentence: Child = None
    if len(titles) > 2:
        sentence = tag("p", _MANY, class_="sentence soft")
    if verdict is not None:
        said = _typeset(_sentence(comparison, verdict, titles))
        sentence = tag("p", said, class_="sentence")
    return tag(
        "div",
        tag("p", eyebrow, class_="eyebrow"),
        _names(titles),
        tag("p", *_headline(comparison, titles), class_="headline"),
        sentence,
        _gate(comparison),
        _plot(verdict, titles) if verdict is not None else None,
        _tiles(verdict, titles) if verdict is not None else None,
        _notes(comparison),
        class_="head",
    )


def _names(titles: Sequence[str]) -> Markup:
    if len(titles) == 2:  # the second one is in question, the first is what it is measured by
        versus = tag("span", " against ", class_="versus")
        return tag("h1", name(titles, 1), versus, name(titles, 0))
    return tag("h1", join((name(titles, place) for place in range(len(titles))), ", "))


def _headline(comparison: Comparison, titles: Sequence[str]) -> list[Child]:
    verdict = comparison.verdict
    if verdict is not None and verdict.kind in ("better", "worse"):
        return [tag("span", titles[1], class_=colour(1)), f" is {verdict.kind}."]
    if verdict is not None and verdict.kind == "single run":
        return _ahead(comparison, titles) or [_SINGLE]
    if verdict is not None:
        return [_HEADLINES.get(verdict.kind, verdict.kind)]
    if len({item.commit for item in comparison.experiments}) == 1:
        return ["One experiment, compared with itself."]
    if not comparison.comparable:
        return ["Their metrics can’t be compared."]
    if comparison.level in _REPEATS:
        return [_REPEATS[comparison.level]]
    primary = _primary(comparison)
    if len(titles) > 2 and primary is not None and primary.best is not None:
        best = rounded(_number(primary.values[primary.best]))
        leader = tag("span", titles[primary.best], class_=colour(primary.best))
        return [leader, f" has the best {primary.name}: {best}."]
    return [f"{len(titles)} experiments side by side."]


def _typeset(said: str) -> Markup:
    """Return a sentence with signs as a page has them, and no line that begins with `%`."""
    return Markup(text(_MINUS.sub("−", said)).replace(" %", "&nbsp;%"))


def _primary(comparison: Comparison) -> Metric | None:
    return next((row for row in comparison.metrics if row.primary), None)


def _ahead(comparison: Comparison, titles: Sequence[str]) -> list[Child]:
    """Return which of two single runs has the better number; empty where neither has."""
    primary = _primary(comparison)
    if primary is None or primary.better is None:
        return []
    side = int(primary.better)
    return [tag("span", titles[side], class_=colour(side)), " is ahead, by one run each."]


def _sentence(comparison: Comparison, verdict: Verdict, titles: Sequence[str]) -> str:
    """Return the sentence without what the headline says already."""
    if verdict.kind == "single run":
        primary = _primary(comparison)
        if primary is None or primary.better is None:
            return verdict.sentence
        old, new = (rounded(_number(value), 6) for value in primary.values)
        told = f"{primary.name} is {new} in {titles[1]} and {old} in {titles[0]}."
        return f"{told[:1].upper()}{told[1:]} {_SINGLE}"
    said = verdict.sentence
    for start in (f"{titles[1]} is {verdict.kind}: ", "Practically the same: ", "Can't tell: "):
        if said.startswith(start):
            said = said.removeprefix(start)
            return said[:1].upper() + said[1:]
    return said


def _gate(comparison: Comparison) -> Markup | None:
    gate = comparison.gate
    if gate is None:
        return None
    word = "The gate failed: " if gate.failed else "The gate passed: "
    said = tag("p", tag("b", word), gate.sentence)
    return tag("div", said, class_="note warned" if gate.failed else "note")


def _notes(comparison: Comparison) -> Markup | None:
    if not comparison.notes:
        return None
    kind = "note" if comparison.comparable else "note warned"
    return tag("div", listing(comparison.notes), class_=kind)


def _plot(verdict: Verdict, titles: Sequence[str]) -> Markup | None:
    """Return the difference with its interval, zero, and the smallest difference that matters."""
    step, interval, effect = verdict.difference, verdict.interval, verdict.min_effect
    if step is None or interval is None or not all(map(math.isfinite, (step, *interval))):
        return None
    axis = axis_over([step, *interval, 0.0, effect, -effect], margin=0.12)
    kind = {"better": "for-1", "worse": "for-0"}.get(verdict.kind, "")
    low, high = interval
    middle = _MIDDLE
    parts: list[Child] = []
    if effect > 0:
        width = axis.at(effect) - axis.at(-effect)
        parts.append(box(axis.at(-effect), _TOP, width, _BASE - _TOP, "effect"))
        parts += [line(axis.at(x), _TOP, axis.at(x), _BASE, "edge") for x in (-effect, effect)]
    parts += [
        line(axis.left, _BASE, axis.right, _BASE, "axis"),
        line(axis.at(0), _TOP, axis.at(0), _BASE, "zero"),
        line(axis.at(low), middle, axis.at(high), middle, "range"),
        *(line(axis.at(x), middle - 6, axis.at(x), middle + 6, "range") for x in interval),
        dot(axis.at(step), middle, 7, "dot"),
        *_scale(axis, _BASE),
    ]
    told = (
        f"{verdict.metric}: difference {signed(step)}, interval {signed(low)} to {signed(high)}"
        f"{f', differences within ± {effect:g} do not matter' if effect > 0 else ''}"
    )
    caption = f"Difference in {verdict.metric}, {titles[1]} minus {titles[0]}"
    if verdict.confidence is not None:
        caption += f", with its {verdict.confidence * 100:g} % interval"
    if effect > 0:
        caption += f". Shaded: differences up to ± {effect:g} don’t matter"
    plot = drawing(*parts, height=_HEIGHT, label=told, kind=kind)
    told_below = tag("figcaption", f"{caption}.")
    return tag("figure", _directions(verdict, titles), plot, told_below, class_="verdict")


def _scale(axis: Axis, base: float) -> list[Markup]:
    found = []
    for tick in ticks(axis, 5):
        found.append(line(axis.at(tick), base, axis.at(tick), base + 4, "axis"))
        found.append(label(axis.at(tick), base + 18, signed(tick)))
    return found


def _directions(verdict: Verdict, titles: Sequence[str]) -> Markup | None:
    """Return who is better to which side; None where it isn't known what is better."""
    if not verdict.goal:
        return None
    left, right = (0, 1) if verdict.goal == "max" else (1, 0)
    return tag(
        "p",
        tag("span", f"← {short(titles[left])} better", class_=colour(left)),
        tag("span", f"{short(titles[right])} better →", class_=colour(right)),
        class_="directions",
    )


def _tiles(verdict: Verdict, titles: Sequence[str]) -> Markup | None:
    if verdict.runs == (1, 1):
        return None
    tiles = [
        _tile(
            name(titles, side),
            _mean(verdict.means[side], verdict.deviations[side]),
            f"mean ± deviation of {values.plural(verdict.runs[side], 'run')}",
        )
        for side in (0, 1)
    ]
    if verdict.difference is not None:
        width = (verdict.interval[1] - verdict.interval[0]) / 2 if verdict.interval else 0.0
        size = spell(abs(verdict.difference), width)
        sign = "+" if verdict.difference > 0 else "−" if verdict.difference else ""
        told = f"{short(titles[1])} minus {short(titles[0])}"
        tiles.append(_tile("Difference", f"{sign}{size}", told))
    if verdict.more_seeds is not None:
        more = verdict.more_seeds
        shown = f"about {more}" if isinstance(more, int) else str(more)
        tiles.append(_tile("More seeds to tell", shown, "for each of both"))
    return tag("dl", *tiles, class_="tiles")


def _tile(term: str, value: str, more: str) -> Markup:
    return tag("div", tag("dt", term), tag("dd", value, tag("small", more)))


def _mean(mean: float | None, deviation: float | None) -> str:
    if mean is None:
        return values.MISSING
    if not deviation:
        return rounded(mean)
    return f"{spell(mean, deviation)} ± {spell(deviation, deviation)}"


def _number(value: object) -> float | None:
    found = as_number(value) if isinstance(value, int | float | str) else None
    return None if found is None else float(found)
