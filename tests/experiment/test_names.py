"""Names: valid on every platform and for Git, and a suggestion that is one, too."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitml.errors import UsageError
from gitml.experiment.names import (
    branch_of,
    check_name,
    default_study,
    is_name,
    make_name,
    slug,
)

RESERVED = ("latest", "best", "head")


@given(st.text(max_size=200))
@example("a.lock.lock")
@example("con." + "x" * 60)
@example("x" * 62 + ".lock.lock")
@example("latest")
@example("CON")
@example("a..b...lock")
@example("x" * 58 + ".lock" + "y")
@example("特徴")
@example("Ｆｕｌｌ ｗｉｄｔｈ")
def test_a_suggestion_is_always_a_name_and_its_own_suggestion(text: str) -> None:
    name = slug(text)
    assert check_name(name) == name
    assert slug(name) == name


@given(st.from_regex(r"[a-zA-Z0-9._-]{1,70}", fullmatch=True))
def test_a_name_is_kept_as_it_is(text: str) -> None:
    if is_name(text) and text not in RESERVED:
        assert slug(text) == text


@given(st.text(max_size=80))
def test_what_is_no_name_is_refused_with_one_that_is(text: str) -> None:
    try:
        assert is_name(check_name(text))
    except UsageError as error:
        assert is_name(error.hint.removeprefix("For example: "))
        assert "\n" not in error.message
        assert "\x1b" not in error.message


@given(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True))
def test_a_name_has_no_form_that_git_or_a_file_system_refuses(text: str) -> None:
    if is_name(text):
        assert ".." not in text
        assert not text.endswith((".", ".lock"))
        assert not text.startswith(("-", "."))
        assert text.partition(".")[0] not in ("con", "prn", "aux", "nul", "com1", "lpt9")


def test_git_agrees_about_every_name() -> None:
    names = [
        slug(text) for text in ("A/b", "x.lock", "ünï", "@{u}", "a b~c^d:e?f*g[h\\i", "-x", "@")
    ]
    for name in [*names, "0", "a.b", "a_b-c"]:
        subprocess.run(["git", "check-ref-format", branch_of(name)], check=True)


@pytest.mark.parametrize(
    "name",
    ["-x", "--upload-pack=x", "a;rm -rf", "a\nb", "\x1b[31m", "\u202eevil", "x" * 10_000, "", "A",
     "a/b", "a..b", "a.lock", "a.", ".a", "con", "com1.txt", "latest", "best", "head", "a\n", "é"],
)  # fmt: skip
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name)
    assert len(caught.value.message) < 500


def test_the_refusal_reads_well() -> None:
    with pytest.raises(UsageError, match="can't name a study"):
        check_name("No Good", "study")
    with pytest.raises(UsageError, match="can't name an experiment") as caught:
        check_name("No Good")
    assert caught.value.hint == "For example: no-good"


def test_made_names_are_names_and_not_taken() -> None:
    taken: set[str] = set()
    for _ in range(2000):
        name = make_name(taken)
        assert name not in taken
        assert check_name(name) == name
        taken.add(name)


def test_a_name_is_found_when_all_plain_ones_are_taken() -> None:
    class AllPlain:
        def __contains__(self, name: object) -> bool:
            return str(name).count("-") == 1

    assert make_name(AllPlain()).count("-") == 2


@pytest.mark.parametrize(
    ("branch", "project", "study"),
    [
        ("main", "", "main"),
        ("feature/x", "", "feature-x"),
        ("Feature/X", "", "feature-x"),
        ("", "", "detached"),
        ("exp/main", "", "main"),
        ("main", "models/vision", "models-vision.main"),
        ("", "sub", "sub.detached"),
        ("exp/sub.main", "sub", "sub.main"),
        ("特徴", "", "study"),
        ("latest", "", "x-latest"),
    ],
)
def test_a_study_is_named_after_the_branch(branch: str, project: str, study: str) -> None:
    assert default_study(branch, project) == study


@given(st.text(max_size=100), st.text(max_size=60))
def test_the_default_study_can_always_be_named(branch: str, project: str) -> None:
    study = default_study(branch, project)
    assert check_name(study, "study") == study
