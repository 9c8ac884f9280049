from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gitml.errors import StorageError
from gitml.storage import paths

UNSAFE = [
    "",
    ".",
    "..",
    "../x",
    "a/../../x",
    "a/../b",
    "/etc/passwd",
    "C:/x",
    "c:x",
    "a\\b",
    "a\0b",
    "a//b",
    "a/",
    "./a",
    ".git",
    ".git/hooks/post-checkout",
    "a/.GIT/config",
    "git~1/x",
    ".g\u200cit/config",
    ".git /x",
    ".git.",
    ".git::$INDEX_ALLOCATION/x",
    "\uff0egit/x",
    ".dvc/config",
    ".DVC/x",
    "\udcff",
    "x" * 256,
    "ab/" * 2000 + "x",
]


@pytest.mark.parametrize("path", UNSAFE)
def test_unsafe_paths_are_refused_in_lists(path: str) -> None:
    assert paths.why_unsafe(path)
    with pytest.raises(StorageError, match="lists an unsafe path"):
        paths.check_member_paths(["fine", path], "The folder")


@pytest.mark.parametrize(
    "both", [("a", "a"), ("a", "A"), ("é", "e\u0301"), ("a", "a/b"), ("A/x", "a"), ("ß", "SS")]
)
def test_paths_that_collide_somewhere_are_refused(both: tuple[str, str]) -> None:
    for pair in (both, both[::-1]):
        with pytest.raises(StorageError, match=r"the same as|both a file and a folder"):
            paths.check_member_paths(pair, "The folder")


@pytest.mark.parametrize("path", ["-rf", "a b", "a\nb", ".gitignore", ".github/x", "ünï", "x.dvc"])
def test_odd_but_harmless_paths_are_fine(path: str) -> None:
    assert paths.why_unsafe(path) == ""
    paths.check_member_paths([path], "The folder")


@pytest.mark.parametrize(
    ("where", "path", "result"),
    [
        ("model.pt.dvc", "model.pt", "model.pt"),
        ("a/b.dvc", "b", "a/b"),
        ("a/b.dvc", "./b/", "a/b"),
        ("a/b.dvc", "../c", "c"),
        ("a/b/c.dvc", "../../d/e", "d/e"),
        ("a/x.dvc", "b/../c", "a/c"),
    ],
)
def test_an_output_is_found_from_its_dvc_file(where: str, path: str, result: str) -> None:
    assert paths.check_output_path(where, path) == result


@pytest.mark.parametrize(
    "path",
    [
        *[one for one in UNSAFE if one not in ("a/../b", "a//b", "a/", "./a")],
        "../../x",
        "a/../../../x",
        "s3://bucket/key",
        "file:///etc/passwd",
        "model.pt.dvc",
        "dvc.yaml",
        "DVC.LOCK",
        "a/..",
        "..",
    ],
)
def test_outputs_outside_of_the_repository_are_refused(path: str) -> None:
    with pytest.raises(StorageError, match="unsafe output"):
        paths.check_output_path("a.dvc", path)


@settings(deadline=None)
@given(some.text(max_size=30), some.text(max_size=30))
def test_no_text_leads_out(where: str, path: str) -> None:
    try:
        result = paths.check_output_path(where, path)
    except StorageError as error:
        assert "\n" not in error.message
        return
    assert not result.startswith("/")
    assert not {"", ".", "..", ".git", ".dvc"} & set(result.lower().split("/"))


def test_names_in_messages_stay_on_one_line_and_short() -> None:
    assert paths.shown("a\n\x1b[31m") == r"'a\n\x1b[31m'"
    assert len(paths.shown("x" * 10_000)) <= 200
