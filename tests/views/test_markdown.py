from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gitml.views import markdown

PARSER = MarkdownIt("commonmark").enable("table")
HOSTILE = st.text(st.sampled_from("`|\\<>[]()!*_~#@&$:/.w- \n\r\x1b\u202e\u200dab1")) | st.text(
    max_size=60
)


def tags(text: str) -> list[str]:
    """Return the elements that a text renders to."""
    return re.findall(r"<(\w+)", PARSER.render(text))


@given(HOSTILE, HOSTILE)
def test_no_text_breaks_out_of_a_table(one: str, other: str) -> None:
    text = markdown.table(("a", "b"), [(markdown.code(one), markdown.prose(other)), ("x", "y")])
    allowed = ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td", "tr", "td", "td"]
    assert [tag for tag in tags(text) if tag != "code"] == allowed
    assert tags(text).count("code") == bool(markdown.code(one))


@given(HOSTILE)
def test_no_text_is_obeyed_in_a_list(text: str) -> None:
    shown = markdown.prose(text)
    assert set(tags(f"- x{shown}")) <= {"ul", "li"}
    assert "\n" not in shown
    assert not re.search(r"@\w|://|www\.|#\d", shown)


@given(st.text())
def test_text_on_its_own_lines_stays_in_its_fence(text: str) -> None:
    shown = markdown.fenced(text.replace("\r", ""))
    assert set(tags(shown)) == {"pre", "code"}


def test_what_people_wrote_is_still_readable() -> None:
    assert markdown.code("optimizer.lr") == "`optimizer.lr`"
    assert markdown.code("") == ""
    assert markdown.code("a|b`c") == "`a\\x7cb\\x60c`"
    assert markdown.prose("It repeats one (a1b2c3d): identical.") == (
        "It repeats one (a1b2c3d): identical."
    )
    assert markdown.prose("- x") == "\\- x"


def test_a_comment_has_room_for_so_much_and_no_more() -> None:
    rows = [(markdown.code("ü" * 200), "1")] * 1000
    text = markdown.within(["head", markdown.table(("name", "value"), rows), "never"])
    assert len(text.encode()) < 65_536
    assert text.startswith("head\n\n| name |")
    assert text.endswith("`--json` has everything)")
    assert "never" not in text
    assert markdown.within(["", "a", "b"]) == "a\n\nb"
    assert "no room" in markdown.within(["x" * 100_000, "b"])


def test_characters_without_a_width_are_not_let_through() -> None:
    assert len(markdown.code("e" + "\u0301" * 100_000)) < 1_000
    assert len(markdown.prose("e" + "\u0301" * 100_000)) < 2_000
