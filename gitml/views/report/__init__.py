"""Reports: one HTML file each that people like to look at, and that needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitml.comparison.result import Comparison
    from gitml.operations.report import Overview


def html(comparison: Comparison, *, command: str = "", made: str = "") -> str:
    """Return the report of a comparison: one page that needs nothing from elsewhere.

    Args:
        comparison: With `contents` for curves, weights, predictions and plots.
        command: That made it, for the foot of the page.
        made: When, for the foot; without it, the same comparison gives the same bytes.
    """
    from gitml.views.report.comparison_page import comparison_page

    return comparison_page(comparison, command=command, made=made)


def overview(found: Overview, *, command: str = "", made: str = "") -> str:
    """Return the report of many experiments: one page that needs nothing from elsewhere.

    Args:
        found: The experiments, from `gitml.operations.report.gather`.
        command: That made it, for the foot of the page.
        made: When, for the foot; without it, the same experiments give the same bytes.
    """
    from gitml.views.report.overview_page import overview_page

    return overview_page(found, command=command, made=made)
