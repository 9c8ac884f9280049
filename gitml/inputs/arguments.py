"""The arguments of a command as settings: `--lr 1e-3 --amp` is `args.lr` and `args.amp`."""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from gitml.inputs.argument_order import is_configuration, place_options
from gitml.values import Scalar

PREFIX = "args."

_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_PAIR = re.compile(r"(?:\+{0,2}|~)([A-Za-z_][\w./@:-]*)=(.*)\Z", re.DOTALL)
_DELETED = re.compile(r"~[A-Za-z_][\w./@:-]*\Z")
_SHORT_WITH_NUMBER = re.compile(r"-([A-Za-z])([0-9]+(?:\.[0-9]+)?)\Z")

_OUTPUT_WORDS = frozenset(
    """
    out output outputs outdir outfile save saves saveto dest destination result results log logs
    logdir logging run runs rundir ckpt ckpts checkpoint checkpoints export exports artifact
    artifacts artefacts tensorboard tb workdir expdir write dump target o
    """.split()  # noqa: SIM905
)
_INPUT_WORDS = frozenset(
    """
    data dataset datasets datadir input inputs source src corpus train valid val test eval config
    conf load resume init pretrained from cache root
    """.split()  # noqa: SIM905
)
_SUFFIX = re.compile(r"[^/]\.[A-Za-z][A-Za-z0-9]{0,11}\Z")


def read_arguments(words: Sequence[str]) -> tuple[dict[str, Scalar], list[str]]:
    """Return (settings, the other words, with what stood before them: see `place_options`)."""
    found: dict[str, list[Scalar]] = {}
    positional: list[str] = []
    order: list[tuple[str, bool]] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--":
            positional += ["--", *words[position:]]
            break
        if not _is_option(word):
            is_setting = _read_plain(word, found, positional)
            order.append((_option_name(word), False) if is_setting else ("", True))
            continue
        following = words[position] if position < len(words) else None
        used = _read_option(word, following, found)
        name, value = _option_name(word), following if used else word.partition("=")[2]
        order.append((name, is_configuration(name, value)))
        position += used
        # `--layers 8 4 2`: one option with several numbers.
        while used and position < len(words) and _is_number(words[position]):
            if not _is_number(words[position - 1]):
                break
            _add(found, _option_name(word), typed(words[position]))
            position += 1
    settings = {PREFIX + name: _joined(values) for name, values in found.items()}
    return settings, place_options(order, positional)


def could_be_output(name: str, value: Scalar) -> bool:
    """Return whether an argument may only say where the results go.

    Such arguments are left out of the look-up key, which only finds candidates: whether a run
    really wrote there is verified afterwards. So this errs on the side of yes.
    """
    if not isinstance(value, str):
        return False
    return could_be_path(value) or not _OUTPUT_WORDS.isdisjoint(_words(name))


def typed(text: str) -> Scalar:
    """Return the number that a word spells, else the word itself.

    Words such as `true` stay text: only a bare flag is a boolean, since to most programs
    `--amp` and `--amp true` are different things.
    """
    if _INT.match(text):
        return int(text) if text != "-0" else text
    if _FLOAT.match(text) and not re.match(r"[-+]?0[0-9]", text) and not text.isdigit():
        value = float(text)
        return value if math.isfinite(value) else text
    return text


def _read_plain(word: str, found: dict[str, list[Scalar]], positional: list[str]) -> bool:
    """Note a word that is no option; return whether it is a setting."""
    pair = _PAIR.match(word)
    if pair and word[0] != "~":
        _add(found, pair[1], typed(pair[2]))
    elif pair:
        _add(found, f"~{pair[1]}", typed(pair[2]))
    elif _DELETED.match(word):
        _add(found, word, True)
    else:
        positional.append(word)
        return False
    return True


def _read_option(word: str, following: str | None, found: dict[str, list[Scalar]]) -> int:
    """Note one option; return how many words after it are its value (0 or 1)."""
    name, equals, value = word.lstrip("-").partition("=")
    if equals:
        _add(found, name, typed(value))
        return 0
    short = _SHORT_WITH_NUMBER.match(word)
    if short:
        _add(found, short[1], typed(short[2]))
        return 0
    takes = following is not None and not _is_option(following) and following != "--"
    if word.startswith("--no-") and not (takes and _is_number(following or "")):
        _add(found, name.removeprefix("no-"), False)
        return 0
    if takes and following is not None and not _PAIR.match(following):
        _add(found, name, typed(following))
        return 1
    _add(found, name, True)
    return 0


def _option_name(word: str) -> str:
    return word.lstrip("-").partition("=")[0]


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not _is_number(word)


def _is_number(word: str) -> bool:
    return bool(_FLOAT.match(word))


def _add(found: dict[str, list[Scalar]], name: str, value: Scalar) -> None:
    found.setdefault(name, []).append(value)


def _joined(values: list[Scalar]) -> Scalar:
    """Return the one value, or several as the text of a list."""
    return values[0] if len(values) == 1 else json.dumps(values, ensure_ascii=False)


def could_be_path(value: Scalar) -> bool:
    """Return whether a value looks like a path: a slash, a leading dot, or a suffix."""
    return isinstance(value, str) and (
        "/" in value or value.startswith((".", "~")) or bool(_SUFFIX.search(value))
    )


def written_only(
    args: Mapping[str, Scalar],
    wrote: Collection[str],
    cwd: str,
    read: Collection[str] = (),
) -> frozenset[str]:
    """Return the names of arguments whose value is a path that a run only wrote.

    A folder may hold what native code read unseen, so its argument's name must not sound like an
    input (`--data-dir`) either.

    Args:
        args: `args.<name>` → value.
        wrote: Absolute paths of the files that the run wrote without reading them first.
        cwd: Absolute folder that the run started in.
        read: Absolute paths of the files that the run read before writing them, if at all.
    """
    above, inputs = _parents(wrote), _parents(read)
    found = set()
    for name, value in args.items():
        if not isinstance(value, str) or not could_be_output(name, value):
            continue
        path = posixpath.normpath(posixpath.join(cwd, value))
        if path in wrote and path not in read:
            found.add(name)
        elif path in above and path not in inputs and _INPUT_WORDS.isdisjoint(_words(name)):
            # The folder that the run started in holds the project itself.
            found |= set() if f"{cwd}/".startswith(f"{path.rstrip('/')}/") else {name}
    return frozenset(found)


def _parents(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        folder = posixpath.dirname(path)
        while len(folder) > 1 and folder not in found:
            found.add(folder)
            folder = posixpath.dirname(folder)
    return found


def _words(name: str) -> list[str]:
    return re.split(r"[-_.]", name.removeprefix(PREFIX).lower())
