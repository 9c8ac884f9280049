"""What a forged record can't make a check do."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitml.operations.soundness_tree import _is_no_pickle
from gitml.outputs.artifact import Artifact


@pytest.mark.parametrize("inside", [True, False])
def test_a_forged_digest_leads_to_no_file_outside_of_the_cache(
    tmp_path: Path, inside: bool
) -> None:
    digest = "0123456789abcdef0123456789abcdef"
    cache = tmp_path / "cache"
    stored = cache / digest[:2] / digest[2:] if inside else tmp_path / "stored"
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(b"no pickle at all")
    said = digest if inside else f"xx{stored}"
    artifact = Artifact(path="m.pt", role="weights", storage="dvc", digest=said, size=16)
    assert _is_no_pickle(artifact, cache) is inside
