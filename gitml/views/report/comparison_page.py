"""The report of a comparison: what matters most first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitml.comparison.contents import Contents
from gitml.views import values
from gitml.views.comparison import titles_of
from gitml.views.rendering import plotly_script
from gitml.views.report import (
    closing,
    curves,
    differences,
    importances,
    metrics,
    plots,
    predictions,
    verdict,
    weights,
)
from gitml.views.report.page import Page, page

if TYPE_CHECKING:
    from gitml.comparison.result import Comparison

STYLES = ("base.css", "charts.css", "comparison.css")
SCRIPTS = (
    "base.js",
    "numbers.js",
    "tables.js",
    "linechart.js",
    "linetools.js",
    "curves.js",
    "pictures.js",
    "start.js",
)


def comparison_page(comparison: Comparison, *, command: str, made: str) -> str:
    """Return the page; see `gitml.views.report.html`."""
    titles = titles_of(comparison.experiments)
    contents = comparison.contents or Contents()
    sections = (
        differences.section(comparison, titles),
        metrics.section(comparison, titles),
        curves.section(contents.histories, titles),
        predictions.section(contents.predictions, titles),
        weights.section(contents.weights, titles),
        importances.section(contents.importances, titles),
        importances.explanations(contents.explanations, titles),
        plots.section(contents.plots, titles),
        differences.artifacts(comparison, titles),
        closing.missing(comparison.contents),
        closing.experiments(comparison, titles),
    )
    return page(
        Page(
            title=f"{' against '.join(reversed(titles))} · gitml",
            kind="comparison",
            head=verdict.head(comparison, titles),
            sections=sections,
            foot=closing.foot(command, made),
            data=_data(contents, titles),
            styles=STYLES,
            scripts=SCRIPTS,
            foreign=plotly_script() if plots.needs_plotly(contents.plots) else "",
            evaluates=plots.needs_eval(contents.plots),
        )
    )


def _data(contents: Contents, titles: list[str]) -> dict[str, Any]:
    return {
        "titles": [values.escape(title) for title in titles],
        "curves": curves.data(contents.histories, titles),
    }
