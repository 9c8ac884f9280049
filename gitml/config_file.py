"""Reading `gitml.yaml`: from YAML nodes to a typed `Config`, with the line in every error."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from gitml import bounded_yaml
from gitml.config import Config, DataSource, Examples, MetricGoal, Outputs
from gitml.config_keep import check_keep, keep
from gitml.errors import ConfigError

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kKMGTP]?)(i?)[bB]?\s*\Z")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}

_Reader = Callable[["_Place"], Any]


class _Place:
    """A node of the file together with the words that name it in messages."""

    def __init__(self, node: Any, where: str, name: str) -> None:
        self.node = node
        self.where = where
        self.name = name

    def wrong(self, message: str, hint: str = "") -> ConfigError:
        place = f"{self.where}, line {bounded_yaml.line(self.node)}"
        return ConfigError(f"{place}: {message}", hint=hint)

    @property
    def kind(self) -> str:
        return str(self.node.id)

    @property
    def value(self) -> Any:
        return bounded_yaml.construct(self.node, self.where)

    def items(self) -> list[tuple[str, _Place]]:
        """The entries of a mapping."""
        if self.kind != "mapping":
            raise self.wrong(f"`{self.name}` must be a mapping of names to values.")
        pairs = []
        for key, node in self.node.value:
            place = _Place(node, self.where, f"{self.name}.{key.value}" if self.name else key.value)
            if key.id != "scalar" or key.tag.endswith((":null", ":merge")):
                raise _Place(key, self.where, "").wrong("keys must be plain names.")
            pairs.append((str(key.value), place))
        return pairs

    def elements(self) -> list[_Place]:
        """The elements of a list; a single value counts as a list of one, null as none."""
        if self.kind == "sequence":
            return [_Place(node, self.where, self.name) for node in self.node.value]
        return [] if self.kind == "scalar" and self.value is None else [self]


def parse_config(data: bytes, where: str) -> Config:
    """Return the typed configuration; see `gitml.config.parse`."""
    node = bounded_yaml.compose(data, where)
    if node is None or (node.id == "scalar" and node.value in ("", "~", "null")):
        return Config()
    root = _Place(node, where, "")
    if root.kind != "mapping":
        raise root.wrong("the file must be a mapping, such as `command: python train.py`.")
    values = _fields(root, _READERS)
    declared = set(values)
    if "outputs" in values:
        outputs: dict[str, Any] = values["outputs"]
        declared |= {f"outputs.{name}" for name in outputs}
        check_keep(root, outputs.get("keep"), values.get("metrics", {}))
        values["outputs"] = Outputs(**outputs)
    if "code" in values:
        values["code_inert"] = values.pop("code").get("inert", ())
    return Config(**values, declared=frozenset(declared))


def _fields(place: _Place, readers: Mapping[str, _Reader]) -> dict[str, Any]:
    values = {}
    for name, entry in place.items():
        reader = readers.get(name)
        if reader is None:
            raise _unknown(entry, name, readers)
        if entry.kind == "scalar" and entry.value is None:
            continue  # `inert:` with nothing after it is the default
        values[name] = reader(entry)
    return values


def _unknown(entry: _Place, name: str, known: Mapping[str, Any]) -> ConfigError:
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    parent = entry.name.rpartition(".")[0]
    inside = f" under `{parent}`" if parent else ""
    hint = f"Did you mean `{near[0]}`?" if near else f"Known keys: {', '.join(known)}."
    return entry.wrong(f"unknown key `{name}`{inside}.", hint)


def _text(place: _Place) -> str:
    if place.kind != "scalar" or place.value is None:
        raise place.wrong(f"`{place.name}` must be text.")
    text = str(place.node.value)
    if not text or any(character < " " or character == "\x7f" for character in text):
        raise place.wrong(f"`{place.name}` is empty or has control characters.")
    return text


def _texts(place: _Place) -> tuple[str, ...]:
    return tuple(_text(element) for element in place.elements())


def _boolean(place: _Place) -> bool:
    value = place.value if place.kind == "scalar" else None
    if not isinstance(value, bool):
        raise place.wrong(f"`{place.name}` must be true or false.")
    return value


def _choice(*choices: str) -> _Reader:
    def read(place: _Place) -> str:
        if place.kind != "scalar" or place.node.value not in choices:
            raise place.wrong(f"`{place.name}` must be one of {', '.join(choices)}.")
        return str(place.node.value)

    return read


def _size(place: _Place) -> int:
    """Read `10 GB`, `500 kB`, `1 MiB` or a number of bytes."""
    match = _SIZE.match(place.node.value) if place.kind == "scalar" else None
    if match is None:
        raise place.wrong(f"`{place.name}` must be a size such as `10 GB`, `1 MiB` or `5000`.")
    number, unit, binary = match.groups()
    size = float(number) * (1024 if binary else 1000) ** _POWERS[unit.lower()]
    if not math.isfinite(size) or size > 1 << 62:
        raise place.wrong(f"`{place.name}` is larger than any file.")
    return int(size)


def _command(place: _Place) -> tuple[str, ...]:
    if place.kind == "sequence":
        return _texts(place)
    import shlex

    try:
        words = shlex.split(_text(place))
    except ValueError as error:
        raise place.wrong(f"`{place.name}` can't be split into words: {error}.") from error
    if not words:
        raise place.wrong(f"`{place.name}` is empty.")
    return tuple(words)


def _path(place: _Place) -> str:
    """Read a path that stays a path of this project's repository: relative, plain."""
    text = _text(place)
    if text.startswith("/"):
        raise place.wrong(
            f"`{place.name}`: {text} must be relative to the project's folder.",
        )
    return text.removeprefix("./")


