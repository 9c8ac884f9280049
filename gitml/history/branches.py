"""The branches that studies live on, local and remote-tracking."""

from __future__ import annotations

import re

from gitml.git.log import list_refs
from gitml.git.repository import Repository

_PATTERNS = ("refs/heads/exp", "refs/remotes/*/exp", "refs/remotes/*/*/exp")
_STUDY = re.compile(r"refs/(?:heads|remotes/.+?)/exp/(.+)")


def studies(repository: Repository) -> dict[str, str]:
    """Return full reference name → tip of every study's branch, local and remote-tracking."""
    refs = list_refs(repository.git, *_PATTERNS)
    return {ref: tip for ref, tip in refs.items() if study_of(ref) and _is_text(ref)}


def study_of(ref: str) -> str:
    """Return the study that a full reference name belongs to, or empty."""
    found = _STUDY.fullmatch(ref)
    return found[1] if found else ""


def _is_text(ref: str) -> bool:
    """Whether a name is UTF-8; other bytes come as surrogates."""
    return not any("\ud800" <= char <= "\udfff" for char in ref)
