"""Settings are compared by value: not by order, comments, or the spelling of a number."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.errors import ConfigError
from gitml.inputs.settings import (
    environment_settings,
    load_settings,
    matching,
    merge,
    parse_file,
    same,
)
from gitml.values import canonical

KEYS = st.text("abcdefgh_-é", min_size=1, max_size=6)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12),
)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)


@given(TREES)
@settings(max_examples=100, deadline=None)
def test_the_format_of_a_file_makes_no_difference(tree: dict[str, Any]) -> None:
    as_json = parse_file(json.dumps(tree).encode(), "p.json")
    as_toml = parse_file(tomlkit.dumps(tree).encode(), "p.toml")
    as_yaml = parse_file(yaml.safe_dump(tree, allow_unicode=True).encode(), "p.yaml")
    assert canonical(as_json) == canonical(as_toml)
    # PyYAML writes the text "1e3" unquoted, which YAML 1.2 reads as a number.
    if not any(isinstance(value, str) and "e" in value.lower() for value in as_json.values()):
        assert canonical(as_json) == canonical(as_yaml)


@given(TREES)
@settings(max_examples=50, deadline=None)
def test_the_order_of_keys_makes_no_difference(tree: dict[str, Any]) -> None:
    backwards = dict(reversed(tree.items()))
    one = parse_file(json.dumps(tree, indent=2).encode(), "p.json")
    other = parse_file(json.dumps(backwards).encode(), "p.json")
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize("spelling", ["0.001", "1e-3", "1.0e-3", "1E-03", "0.0010", ".001"])
def test_the_spelling_of_a_float_makes_no_difference(spelling: str) -> None:
    found = parse_file(f"lr: {spelling}  # rate".encode(), "params.yaml")
    assert found == {"lr": 0.001}
    assert canonical(found) == canonical({"lr": 0.001})


def test_types_make_a_difference() -> None:
    forms = [b"a: 1", b"a: 1.0", b"a: '1'", b"a: true", b"a:", b"a: [1]", b"a: {}", b"a: []"]
    assert len({canonical(parse_file(form, "p.yaml")) for form in forms}) == len(forms)


def test_nested_values_get_dotted_names() -> None:
    found = parse_file(b"optimizer: {lr: 0.1}\nlayers: [8, 4]\nempty: {}", "p.yaml")
    assert found == {"optimizer.lr": 0.1, "layers.0": 8, "layers.1": 4, "empty": "{}"}


def test_two_keys_of_one_dotted_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="dotted name"):
        parse_file(b"a: {b: 1}\na.b: 2", "p.yaml")


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b'{"a": 1, "a": 2}', "p.json"),
        (b'{"a": 1e400}', "p.json"),
        (b"[" * 100_000, "p.json"),
        (b'{"a":' * 80 + b"1" + b"}" * 80, "p.json"),
        (b'{"a":' + b"1" * 5000 + b"}", "p.json"),
        (b'{"a": "\\ud800"}', "p.json"),
        (b'{"a"', "p.json"),
        (b"a = [", "p.toml"),
        (b"a=" + b"[" * 5000, "p.toml"),
        (b"a=" + b"1" * 5000, "p.toml"),
        (b"a = 1\na = 2", "p.toml"),
        (b"- 1", "p.yaml"),
        (b"a: 1", "p.txt"),
        (b" " * 2_000_000, "p.json"),
        (b"\xff", "p.toml"),
    ],
    ids=str,
)
def test_malformed_files_are_named(data: bytes, path: str) -> None:
    with pytest.raises(ConfigError, match=path):
        parse_file(data, path)


def test_errors_name_the_line() -> None:
    with pytest.raises(ConfigError, match=r"p\.json, line 2"):
        parse_file(b'{\n"a": }', "p.json")
    with pytest.raises(ConfigError, match=r"p\.toml, line 3"):
        parse_file(b"a = 1\nb = 2\nc = \n", "p.toml")
    with pytest.raises(ConfigError, match=r"p\.yaml, line 2"):
        parse_file(b"a: 1\na: 2", "p.yaml")


def test_a_missing_file_is_an_error_only_where_it_is_declared(tmp_path: Path) -> None:
    assert load_settings(tmp_path, ["params.yaml"], optional=True) == {}
    with pytest.raises(ConfigError, match=r"params\.yaml doesn't exist"):
        load_settings(tmp_path, ["params.yaml"], optional=False)
    with pytest.raises(ConfigError, match="can't be read"):
        load_settings(tmp_path, ["."], optional=True)
    (tmp_path / "params.yaml").write_text("a: 1")
    assert load_settings(tmp_path, ["params.yaml"], optional=True) == {"params.yaml": {"a": 1}}


def test_names_in_two_files_get_the_stem_only_when_values_differ() -> None:
    assert merge({"a.yaml": {"lr": 1, "x": 2}, "b.yaml": {"lr": 1.0, "x": 2, "y": 3}}) == {
        "a.lr": 1,
        "b.lr": 1.0,
        "x": 2,
        "y": 3,
    }
    assert merge({"p.yaml": {"a": 1}, "p.json": {"a": 2}}) == {"p.yaml.a": 1, "p.json.a": 2}


def test_environment_variables_are_settings_when_named() -> None:
    assert environment_settings(["A", "B"], {"A": "1", "C": "2"}) == {"env.A": "1", "env.B": None}


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("seed", "seed", True),
        ("seed", "args.seed", True),
        ("seed", "train.data.seed", True),
        ("seed", "seeds", False),
        ("seed", "seed_x", False),
        ("seed", "model.seed.size", False),
        ("log", "log.level", True),
        ("tags", "args.tags.0", True),
        ("train.*", "train.seed", True),
        ("train.seed", "args.train.seed", False),
        ("log_interval", "args.log-interval", True),
        ("*_dir", "args.out-dir", True),
        ("*_dir", "a.b.c", False),
        ("(", "a", False),
    ],
)
def test_patterns_of_names(pattern: str, name: str, matches: bool) -> None:
    assert (name in matching([name], [pattern])) is matches


def test_nan_is_the_same_as_itself() -> None:
    assert same(math.nan, math.nan)
    assert not same(1, 1.0)
    assert not same(True, 1)