def _paths(place: _Place) -> tuple[str, ...]:
    return tuple(_path(element) for element in place.elements())


def _output_paths(place: _Place) -> tuple[str, ...]:
    paths = []
    for element in place.elements():
        path = _path(element).rstrip("/")
        if ".." in path.split("/") or path in ("", "."):
            raise element.wrong(f"`{place.name}`: {path} must be inside the project's folder.")
        paths.append(path)
    return tuple(paths)


def _patterns(place: _Place) -> tuple[str, ...]:
    for element in place.elements():
        text = _text(element)
        try:
            groups = re.compile(text).groupindex
        except (re.error, OverflowError, RecursionError) as error:
            raise element.wrong(f"`{place.name}` is no regular expression: {error}.") from error
        if not groups:
            raise element.wrong(
                f"`{place.name}` has no named group.",
                r"Name the metric in it: `loss (?P<loss>[\d.]+)`.",
            )
    return _texts(place)


def _data(place: _Place) -> tuple[DataSource, ...]:
    elements = [place] if place.kind == "mapping" else place.elements()
    return tuple(_source(element) for element in elements)


def _source(place: _Place) -> DataSource:
    if place.kind == "scalar":
        return DataSource(path=_tidy(_text(place)))
    by = _choice("content", "listing")
    values = _fields(place, {"path": _text, "by": by, "external": _text})
    if bool(values.get("path")) == bool(values.get("external")):
        raise place.wrong("an entry of `data` has either `path` or `external`.")
    if "external" in values and "by" in values:
        raise place.wrong("an `external` entry of `data` isn't read, so it has no `by`.")
    if "path" in values:
        values["path"] = _tidy(values["path"])
    return DataSource(**values)


def _tidy(path: str) -> str:
    return path.removeprefix("./").rstrip("/") or path


def _effect(place: _Place) -> float:
    try:
        number = float(place.node.value) if place.kind == "scalar" else math.nan
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise place.wrong(f"`{place.name}` must be a number of 0 or more, such as `0.002`.")
    return number


def _metrics(place: _Place) -> dict[str, MetricGoal]:
    goal = _choice("max", "min")
    readers: dict[str, _Reader] = {"goal": goal, "primary": _boolean, "min_effect": _effect}
    metrics: dict[str, MetricGoal] = {}
    if place.kind != "mapping":
        return {name: MetricGoal() for name in _texts(place)}
    for name, entry in place.items():
        if entry.kind == "scalar":
            metrics[name] = MetricGoal() if entry.value is None else MetricGoal(goal=goal(entry))
        else:
            metrics[name] = MetricGoal(**_fields(entry, readers))
        if metrics[name].primary and any(m.primary for n, m in metrics.items() if n != name):
            raise entry.wrong("two metrics are `primary`; there is one at most.")
    return metrics


def _examples(place: _Place) -> Examples:
    if place.kind == "scalar":
        found = Examples(_output_paths(place)[0])
        if "{id}" not in found.path:
            raise place.wrong(
                f"`{place.name}`: {found.path} has no `{{id}}`, where the id of an example goes.",
                "For arrays or a table, give a mapping: `{path: data/test.csv, id: id}`.",
            )
    else:
        single: _Reader = _output_path
        readers = {"path": single, "ids": _text, "images": _text, "id": _text, "show": _texts}
        values = _fields(place, readers)
        if not values.get("path"):
            raise place.wrong("`examples` has no `path`.", "Such as `path: data/digits.npz`.")
        found = Examples(**values)
    if re.search(r"[{}]", found.path.replace("{id}", "")):
        raise place.wrong(f"`examples`: {found.path} may have `{{id}}`, and no other braces.")
    return found


def _output_path(place: _Place) -> str:
    if place.kind != "scalar":
        raise place.wrong(f"`{place.name}` must be one path.")
    return _output_paths(place)[0]


def _outputs(place: _Place) -> dict[str, Any]:
    return _fields(place, _OUTPUTS)


def _code(place: _Place) -> dict[str, Any]:
    return _fields(place, {"inert": _texts})


def _mapping(place: _Place) -> dict[str, Any]:
    place.items()
    return dict(place.value)


_OUTPUTS: dict[str, _Reader] = {
    **dict.fromkeys(
        (
            "weights",
            "metrics",
            "history",
            "plots",
            "predictions",
            "importance",
            "explanations",
            "checkpoints",
            "logs",
            "other",
            "tensorboard",
        ),
        _output_paths,
    ),
    "scrape": _patterns,
    "shard": _boolean,
    "keep": lambda place: keep(place, _fields),
}

_READERS: dict[str, _Reader] = {
    "command": _command,
    "params": _paths,
    "inert": _texts,
    "seeds": _texts,
    "data": _data,
    "data_limit": _size,
    "env": _texts,
    "partition": _path,
    "outputs": _outputs,
    "metrics": _metrics,
    "examples": _examples,
    "large": _size,
    "code": _code,
    "pickles": _choice("allow", "forbid"),
    "strict_lock": _boolean,
    "models": _mapping,
}
