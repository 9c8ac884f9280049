"""Steps between versions, with and without a build."""

from __future__ import annotations

import pytest

from gitml.inputs.versions import equal, split_build, step_of, with_build


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("2.0", "2.0.0", "same"),
        ("1.0", "1.0.post1", "patch"),
        ("1.0+cpu", "1.0.0+cu121", "local"),
        ("1.0 @c0ffee", "1.0 @decade", "source"),
        ("1.0", "1.0 @c0ffee", "source"),
        ("1.0 @c0ffee", "2.0", "major"),
        ("odd @a", "odd @b", "source"),
        ("odd", "other", "other"),
        (None, None, "same"),
        (None, "1", "added"),
    ],
)
def test_a_step_names_the_largest_part_that_differs(
    old: str | None, new: str | None, kind: str
) -> None:
    assert step_of(old, new) == kind


def test_a_build_is_told_apart_from_a_version() -> None:
    assert split_build(with_build("1.0+cpu", "c0ffee")) == ("1.0+cpu", "c0ffee")
    assert with_build("1.0", "") == "1.0" and split_build("1.0") == ("1.0", "")
    assert equal("1.0rc1", "1.0.RC1") and not equal("1.0", "1.0+cpu")
