from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from gitml.views import table, values
from gitml.views.table import FIXED, Cell, Column, Table

PEOPLE = Table(
    (
        Column("experiment", keep=FIXED),
        Column("created", keep=20),
        Column("accuracy", "metrics.accuracy", keep=90),
        Column("optimizer.warmup_steps", keep=80),
        Column("note", keep=10),
    ),
    (
        ("brave-otter", Cell("3 min ago", "2026-01-01"), 0.5, 10, "a note"),
        ("calm-fox", Cell("1 h ago", "2025-12-31"), 0.98123, 10_000, "x" * 60),
        ("odd-elk", Cell("2 h ago", "2025-12-30"), "NaN", None, None),
    ),
)


def lines(width: int) -> list[str]:
    return table.text(PEOPLE, width=width).text.splitlines()


def test_a_table_without_a_limit_shows_everything() -> None:
    assert lines(0) == [
        "experiment   created     accuracy  optimizer.warmup_steps  note",
        "-----------  ---------  ---------  ----------------------  " + "-" * 60,
        "brave-otter  3 min ago    0.5                          10  a note",
        "calm-fox     1 h ago      0.98123                   10000  " + "x" * 60,
        "odd-elk      2 h ago    NaN                             –  –",
    ]


def test_a_narrow_terminal_gets_shorter_texts_then_fewer_columns() -> None:
    for width in (120, 80, 60, 50, 40, 34):
        assert max(map(len, lines(width))) <= width
    assert "x" * 20 + "…" in "".join(lines(80))
    rendered = table.text(PEOPLE, width=40)
    assert rendered.dropped == ("created", "note")
    assert rendered.text.splitlines()[0].startswith("experiment")
    assert "0.98123" in rendered.text


def test_numbers_are_never_cut() -> None:
    assert "0.98123" in table.text(PEOPLE, width=30).text


def test_a_long_title_keeps_its_end() -> None:
    assert lines(62)[0].split()[-2] == "warmup_steps"
    long = Table((Column("a_very_long_name_without_dots"), Column("b")), ((1, 2), (3, 4)))
    assert table.text(long, width=15).text.split()[0] == "…ithout_dots"


def test_terminal_escapes_never_reach_a_terminal() -> None:
    bad = "\x1b[2J\r\n|evil|`"
    hostile = Table((Column(bad), Column("n")), ((bad, 1), (bad, 2)))
    for form in ("text", "md", "csv"):
        shown = table.render(hostile, form).text  # type: ignore[arg-type]
        assert "\x1b" not in shown
        assert "\r" not in shown
        assert shown.count("\n") <= 3


def test_markdown_cells_cannot_break_out() -> None:
    shown = table.markdown(Table((Column("a"),), (("x|y <b> [l](u)",),)))
    assert shown.splitlines()[2] == "| x\\|y &lt;b> \\[l\\](u) |"


def test_csv_has_values_in_full() -> None:
    wide = Table(
        (Column("x", "params.x"), Column("y"), Column("z")),
        ((0.1 + 0.2, None, True), (1e300, "a,b", 7)),
    )
    rows = list(csv.reader(io.StringIO(table.csv(wide))))
    assert rows == [
        ["params.x", "y", "z"],
        ["0.30000000000000004", "", "true"],
        ["1e+300", "a,b", "7"],
    ]


def test_colours_do_not_change_the_layout() -> None:
    import re

    toned = Table(
        (Column("a"), Column("b")),
        ((Cell("x", "x", "good"), Cell("1.25", 1.25, "bad")), ("longer", 10)),
    )
    plain = table.text(toned).text
    coloured = table.text(toned, colour=True).text
    assert "\x1b[32m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_a_table_without_rows_has_its_titles() -> None:
    assert table.text(Table((Column("a"), Column("b")), ())).text.split()[:2] == ["a", "b"]


cells = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=60))


@given(
    st.integers(1, 6).flatmap(
        lambda count: st.lists(st.tuples(*[cells] * count), min_size=1, max_size=5)
    ),
    st.integers(20, 120),
)
def test_any_table_has_one_line_a_row(rows: list[tuple[object, ...]], width: int) -> None:
    columns = tuple(Column(f"c{number}", keep=number) for number in range(len(rows[0])))
    made = Table(columns, tuple(rows))  # type: ignore[arg-type]
    rendered = table.text(made, width=width)
    shown = rendered.text.splitlines()
    assert len(shown) == (len(rows) + 2 if len(rendered.dropped) < len(columns) else 0)
    assert len(table.markdown(made).splitlines()) == len(rows) + 2
    if rendered.dropped != tuple(column.title for column in columns[:-1]):
        assert all(values.width(line) <= width for line in shown)
