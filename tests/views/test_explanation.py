"""An explanation is readable at any width, and nothing of it reaches the terminal unescaped."""

from __future__ import annotations

from typing import Any

from gitml.comparison.closing import closing
from gitml.comparison.explanation import Detail, Explanation, Neighbour
from gitml.history.rows import Row
from gitml.inputs.pieces import Lines, Piece
from gitml.views import explanation, sheet

EVIL = "\x1b[2Jevil\n"


def row(**changes: Any) -> Row:
    fields: dict[str, Any] = {
        "commit": "a" * 40,
        "experiment": "brave-otter",
        "study": "main",
        "status": "completed",
        "created": "2026-01-02T03:04:05Z",
        "started": 0.0,
        "committed": 0,
        "position": 1,
        "author": "Ada",
        "mail": "",
        "params": {},
        "metrics": {"accuracy": 0.98},
        "fingerprint": "",
        "lookup": "",
        "digests": {},
        "reusable": True,
    }
    return Row(**{**fields, **changes})


def explained(*details: Detail, **changes: Any) -> Explanation:
    neighbour = Neighbour(row(**changes), "near", details)
    return Explanation((neighbour,), "identical", (), "It would be a repeat.", ())


def lines(*details: Detail, width: int = 0) -> list[str]:
    return sheet.text(explanation.sections(explained(*details)), width=width).splitlines()


PIECES = tuple(Piece(f"function_{number}", "changed", "function") for number in range(12))
CODE = Detail(
    *("code", "pkg/model.py", "before", "changed", True, "changed", "module", "reached by the run"),
    pieces=PIECES,
    more=3,
)
SETTING = Detail("settings", "lr", 0.1, 0.01, True, "changed", "params.yaml")


def test_long_lists_are_cut_and_say_so() -> None:
    shown = lines(CODE)
    assert shown[0] == "brave-otter (aaaaaaa, accuracy 0.98): near, 1 input differs"
    assert shown[1].strip().startswith("code  pkg/model.py  function_0 changed")
    assert [line.strip() for line in shown[2:8]] == [
        *(f"function_{number} changed" for number in range(1, 6)),
        "… and 9 more",
    ]
    many = [Detail("settings", f"s{n}", 1, 2, True, "changed") for n in range(20)]
    assert "  … and 8 more inputs (--json has all)" in lines(*many)


def test_columns_fit_a_narrow_terminal() -> None:
    long = Detail(
        *("code", "a/very/long/path/to/a/module/in/a/package/model.py", "before", "changed", True),
        *("changed", "file", "tracked, be it read or not"),
        lines=Lines(1_000, 2_000, 30_000),
        note="Python can't parse it, so it counts as a whole.",
    )
    for width in (60, 80, 120):
        table = lines(SETTING, long, width=width)[1:-2]
        assert max(map(len, table)) <= width, width
    assert any("+1,000 -2,000 lines from line 30,000" in line for line in lines(long))


def test_what_does_not_count_says_why() -> None:
    idle = Detail("settings", "log", 1, 2, False, "changed", "params.yaml", "listed as inert")
    shown = lines(idle)
    assert shown[0].endswith("near, nothing that counts differs")
    assert shown[1].endswith("1 → 2  doesn't count: params.yaml, listed as inert")


def test_types_show_where_they_are_all_that_differs() -> None:
    found = Detail("settings", "width", 8, "8", True, "type", "params.yaml", "integer → text")
    assert '8 → "8"' in lines(found)[1]
    more = Detail("settings", "depth", None, 2, True, "added", "params.yaml")
    less = Detail("settings", "width", 8, None, True, "removed", "params.yaml")
    text = "\n".join(lines(more, less))
    assert "new: 2" in text
    assert "no longer: 8" in text


def test_nothing_hostile_reaches_the_terminal() -> None:
    details = [
        Detail(
            *(kind, EVIL, EVIL, EVIL, True, change, EVIL, EVIL),
            pieces=(Piece(EVIL, "renamed", EVIL, EVIL), Piece(EVIL, "changed", EVIL, "", EVIL)),
            note=EVIL,
        )
        for kind in ("settings", "code", "data", "libraries", "command", "partition")
        for change in ("changed", "added", "moved", "kind", "type", EVIL)
    ]
    neighbour = Neighbour(row(experiment=EVIL, metrics={EVIL: 1.0}), EVIL, tuple(details[:12]))
    hostile = Explanation((neighbour, neighbour), EVIL, (EVIL,), EVIL, (EVIL,))
    sections = explanation.sections(hostile, planned=EVIL)
    for text in (sheet.text(sections), sheet.text(sections, width=60), sheet.markdown(sections)):
        assert "\x1b" not in text
        assert "evil\n" not in text


def test_the_closing_names_a_few_conditions_and_counts_the_rest() -> None:
    settings = [Detail("settings", f"s{n}", n, 9, True, "changed") for n in range(6)]
    assert closing("a", "identical", settings[:1]) == "It would be a repeat of a if `s0` were 0."
    assert closing("a", "identical", settings[:3]) == (
        "It would be a repeat of a if `s0` were 0, `s1` were 1 and `s2` were 2."
    )
    assert closing("a", "identical", settings) == (
        "It would be a repeat of a if `s0` were 0, `s1` were 1, `s2` were 2 and "
        "3 more inputs were as in a."
    )
    assert closing("a", "near", settings).startswith("Since not all data are captured,")
    assert closing("a", "identical", [CODE], recorded=True) == (
        "Its inputs would be those of a if pkg/model.py were as in a."
    )


def test_the_document_has_every_field() -> None:
    document = explanation.document(explained(CODE))
    (nearest,) = document["nearest"]
    assert set(nearest["differences"][0]) == set(Detail.__struct_fields__)
    assert nearest["differences"][0]["pieces"][0] == {
        "name": "function_0",
        "change": "changed",
        "kind": "function",
        "was": "",
        "aspect": "",
        "line": 0,
    }
