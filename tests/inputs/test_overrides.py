"""`-S key=value` changes one value and nothing else, whatever the file looks like."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import tomlkit
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.errors import ConfigError, UsageError
from gitml.inputs.overrides import apply, parse_override
from gitml.inputs.settings import parse_file, parse_tree

FILE = b"""# head
lr: 0.1   # rate
optimizer: {name: adam, betas: [0.9, 0.99]}
layers:
- 8
- 4  # last
nested:
  a: 1
  # about deep
  deep:
    x: "q"   # keep
empty:
name: 'it''s'
tail: 5"""


def after(text: str, file: bytes = FILE, path: str = "params.yaml") -> str:
    return apply({path: file}, [parse_override(text)]).get(path, file).decode()


@pytest.mark.parametrize(
    ("override", "before", "now"),
    [
        ("lr=0.5", "lr: 0.1   # rate", "lr: 0.5   # rate"),
        ("lr=1e-5", "lr: 0.1   # rate", "lr: 1.0e-05   # rate"),
        ("lr=null", "lr: 0.1   # rate", "lr: null   # rate"),
        ("lr=fast", "lr: 0.1   # rate", "lr: fast   # rate"),
        ("lr='1e-3'", "lr: 0.1   # rate", "lr: '1e-3'   # rate"),
        ("lr=", "lr: 0.1   # rate", "lr: ''   # rate"),
        ("optimizer.name=sgd", "{name: adam,", "{name: sgd,"),
        ("optimizer.betas.1=0.5", "[0.9, 0.99]", "[0.9, 0.5]"),
        ("optimizer.betas=[1]", "[0.9, 0.99]", "[1]"),
        ("layers.0=16", "- 8\n", "- 16\n"),
        ("layers.-1=16", "- 4  # last", "- 16  # last"),
        ("layers=[1,2]", "layers:\n- 8\n- 4  # last", "layers: [1, 2]  # last"),
        ("nested.deep.x=y", '"q"   # keep', "y   # keep"),
        ("nested.a=true", "a: 1", "a: true"),
        ("empty=3", "empty:\n", "empty: 3\n"),
        ("name=x", "name: 'it''s'", "name: x"),
        ("tail=6", "tail: 5", "tail: 6"),
        ("+new=1", "tail: 5", "tail: 5\nnew: 1\n"),
        ("+nested.deep.y=2", '    x: "q"   # keep\n', '    x: "q"   # keep\n    y: 2\n'),
        ("+optimizer.eps=1", "0.99]}", "0.99], eps: 1}"),
        ("+a.b.c=[1]", "tail: 5", "tail: 5\na: {b: {c: [1]}}\n"),
        ("params.yaml:lr=2", "lr: 0.1 ", "lr: 2 "),
    ],
)
def test_one_value_changes_and_every_other_character_stays(
    override: str, before: str, now: str
) -> None:
    assert FILE.decode().count(before) == 1
    assert after(override) == FILE.decode().replace(before, now)


@pytest.mark.parametrize(
    ("override", "now"),
    [
        ("a.b.0=5", '{\n    "a": {"b": [5, 2]},\n    "c": 0.5\n}\n'),
        ("c=x", '{\n    "a": {"b": [1, 2]},\n    "c": "x"\n}\n'),
        ("c=null", '{\n    "a": {"b": [1, 2]},\n    "c": null\n}\n'),
        ("+d=true", '{\n    "a": {"b": [1, 2]},\n    "c": 0.5,\n    "d": true\n}\n'),
        ("+d=2024-01-01", '{\n    "a": {"b": [1, 2]},\n    "c": 0.5,\n    "d": "2024-01-01"\n}\n'),
    ],
)
def test_json_keeps_its_indentation(override: str, now: str) -> None:
    assert after(override, b'{\n    "a": {"b": [1, 2]},\n    "c": 0.5\n}\n', "p.json") == now


def test_json_with_tabs_keeps_them() -> None:
    found = after("b=3", b'{\n\t"a": 1,\n\t"b": 2\n}\n', "p.json")
    assert found == '{\n\t"a": 1,\n\t"b": 3\n}\n'


def test_toml_keeps_its_comments() -> None:
    file = b"# top\na = 1 # x\n[b]\nc = [1, 2]\n"
    assert after("a=2", file, "p.toml") == "# top\na = 2 # x\n[b]\nc = [1, 2]\n"
    assert after("b.c.0=5", file, "p.toml") == "# top\na = 1 # x\n[b]\nc = [5, 2]\n"
    assert parse_file(after("+d.e=1", file, "p.toml").encode(), "p.toml")["d.e"] == 1
    with pytest.raises(UsageError, match="null"):
        after("a=null", file, "p.toml")


def test_a_value_behind_an_alias_changes_alone() -> None:
    file = b"base: &b {k: 1}\nother: *b\n"
    assert parse_tree(after("base.k=2", file).encode(), "p.yaml") == {
        "base": {"k": 2},
        "other": {"k": 1},
    }
    merged = b"base: &b {k: 1, l: 2}\nother:\n  <<: *b\n  m: 3\n"
    assert parse_tree(after("other.k=9", merged).encode(), "p.yaml") == {
        "base": {"k": 1, "l": 2},
        "other": {"k": 9, "l": 2, "m": 3},
    }


@pytest.mark.parametrize("file", [b"", b"# only a comment\n", b"{}\n"])
def test_a_key_can_be_added_to_an_empty_file(file: bytes) -> None:
    found = after("+a.b=1", file)
    assert parse_file(found.encode(), "p.yaml") == {"a.b": 1}
    assert found.startswith("# only") == file.startswith(b"# only")


def test_a_byte_order_mark_and_windows_line_ends_stay() -> None:
    assert after("a=2", b"a: 1 # x\r\nb: 2\r\n") == "a: 2 # x\r\nb: 2\r\n"
    assert apply({"p.yaml": b"\xef\xbb\xbfa: 1\n"}, [parse_override("a=2")]) == {
        "p.yaml": b"\xef\xbb\xbfa: 2\n"
    }


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("leyers=1", "Did you mean layers"),
        ("nested.deep.xx=1", "Did you mean nested.deep.x"),
        ("deep.x=1", "nested.deep.x"),
        ("zzzzzz=1", "+zzzzzz="),
        ("optimizer=3", "optimizer.name"),
        ("+layers.x=1", "whole list"),
        ("layers.7=1", "layers"),
        ("other.yaml:lr=1", "params.yaml"),
        ("lr", "key=value"),
        ("=1", "key=value"),
        ("a..b=1", "key=value"),
        ("lr=[1", "Quote it"),
        ("lr=!!python/object:os.x 1", "Quote it"),
        ("lr=\udc80", "Quote it"),
    ],
)
def test_what_can_not_be_meant_is_explained(override: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        after(override)
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_a_key_in_two_files_must_say_which() -> None:
    files = {"a.json": b'{"lr": 1}', "b.yaml": b"lr: 2\n"}
    with pytest.raises(UsageError, match=r"a\.json and b\.yaml"):
        apply(files, [parse_override("lr=3")])
    assert apply(files, [parse_override("b.yaml:lr=3")]) == {"b.yaml": b"lr: 3\n"}


def test_several_overrides_add_up_and_unchanged_files_are_left_out() -> None:
    files = {"a.yaml": b"x: 1\n", "b.yaml": b"y: 1\n"}
    overrides = [parse_override(text) for text in ("x=2", "x=3", "y=1")]
    assert apply(files, overrides) == {"a.yaml": b"x: 3\n"}


def test_without_a_parameter_file_the_error_says_so() -> None:
    with pytest.raises(UsageError, match="no parameter file"):
        apply({}, [parse_override("a=1")])
    with pytest.raises(ConfigError):
        apply({"p.yaml": b"a: ["}, [parse_override("a=1")])


def test_a_key_with_a_dot_in_its_name_is_found() -> None:
    assert after("a.b=2", b"a.b: 1\n") == "a.b: 2\n"
    assert after("m.a.b=2", b"m: {a.b: 1}\n") == "m: {a.b: 2}\n"


KEYS = st.text("abcxyz_é", min_size=1, max_size=4).filter(lambda key: key not in ("y", "n"))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8),
)
VALUES = LEAVES | st.lists(LEAVES, max_size=3)
TREES = st.dictionaries(
    KEYS,
    st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3)),
    min_size=1,
    max_size=4,
)


def places(tree: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += places(value, (*above, key))
        else:
            found.append((*above, key))
    return found


def written(tree: Any, path: str, flow: bool) -> bytes:
    if path.endswith(".json"):
        return json.dumps(tree, indent=None if flow else 2).encode()
    if path.endswith(".toml"):
        return tomlkit.dumps(tree).encode()
    return bytes(yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True).encode())


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [item for item in value if item is not None]
    return 0 if value is None else value


@given(TREES, VALUES, st.sampled_from(["p.yaml", "p.json", "p.toml"]), st.booleans(), st.data())
@settings(max_examples=150, deadline=None)
def test_an_override_sets_its_key_and_leaves_the_others(
    tree: dict[str, Any], value: Any, path: str, flow: bool, data: st.DataObject
) -> None:
    if path == "p.toml":
        tree, value = without_nulls(tree), without_nulls(value)
    file = written(tree, path, flow)
    read = parse_tree(file, path)  # what a reader of YAML 1.2 sees
    place = data.draw(st.sampled_from(places(read)))
    override = parse_override(f"{'.'.join(place)}={json.dumps(value, ensure_ascii=False)}")
    wanted = copy.deepcopy(read)
    node = wanted
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = override.value
    changed = apply({path: file}, [override]).get(path, file)
    assert parse_tree(changed, path) == wanted
