"""Keeping credentials out of records, messages, logs and fingerprints.

A value is masked when its name looks like a credential's, or when it looks like a token itself.
Numbers, booleans and nulls are never masked: `max_tokens` is a setting. The mask is constant, so
that two runs that differ in a password alone are the same experiment.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence

from gitml.regex import lazy
from gitml.values import Scalar

MASK = "***"

# Words that make a name a credential's wherever they stand in it.
_SECRET_WORDS = frozenset(
    """
    password passwd passphrase secret secrets credential credentials apikey authtoken accesstoken
    privatekey secretkey accesskey bearer
    """.split()  # noqa: SIM905
)
# `<word> key` and `<word> token` are credentials; `pad_token` and `sort_key` are not.
_SECRET_KEYS = frozenset(
    """
    api private access secret ssh encryption signing account service deploy auth license wandb
    openai comet neptune
    """.split()  # noqa: SIM905
)
_SECRET_TOKENS = frozenset(
    """
    auth access api bearer refresh session id personal oauth jwt hf hub huggingface github gh
    gitlab git slack bot wandb openai private deploy ci registry pypi npm aws user login
    """.split()  # noqa: SIM905
)
_PATH_KEYS = frozenset(["dir", "path", "file", "length", "len", "size", "count", "type", "name"])
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NOT_SECRET = frozenset(["", "true", "false", "none", "null", "yes", "no", "on", "off", MASK])
_NUMBER = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?\Z")

_TOKENS = (
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"glpat-[A-Za-z0-9_-]{16,}",
    r"sk-(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{20,}",
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    r"hf_[A-Za-z0-9]{20,}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,}",
    r"AIza[0-9A-Za-z_-]{35}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[A-Za-z0-9_-]{40,}",
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
)
# No token starts in the middle of a word: that keeps the search linear, too.
_TOKEN = lazy(r"(?<![A-Za-z0-9_-])(?:" + "|".join(_TOKENS) + r")(?![A-Za-z0-9])")
_KEY_BLOCK = lazy(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_USERINFO = lazy(r"([A-Za-z][A-Za-z0-9+.-]{0,20}://)([^\s/?#@'\"]{1,500})@")
# `--api-key VALUE`, `api_key=VALUE`, `API_KEY: VALUE` in the middle of a text such as `sh -c "…"`.
_NAMED = lazy(
    r"""(?<![\w.-])(-{0,2}[\w.-]{0,60}(?:key|token|secret|passw|passphrase|credential|bearer)[\w.-]{0,60})"""
    r"""(\s*[=:]\s*|\s+(?!-))("[^"]*"|'[^']*'|[^\s'"]+)""",
    re.IGNORECASE,
)


def looks_secret(name: str, value: Scalar = "x") -> bool:
    """Return whether a setting or argument holds a credential, judged by its name.

    Args:
        name: Such as `args.api-key`, `db.password`, `HF_TOKEN`; only its last part counts.
        value: Numbers, booleans, null and empty text are never credentials.
    """
    if not isinstance(value, str) or value.lower() in _NOT_SECRET or _NUMBER.match(value):
        return False
    last = next((part for part in reversed(name.split(".")) if not part.isdigit()), "")
    words = [word.lower() for word in _WORDS.findall(last)]
    if not words or words[-1] in _PATH_KEYS:
        return False
    if not _SECRET_WORDS.isdisjoint(words):
        return True
    if words[-1] in ("token", "tokens"):
        return len(words) == 1 or not _SECRET_TOKENS.isdisjoint(words[:-1])
    pairs = itertools.pairwise(words)
    return any(second in ("key", "keys") and first in _SECRET_KEYS for first, second in pairs)


def mask_settings(settings: Mapping[str, Scalar]) -> tuple[dict[str, Scalar], tuple[str, ...]]:
    """Return the settings with credentials masked, and the sorted names of those."""
    masked: dict[str, Scalar] = {}
    names = []
    for name, value in settings.items():
        masked[name] = value
        if isinstance(value, str):
            masked[name] = MASK if looks_secret(name, value) else mask_tokens(value)
            if masked[name] != value:
                names.append(name)
    return masked, tuple(sorted(names))


def mask_argv(argv: Sequence[str]) -> tuple[str, ...]:
    """Return a command's words with credentials masked, also those inside of `sh -c "…"`."""
    masked: list[str] = []
    pending = ""
    for word in argv:
        name, equals, value = word.partition("=")
        named, pending = pending, ""
        if named and not word.startswith("-"):
            masked.append(MASK if looks_secret(named, word) else mask_tokens(word))
        elif equals and " " not in name and looks_secret(name.lstrip("-+~"), value):
            masked.append(f"{name}={MASK}")
        elif word.startswith("-") and not equals:
            pending = word.lstrip("-") if looks_secret(word.lstrip("-")) else ""
            masked.append(word)
        else:
            masked.append(_mask_named(mask_tokens(word)) if " " in word else mask_tokens(word))
    return tuple(masked)


