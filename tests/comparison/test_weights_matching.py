"""Which tensors of two models belong together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.comparison.weights_matching import match
from gitml.outputs.grouping import block_of
from gitml.outputs.tensor_manifest import TensorSummary

names = st.lists(st.sampled_from(["a", "b", "module", "0", "1", "w", "_orig_mod", ""]), max_size=4)


def model(*found: str, shape: tuple[int, ...] = (3, 3)) -> list[TensorSummary]:
    return [TensorSummary(name, "F32", shape, f"sha256:{name}") for name in found]


def matched(one: list[TensorSummary], other: list[TensorSummary]) -> set[tuple[str, str]]:
    return {(p.first.name if p.first else "", p.second.name if p.second else "")
            for p in match(one, other)}  # fmt: skip


LAYERS = [f"layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")]


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "net.backbone."])
def test_a_prefix_of_all_names_is_no_other_architecture(prefix):
    longer = [prefix + name for name in LAYERS]
    assert matched(model(*LAYERS), model(*longer)) == set(zip(LAYERS, longer, strict=True))
    assert matched(model(*longer), model(*LAYERS)) == set(zip(longer, LAYERS, strict=True))


def test_a_prefix_may_take_the_place_of_another_and_a_new_head_stay_new():
    one = [f"encoder.{name}" for name in LAYERS]
    other = [f"backbone.body.{name}" for name in LAYERS]
    found = matched(model(*one, "fc.weight"), model(*other, "classifier.weight"))
    assert found == {*zip(one, other, strict=True), ("fc.weight", ""), ("", "classifier.weight")}


def test_layers_that_only_look_alike_are_not_renamed():
    shared = [f"trunk.{name}" for name in LAYERS]
    one = model(*shared, "old.weight", "old.bias")
    other = model(*shared, "new.weight", "new.bias")
    assert ("old.weight", "") in matched(one, other)
    wider = model(*(f"model.{name}" for name in LAYERS), shape=(4, 4))
    assert all("" in pair for pair in matched(model(*LAYERS), wider))


def test_a_layer_with_the_same_numbers_under_another_name_was_renamed():
    def layer(name: str, digest: str, deviation: float = 1.0) -> TensorSummary:
        return TensorSummary(name, "F32", (3, 3), digest, deviation=deviation)

    shared = model(*LAYERS)
    one = [*shared, layer("old.weight", "x"), layer("old.bias", "zeros", 0.0), layer("p", "y")]
    other = [*shared, layer("new.weight", "x"), layer("new.bias", "zeros", 0.0)]
    found = matched(one, [*other, layer("q", "y"), layer("r", "y")])
    assert ("old.weight", "new.weight") in found
    # Zeros say nothing, and which of two copies is meant nobody knows.
    assert {("old.bias", ""), ("", "new.bias"), ("p", ""), ("", "q"), ("", "r")} <= found


@given(*[st.lists(names.map(".".join).filter(bool), unique=True)] * 2)
def test_every_tensor_is_in_one_pair_and_equal_names_belong_together(one, other):
    pairs = match(model(*one), model(*other))
    assert sorted(p.first.name for p in pairs if p.first) == sorted(one)
    assert sorted(p.second.name for p in pairs if p.second) == sorted(other)
    assert sum(bool(p.first and p.second and not p.before) for p in pairs) == len({*one} & {*other})


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("features.0.weight", "features.0"),
        ("encoder.layer.7.attention.self.query.weight", "encoder.layer.7"),
        ("layer1.0.conv1.weight", "layer1.0"),
        ("conv1.weight", "conv1"),
        ("weight", "weight"),
        ("blocks.12", "blocks"),
        ("a.²3.w", "a.²3"),
        ("", ""),
    ],
)
def test_blocks_end_with_the_first_number_of_a_name(name, block):
    assert block_of(name) == block
