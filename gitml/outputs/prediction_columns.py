"""Which column of a table of predictions is what, told by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gitml.errors import RecordError

# The first that a table has counts. Names are compared in lower case, spaces and dashes as `_`.
IDS = tuple(
    """
    id ids example_id sample_id item_id record_id uid uuid key example example_name sample
    image_id image image_name image_path image_file img img_id file filename file_name file_path
    filepath path document doc_id index idx
    """.split()  # noqa: SIM905
)
TRUTHS = tuple(
    """
    y_true true_label true_class true target targets truth ground_truth gt actual actuals gold
    gold_label expected reference y label labels class
    """.split()  # noqa: SIM905
)
PREDICTIONS = tuple(
    """
    y_pred pred preds prediction predictions predicted predicted_label predicted_class pred_label
    pred_class y_hat yhat guess output outputs
    """.split()  # noqa: SIM905
)
SCORES = tuple(
    """
    score scores prob probs proba probability probabilities confidence conf y_score y_scores
    y_prob y_proba
    """.split()  # noqa: SIM905
)
GROUPS = ("group", "groups", "group_id")

_CLASS = re.compile(r"(?:p:|(?:prob|proba|probability|score)[_:])(?P<label>.+)\Z", re.IGNORECASE)
_SLICE = re.compile(r"slice:(?P<name>.+)\Z", re.IGNORECASE)
# What is derived from the predictions says nothing about the examples.
_DERIVED = re.compile(
    r"(?:is_)?(?:correct|right|wrong|hit|error|loss|rank|entropy|logits?|margin|residual|abs_error"
    r"|squared_error|top_?\d+.*|unnamed:.*|epoch|step|row)s?\Z"
)


class Roles(msgspec.Struct, frozen=True):
    """The columns of a table of predictions, by what they are.

    Attributes:
        ids: Name of the column.
        truth: The same.
        prediction: The same; empty when the class with the highest score is the prediction.
        score: Single scores, or rows of them; empty without.
        classes: Column → label whose probability it holds.
        group: Empty without.
        slices: Column that is said to be a slice → its name.
        others: Columns that may be slices, too.
        said: What was taken for what, where names aren't gitml's own.
    """

    ids: str
    truth: str
    prediction: str = ""
    score: str = ""
    classes: dict[str, str] = {}
    group: str = ""
    slices: dict[str, str] = {}
    others: tuple[str, ...] = ()
    said: str = ""


def id_column(names: Iterable[str], where: str) -> str:
    """Return the column that holds ids.

    Raises:
        RecordError: if there is none.
    """
    found = _first(_plain(names), IDS)
    if not found:
        raise _no_ids(where)
    return found


def roles_of(names: Iterable[str], where: str) -> Roles:
    """Return which column is what.

    Raises:
        RecordError: if there is no column of ids, of the truth, or of the prediction (nor of
            scores to take it from).
    """
    left = _plain(names)
    slices = {name: match["name"] for name, match in _matches(left, _SLICE)}
    for name in slices:
        del left[name]
    ids = _first(left, IDS)
    prediction = _first(left, PREDICTIONS)
    truth = _first(left, TRUTHS)
    if truth and not prediction:
        # `label` beside a truth is what many pipelines call their prediction.
        prediction = _first(left, ("label", "labels", "class"))
    score = _first(left, SCORES)
    group = _first(left, GROUPS)
    classes = {name: match["label"] for name, match in _matches(left, _CLASS)}
    for name in classes:
        del left[name]
    _complain(where, ids, truth, prediction or (len(classes) > 1) or score)
    others = tuple(name for name, plain in left.items() if not _DERIVED.match(plain))
    found = Roles(ids, truth, prediction, score, classes, group, slices, others)
    return msgspec.structs.replace(found, said=_said(found, where))


def _plain(names: Iterable[str]) -> dict[str, str]:
    """Return name → the name in the form in which names are compared; no unnamed column."""
    return {name: re.sub(r"[\s\-.]+", "_", name.strip()).lower() for name in names if name}


def _matches(left: dict[str, str], pattern: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    for name in list(left):
        match = pattern.match(name.strip())
        if match:
            yield name, match


def _first(left: dict[str, str], known: Sequence[str]) -> str:
    """Return the column with the first of the known names, and take it out of `left`."""
    for plain in known:
        for name, own in left.items():
            if own == plain:
                del left[name]
                return name
    return ""


def _complain(where: str, ids: str, truth: str, prediction: object) -> None:
    if not ids:
        raise _no_ids(where)
    if not truth:
        raise RecordError(
            f"{where} has no column of the truth, so that nothing can be called right or wrong.",
            hint="Call it `y_true`.",
        )
    if not prediction:
        raise RecordError(f"{where} has no column of predictions.", hint="Call it `y_pred`.")


def _no_ids(where: str) -> RecordError:
    return RecordError(
        f"{where} has no column of ids. Examples are joined by id, never by row: add an id column.",
        hint="It is called `id`, and holds what names an example, such as its file name.",
    )


def _said(found: Roles, where: str) -> str:
    own = (
        ("id", found.ids, "the id"),
        ("y_true", found.truth, "the truth"),
        ("y_pred", found.prediction, "the prediction"),
        ("score", found.score, "the score"),
        ("group", found.group, "the group"),
    )
    odd = [f"`{name}` for {word}" for usual, name, word in own if name and name != usual]
    spelled = [name for name in found.classes if not name.startswith("p:")]
    if spelled:
        more = f" and {len(spelled) - 1:,} more" if len(spelled) > 1 else ""
        odd.append(f"`{spelled[0]}`{more} for the probability of a class")
    return f"Taken in {where}: {', '.join(odd)}." if odd else ""
