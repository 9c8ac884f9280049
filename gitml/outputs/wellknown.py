"""Metrics by the names that training scripts usually print them under.

No pattern fits them all, so a loose one finds everything that looks like `words: number`, and the
words decide: one of them must be a known metric, and none may say that it is a setting or a
count (`loss_scale`, `accuracy_threshold`). A wrong metric is worse than a missing one.
"""

from __future__ import annotations

import re

from gitml.outputs.printed_numbers import parse_number
from gitml.regex import lazy
from gitml.values import Scalar

MAX_NAMES = 100


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Always a metric.
_SURE = _words(
    """
    loss losses acc accuracy acc1 acc5 top1 top5 perplexity ppl bpc bpb bpd auc auroc auprc f1 mse
    mae rmse nll iou miou bleu rouge rouge1 rouge2 rougel map50 psnr ssim fid dice jaccard mape r2
    elbo wer cer mcc kappa logloss reward
    """
)
# Also words of everyday language: only with a number that has a fraction, or a percent sign.
_DOUBTFUL = _words("error err map score precision recall return ap ndcg mrr")
_NEVER = _words(
    """
    scale scaler scaling weight weights fn func function threshold lr type time every interval n
    num number count size coef coefficient lambda alpha beta delta patience target goal mode name
    names steps epochs iters id seed code version bits bit port file line warmup margin eps epsilon
    tol
    """
)
_PARTS = _words("train training val valid validation test testing eval evaluation dev holdout")
_QUALIFIERS = _PARTS | _words(
    """
    best mean macro micro weighted balanced top roc pr box cls obj word token char final total
    running smoothed ema
    """
)
# How an average was taken says nothing that a name needs.
_DROPPED = frozenset({"avg", "average", "averaged"})

_NUMBER = r"[-+]?(?:\d{1,40}(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,4})?|[-+]?(?:nan|inf(?:inity)?)"
_WORD = r"[^\W\d][\w./@-]{0,60}"
_PAIR = lazy(
    rf"(?<![\w./@-])(?P<name>{_WORD}(?:[ ]{_WORD}){{0,3}}?)['\"]?"
    r"(?P<separator>\s{0,8}[:=]{1,2}\s{0,8}|[ \t]{1,8})['\"]?"
    r"(?:(?:tensor|[\w.]{0,20}float\d{2})\()?"
    rf"(?P<value>{_NUMBER})"
    r"(?:\s?/\s?(?P<total>\d{1,18})(?![\w./]))?(?P<percent>\s?%)?(?!\.?\w|/|:\d)",
    re.IGNORECASE,
)
_STEPS = tuple(
    lazy(
        rf"(?<![\w./-]){name}['\"]?[\s:=#\[(]{{1,4}}(?P<step>\d{{1,18}})(?!\.?\d)(?P<of>\s?/\s?\d)?",
        re.I,
    )
    for name in ("(?:global[_ ])?step", "iter(?:ation)?", "epoch")
)
_HEAD = lazy(
    r"\W{0,8}(?P<part>train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?|eval(?:uation)?|dev)"
    r"(?:\s+(?:set|epoch|phase|results?|metrics|error|step|iter(?:ation)?)\b|\s*[\]:|>)-])",
    re.IGNORECASE,
)
_CAMEL = lazy(r"(?<=[a-z]{2})(?=[A-Z][a-z])")
# Most lines end here, so it must be cheap.
_HAS_KNOWN = lazy("|".join(sorted(_SURE | _DOUBTFUL)), re.IGNORECASE)


def find_known(line: str) -> tuple[int | None, dict[str, Scalar]]:
    """Return the step and the metrics that one printed line names.

    Args:
        line: Without escapes and line ends.

    Returns:
        The step (of a word `step`, `iter` or `epoch`), or None, and name → value with names in
        `snake_case`; no values if the line has no well-known metric.
    """
    if not _HAS_KNOWN.search(line):
        return None, {}
    head = _HEAD.match(line)
    part = _short(head["part"]) if head else ""
    values: dict[str, Scalar] = {}
    at = 0
    while len(values) < MAX_NAMES:
        found = _PAIR.search(line, at)
        if not found:
            break
        name = _metric_name(found, part)
        value = _value(found) if name else None
        if name and value is not None:
            values.setdefault(name, value)
        at = found.end()
    return (_step(line) if values else None), values


def _metric_name(found: re.Match[str], part: str) -> str:
    """Return the metric that the words before a number name, or empty."""
    chosen: list[str] = []
    for word in reversed(found["name"].split(" ")):
        pieces = _pieces(word)
        known = [piece for piece in pieces if piece in _SURE or piece in _DOUBTFUL]
        if not known and (not chosen or not all(p in _QUALIFIERS | _DROPPED for p in pieces)):
            break
        chosen = pieces + chosen
    if not chosen or _NEVER & set(chosen):
        return ""
    if not _is_plausible(found, chosen):
        return ""
    name = [piece for piece in chosen if piece not in _DROPPED]
    if part and not _PARTS & set(name):
        name.insert(0, part)
    return "_".join(name)


def _is_plausible(found: re.Match[str], pieces: list[str]) -> bool:
    value = found["value"].lower()
    fraction = not value.lstrip("+-").isdigit() or bool(found["percent"] or found["total"])
    explicit = any(char in found["separator"] for char in ":=")
    return fraction or (explicit and bool(_SURE & set(pieces)))


def _value(found: re.Match[str]) -> int | float | None:
    number = parse_number(found["value"])
    if number is not None and found["total"]:
        total = int(found["total"])
        # 9918/10000 is a share, 3/10 after "loss 0.1 " would be a counter.
        return number / total if total and 0 <= number <= total else None
    return number


def _pieces(word: str) -> list[str]:
    return [piece for piece in re.split(r"[\W_]+", _CAMEL.sub("_", word).lower()) if piece]


def _step(line: str) -> int | None:
    epoch = _STEPS[2].search(line)
    for pattern in _STEPS[:2]:
        found = pattern.search(line)
        if found:
            # "Epoch 2, step 10/60" counts from the start of the epoch: it orders nothing.
            return None if epoch and found["of"] else int(found["step"])
    return int(epoch["step"]) if epoch else None


def _short(part: str) -> str:
    part = part.lower()
    return (
        "val"
        if part.startswith("val")
        else "eval"
        if part.startswith("eval")
        else ("dev" if part == "dev" else part[:5] if part.startswith("train") else "test")
    )
