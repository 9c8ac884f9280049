from __future__ import annotations

import pytest

from gitml.comparison.contents import PixelDifference, PlotComparison, TableDifference
from gitml.views import sheet
from gitml.views.plots import sections


def plot(path: str, change: str = "changed", **more: object) -> PlotComparison:
    return PlotComparison(path, "image", change, **more)  # type: ignore[arg-type]


def shown(*plots: PlotComparison, **options: bool) -> str:
    return sheet.text(sections(plots, ["a", "b", "c"], **options), width=80)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.031, "3.1 % of the pixels differ, by 1.2 % on average"),
        (0.5, "50 % of the pixels differ"),
        (0.999, "> 99 % of"),
        (1.0, "100 % of"),
        (0.00001, "< 0.01 % of"),
        (0.0, "the same picture, in other bytes"),
    ],
)
def test_the_share_of_pixels_is_said(share: float, said: str) -> None:
    difference = PixelDifference(10, 10, share, 0.012)
    assert said in shown(plot("plots/confusion.png", difference=difference))


def test_tables_say_how_many_cells_differ() -> None:
    table = TableDifference((3, 4), 1, 0, (), ("f1", "f2"), 12, 2)
    text = shown(PlotComparison("t.csv", "table", "changed", table=table))
    assert "2 of 12 cells differ, 1 row added, columns f1, f2 removed" in text
    same = TableDifference((3, 3), 0, 0, (), (), 12, 0)
    text = shown(PlotComparison("t.csv", "table", "changed", table=same))
    assert "the same values, written otherwise" in text


def test_what_changed_most_is_first_and_what_did_not_change_is_left_out() -> None:
    plots = [
        plot("same.png", "same"),
        plot("little.png", difference=PixelDifference(1, 1, 0.1, 0.1)),
        plot("new.png", "added"),
        plot("much.png", difference=PixelDifference(1, 1, 0.9, 0.1)),
    ]
    names = [line.split()[0] for line in shown(*plots).splitlines()[1:]]
    assert names == ["much.png", "new.png", "little.png"]
    assert "same.png" in shown(*plots, everything=True)
    assert sections([plots[0]], ["a", "b"]) == []


def test_many_plots_are_counted() -> None:
    text = shown(*(plot(f"{n}.png", note="Why.") for n in range(30)))
    assert "and 22 more plots" in text
    assert text.count("Why.") == 1 and "(8 plots)" in text
    assert "3.png: Why." in shown(plot("3.png", note="Why."))


def test_of_several_experiments_it_is_said_who_has_none() -> None:
    assert "differs; not in b" in shown(plot("a.png", "differs", sizes=(1, None, 3)))


def test_names_cannot_command_a_terminal() -> None:
    assert "\x1b" not in shown(plot("a\x1b[31m.png", note="x"))
