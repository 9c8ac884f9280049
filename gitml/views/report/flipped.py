"""The examples whose prediction changed: with their pictures, or as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.report.embed import Room, image
from gitml.views.report.markup import Markup, block, join, tag
from gitml.views.report.sides import name, rounded, short, signed
from gitml.views.report.tables import Cell, Head, table

if TYPE_CHECKING:
    from gitml.comparison.contents import Picture
    from gitml.comparison.statistics.flips import Flip, Flips

_TINY_PIXELS = 96
_LONGEST_TEXT = 700
_MOST = 120
# Of the pictures of a gallery together; examples without one are still there.
_MOST_BYTES = 12_000_000
_FIRST_CARDS, _FIRST_ROWS = 24, 15
_SCORES = {
    "mean signed confidence": (
        "Beside each guess, the commonest of its runs: their mean confidence, negative where they "
        "are wrong."
    ),
    "signed confidence": "Beside each guess: how confident it is.",
    "probability of the truth": "Beside each guess: the probability that it gives to the truth.",
    "score of the truth": "Beside each guess: its score of the truth.",
}
_KINDS = ("lost", "won", "changed")


def gallery(
    flips: Flips,
    pictures: Sequence[Picture],
    titles: Sequence[str],
    place: int,
    *,
    several: bool = False,
) -> Markup | None:
    """Return the flipped examples; None when nothing flipped.

    Args:
        flips: Which.
        pictures: Of them, as far as there are any.
        titles: Names of the experiments.
        place: Number of these predictions on the page.
        several: Whether there are several runs of an experiment.
    """
    if not flips.examples:
        return None
    shown = _chosen(flips.examples)
    score = f"mean {flips.score}" if several and flips.score == "signed confidence" else flips.score
    known = {item.id: item for item in pictures}
    if any(flip.id in known for flip in shown):
        fitting = _fitting([known[flip.id] for flip in shown if flip.id in known])
        cards = [_card(flip, fitting.get(flip.id), titles, score) for flip in shown]
        body = tag("div", *cards, class_="gallery", id=f"flips-{place}", data_few=_FIRST_CARDS)
        left = sum(flip.id in known for flip in shown) - len(fitting)
        if left:
            said = f"{values.plural(left, 'picture')} would be too much for this page."
            body = join([tag("p", said, class_="soft"), body])
    else:
        inside = _table(shown, titles, score)
        body = tag("div", inside, id=f"flips-{place}", data_few=_FIRST_ROWS)
    regression = flips.score == "absolute error"
    title = "Where the errors differ most" if regression else "Examples that flipped"
    return join([tag("h3", title), _about(flips, len(shown), score), _filter(flips, place), body])


def _fitting(pictures: Sequence[Picture]) -> dict[str, Picture]:
    """Return the pictures that a page has room for, by their example."""
    room = Room(_MOST_BYTES)
    return {one.id: one for one in pictures if room.take(one.content)}


def _chosen(examples: Sequence[Flip]) -> list[Flip]:
    """Return the examples to show: as many of each direction, lost and won before changed."""
    if len(examples) <= _MOST:
        return list(examples)
    parts = [[flip for flip in examples if flip.direction == kind] for kind in _KINDS]
    found: list[Flip] = []
    room = _MOST
    for number, part in enumerate(parts):
        found += part[: room // (len(parts) - number)]
        room = _MOST - len(found)
    return found


def _about(flips: Flips, shown: int, score: str) -> Markup | None:
    total = flips.lost + flips.won + flips.changed
    said = [f"The {shown:,} largest changes of {total:,}."] if shown < total else []
    if score in _SCORES:
        said.append(_SCORES[score])
    return tag("p", " ".join(said), class_="soft") if said else None


def _filter(flips: Flips, place: int) -> Markup:
    counts = {"all": flips.lost + flips.won + flips.changed} | {
        kind: getattr(flips, kind) for kind in _KINDS
    }
    buttons = (
        tag(
            "button",
            f"{kind} {count:,}",
            type="button",
            data_kind=kind,
            aria_pressed="true" if kind == "all" else "false",
        )
        for kind, count in counts.items()
        if count
    )
    return tag(
        "div",
        join(buttons),
        class_="chips tools filter",
        role="group",
        aria_label="Which examples",
        data_for=f"flips-{place}",
        hidden=True,
    )


def _card(flip: Flip, found: Picture | None, titles: Sequence[str], score: str) -> Markup:
    said = [
        tag(
            "li",
            tag("span", short(titles[side]), class_=f"who e{side}"),
            tag("b", _label(guess)),
            tag("span", _score(value, score), class_="soft"),
            class_="right" if _is_truth(guess, flip) else "wrong",
        )
        for side, (guess, value) in enumerate(((flip.a, flip.score_a), (flip.b, flip.score_b)))
    ]
    head = tag("p", tag("span", f"{flip.direction}", class_="tag"), tag("code", flip.id))
    truth = tag("p", "truth ", tag("b", _label(flip.truth)))
    more = tag("p", found.caption, class_="soft") if found is not None and found.caption else None
    return tag(
        "figure",
        _picture(found, flip),
        tag("figcaption", head, truth, tag("ul", *said), more),
        class_=f"flip {flip.direction}",
        data_kind=flip.direction,
    )


def _picture(found: Picture | None, flip: Flip) -> Markup | None:
    if found is None:
        return None
    if found.media.startswith("text/"):
        text = found.content[: 4 * _LONGEST_TEXT].decode("utf-8", "replace")[:_LONGEST_TEXT]
        return tag("pre", block(text))
    tiny = 0 < png_width(found.content) <= _TINY_PIXELS
    return image(found.media, found.content, f"Example {flip.id}", "tiny" if tiny else "")


def png_width(content: bytes) -> int:
    """Return the width of a PNG in pixels; 0 for what is none."""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return 0
    return int.from_bytes(content[16:20], "big")


def _table(found: Sequence[Flip], titles: Sequence[str], score: str) -> Markup:
    scored = any(flip.score_a is not None for flip in found)
    heads = [Head("example", sort=True), Head("", sort=False), Head("truth", sort=True)]
    heads += [Head(name(titles, side)) for side in (0, 1)]
    if scored:
        heads.append(Head(f"change of the {score}", numeric=True, sort=True))
    rows = []
    for flip in found:
        row: list[Cell | str] = [
            Cell(tag("code", flip.id), flip.id),
            tag("span", flip.direction, class_=f"tag {flip.direction}", data_kind=flip.direction),
            Cell(_label(flip.truth), flip.truth),
            _label(flip.a),
            _label(flip.b),
        ]
        if scored:
            row.append(Cell(signed(flip.change, 3), flip.change))
        rows.append(row)
    return table("Examples that flipped", heads, rows)


def _is_truth(guess: str | float, flip: Flip) -> bool:
    return guess == flip.truth


def _label(value: str | float) -> str:
    return value if isinstance(value, str) else rounded(value)


def _score(value: float | None, score: str) -> str:
    if value is None:
        return ""
    if score == "absolute error":
        return f"off by {rounded(value, 3)}"
    shown = f"{abs(value) if score == 'signed confidence' else value:.2f}"
    return "0.00" if shown == "-0.00" else shown.replace("-", "−")