def mask_tokens(text: str) -> str:
    """Return `text` without token-like values, private keys, and passwords in addresses."""
    if "-----BEGIN" in text:
        text = _KEY_BLOCK.sub(MASK, text)
    if "://" in text:
        text = _USERINFO.sub(_mask_userinfo, text)
    return _TOKEN.sub(MASK, text)


def secret_values(argv: Sequence[str], settings: Mapping[str, Scalar]) -> frozenset[str]:
    """Return the credentials among a command's words and its settings, for `mask_text`."""
    values = {str(value) for name, value in settings.items() if looks_secret(name, value)}
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        name, equals, value = word.lstrip("-+~").partition("=")
        if equals and looks_secret(name, value):
            values.add(value)
        elif not equals and word.startswith("-") and not following.startswith("-"):
            values |= {following} if looks_secret(name, following) else set()
        if " " in word:
            values |= {
                found[3].strip("'\"")
                for found in _NAMED.finditer(word)
                if looks_secret(found[1].lstrip("-"), found[3].strip("'\""))
            }
    return frozenset(values)


def mask_text(data: bytes, secrets: Iterable[str] = ()) -> bytes:
    """Return the bytes of a log with credentials masked.

    Args:
        data: Any bytes; what isn't UTF-8 stays as it is.
        secrets: Values known from the command and the settings. Short ones are masked only where
            they stand alone, so that a password `run` doesn't blacken the log.
    """
    for value in sorted(set(secrets), key=len, reverse=True):
        raw = value.encode("utf-8", "surrogateescape")
        if len(raw) < 3 or raw not in data:
            continue
        if len(raw) >= 6:
            data = data.replace(raw, MASK.encode())
        else:
            data = re.sub(rb"(?<!\w)" + re.escape(raw) + rb"(?!\w)", MASK.encode(), data)
    if not _HINTS.search(data):
        return data
    text = data.decode("utf-8", "surrogateescape")
    return mask_tokens(text).encode("utf-8", "surrogateescape")


_HINTS = re.compile(
    rb"gh[pousr]_|github_pat_|glpat-|sk-|AKIA|ASIA|hf_|xox[abeprs]-|AIza|npm_|pypi-|eyJ"
    rb"|-----BEGIN|://[^\s/?#@]{1,500}@"
)


def _mask_userinfo(found: re.Match[str]) -> str:
    scheme, userinfo = found[1], found[2]
    plain = ":" not in userinfo and not scheme.lower().startswith("http")
    return found[0] if plain or userinfo == MASK else f"{scheme}{MASK}@"


def _mask_named(text: str) -> str:
    def replace(found: re.Match[str]) -> str:
        secret = looks_secret(found[1].lstrip("-"), found[3].strip("'\""))
        # Prose such as "the secret of" is no option.
        named = found[1].startswith("-") or found[2].strip()
        return f"{found[1]}{found[2]}{MASK}" if secret and named else found[0]

    return _NAMED.sub(replace, text)
