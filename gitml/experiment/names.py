"""Names of experiments and studies."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Container

from gitml.errors import UsageError

BRANCHES = "refs/heads/exp/"

_ADJECTIVE_LIST = (
    "able amber ample azure bold brave brief bright brisk calm civil clean clear clever coral "
    "crisp daring deft eager early easy exact fair fast fine firm fleet fond free fresh gentle "
    "glad golden grand green happy hardy honest humble ideal jolly keen kind large lively loyal "
    "lucid lucky lunar major merry mild neat nimble noble novel open patient plain polite prime "
    "proud quick quiet rapid ready rich royal rustic safe sharp silent silver simple sleek smart "
    "smooth solar solid sound spry steady still strong subtle sunny sure swift tidy true upbeat "
    "valid vivid warm wise witty young zesty"
)
_NOUN_LIST = (
    "acorn alder ant apple aspen badger bay bear beaver birch bison brook canyon cedar cliff cloud "
    "clover comet coral crane creek cricket crow dawn deer delta dove dune eagle elm ember "
    "fern finch fjord fox gecko glade grove gull harbor hawk hazel heron hill ibex iris island ivy "
    "jay juniper koala lake lark lemur lily lion lotus lynx maple marsh meadow mesa mole moon "
    "moose moss newt oak ocean olive orca oriole otter owl panda peak pear pebble pine plum pond "
    "poplar puffin quail quartz raven reef ridge river robin rook sage seal shore sparrow spruce "
    "star stork swan teal thrush tiger toad trout tulip valley walrus wave willow wolf "
    "wren yak zebra"
)
_ADJECTIVES = _ADJECTIVE_LIST.split()
_NOUNS = _NOUN_LIST.split()

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_LONGEST = 63
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_WORDS_OF_EXP = ("latest", "best", "head")


def make_name(taken: Container[str]) -> str:
    """Return a random name such as `brave-otter` that is not in `taken`."""
    for _ in range(100):
        name = f"{secrets.choice(_ADJECTIVES)}-{secrets.choice(_NOUNS)}"
        if name not in taken:
            return name
    while True:
        numbered = f"{name}-{secrets.randbelow(1_000_000)}"
        if numbered not in taken:
            return numbered


def check_name(name: str, what: str = "experiment") -> str:
    """Return `name` if it can name an experiment or a study.

    Raises:
        UsageError: if it can't; the hint suggests one that can.
    """
    article = "an" if what[:1] in ("a", "e", "i", "o", "u") else "a"
    if name in _WORDS_OF_EXP:
        raise UsageError(
            f"{name!r} has a meaning of its own and can't name {article} {what}.",
            hint=f"For example: {slug(name)}",
        )
    if is_name(name):
        return name
    raise UsageError(
        f"{name[:80]!r} can't name {article} {what}: use lower-case letters, digits, '.', '_' and "
        f"'-', at most {_LONGEST} of them, beginning with a letter or digit.",
        hint=f"For example: {slug(name)}",
    )


def is_name(name: str) -> bool:
    """Whether `name` is a valid name on every platform and for Git."""
    return (
        bool(_SLUG.fullmatch(name))
        and not _RESERVED.fullmatch(name)
        and ".." not in name
        and not name.endswith((".", ".lock"))
    )


def slug(text: str, default: str = "unnamed") -> str:
    """Return the valid name that is nearest to `text`; a valid one is its own nearest."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9._-]+", "-", plain)
    if is_name(name) and name not in _WORDS_OF_EXP:
        return name
    name = re.sub(r"\.{2,}", ".", name).strip("-._")
    if _RESERVED.fullmatch(name) or name in _WORDS_OF_EXP:
        name = f"x-{name}"
    name = name[:_LONGEST]
    while name.endswith(("-", ".", "_", ".lock")):
        name = name.removesuffix(".lock").rstrip("-._")
    return name or default


def default_study(branch: str, project: str) -> str:
    """Return the study that belongs to a branch: `feature/x` → `feature-x`, detached → `detached`.

    Standing on a study's own branch means that study. In a sub-project the study is
    `<project>.<study>`.
    """
    study = slug(branch.removeprefix("exp/"), "study") if branch else "detached"
    if branch.startswith("exp/") or not project:
        return study
    return slug(f"{project.replace('/', '-')}.{study}")


def branch_of(study: str) -> str:
    """Return the full reference name of a study's branch."""
    return BRANCHES + study
