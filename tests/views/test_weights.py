"""How changes of weights look to people."""

from __future__ import annotations

import math

import msgspec
import pytest

from gitml.comparison.contents import BlockChange, TensorChange, WeightsComparison
from gitml.views import sheet
from gitml.views.weights import percent, sections

EVIL = "\x1b[2Jevil\n"
TITLES = ("calm-fox", "brave-otter")


def compared(**changes: object) -> WeightsComparison:
    tensors = tuple(
        TensorChange(f"layers.{i}.w", "changed", ((512, 512),) * 2, ("F32",) * 2) for i in range(12)
    )
    blocks = tuple(
        BlockChange(f"layers.{i}", 4, 1, (262_656,) * 2, (3.0, 3.1), 0.5 / (i + 1), 1 - 0.01 * i)
        for i in range(12)
    )
    fields: dict[str, object] = {
        "path": "model",
        "paths": ("model", "model"),
        "exact": False,
        "kinship": "related",
        "counts": {"changed": 12, "same": 50},
        "parameters": (3_200_000, 3_200_000),
        "sizes": (12_800_000, 12_800_000),
        "blocks": blocks,
        "tensors": tensors,
    }
    return WeightsComparison(**{**fields, **changes})  # type: ignore[arg-type]


def shown(*found: WeightsComparison, width: int = 80) -> str:
    return sheet.text(sections(found, TITLES), width=width)


def test_one_line_sums_up_and_the_blocks_that_changed_most_follow():
    text = shown(compared())
    assert "12 of 62 tensors changed (98 % of 3.2 M parameters), same architecture." in text
    lines = text.splitlines()
    first = next(line for line in lines if "layers.0" in line)
    assert first.split() == ["layers.0", "█" * 10, "50", "%", "1.000", "1", "of", "4"]
    assert "layers.5" in text and "layers.6" not in text
    assert "The 6 of 12 that changed most; --json has all." in text
    assert "Estimated from the manifests" in text and "--weights" in text
    second = next(line for line in lines if "layers.2" in line)
    assert first.index(" %") == second.index(" %")
    assert max(map(len, lines)) <= 80 and len(lines) < 16


def test_the_architecture_comes_before_the_numbers():
    tensors = (
        TensorChange("head.weight", "reshaped", ((10, 512), (5, 512)), ("F32", "F32")),
        *(TensorChange(f"new.{i}", "added", (None, (7,)), (None, "F32")) for i in range(5)),
        TensorChange("old", "removed", ((), None), ("F32", None)),
        TensorChange("half", "retyped", ((4,), (4,)), ("F32", "BF16"), relative=0.001),
    )
    text = shown(
        compared(
            tensors=tensors,
            counts={"added": 5, "removed": 1, "reshaped": 1, "retyped": 1, "same": 9},
            parameters=(9_100, 6_600),
        )
    )
    assert "2 of 11 tensors changed (39 % of 6.6 k parameters)." in text
    assert "The architecture changed (9.1 k → 6.6 k parameters):" in text
    assert "added: new (5 tensors, 35 parameters)" in text
    assert "removed: old (scalar)" in text and "reshaped: head.weight (10 × 512 → 5 × 512)" in text
    assert "retyped: half F32 → BF16" in text
    assert text.index("added") < text.index("reshaped") < text.index("layers.0")


def test_other_element_types_are_no_other_architecture():
    tensors = tuple(
        TensorChange(f"layers.{i}.w", "retyped", ((4, 4),) * 2, ("F32", "BF16")) for i in range(4)
    )
    text = shown(compared(tensors=tensors, counts={"retyped": 4, "same": 1}))
    assert "4 of 5 tensors changed" in text and "same architecture." in text
    assert "retyped: 4 tensors F32 → BF16" in text


def test_blocks_of_which_only_running_statistics_changed_are_a_line():
    still = BlockChange("bn", 6, 3, (9, 9), (1.0, 1.0), 0.0, 1.0, statistics=3)
    one = compared()
    text = shown(compared(blocks=(*one.blocks[:2], still, still)))
    assert "In 2 more blocks only running statistics of normalisation changed." in text
    assert "bn" not in text and "layers.1" in text
    text = shown(compared(blocks=(still,)))
    assert "In 1 block only running statistics of normalisation changed." in text


def test_a_counter_of_steps_is_no_step_of_a_weight():
    counter = TensorChange("bn.n", "changed", ((), ()), ("I64", "I64"), largest=9.0, statistic=True)
    weight = TensorChange("w", "changed", ((4,), (4,)), ("F32", "F32"), largest=0.25, share=1.0)
    text = shown(compared(exact=True, tensors=(counter, weight)))
    assert "The largest step of one weight is 0.25, in w." in text


def test_a_block_that_became_nan_is_not_said_to_be_unchanged():
    broken = BlockChange("head", 2, 1, (9, 9), (1.0, 1.0), 0.0, 1.0, odd=(0, 1))
    lines = shown(compared(blocks=(*compared().blocks, broken))).splitlines()
    first = next(line for line in lines if "head" in line)
    assert first.split() == ["head", "not", "finite", "–", "1", "of", "2"]


def test_what_was_read_is_told_exactly():
    one = compared()
    tensor = msgspec.structs.replace(one.tensors[3], largest=0.1234, share=0.5)
    blocks = tuple(msgspec.structs.replace(block, largest=0.05) for block in one.blocks)
    text = shown(msgspec.structs.replace(one, exact=True, tensors=(tensor,), blocks=blocks))
    assert "The largest step of one weight is 0.123, in layers.3.w." in text
    assert "In the changed tensors 50 % of the weights differ." in text
    assert "Estimated" not in text and "1.0000" in text and "0.05" in text


def test_the_same_and_the_unknown_are_one_line():
    same = compared(kinship="same", counts={"same": 62}, tensors=(), blocks=())
    assert shown(same).splitlines()[1:] == ["  All 62 tensors are the same (3.2 M parameters)."]
    nothing = compared(counts={}, tensors=(), blocks=(), notes=("No tensors are known of x.",))
    assert "No tensors are known of x." in shown(nothing)


def test_of_independent_models_no_block_is_shown():
    blocks = tuple(
        msgspec.structs.replace(block, relative=None, cosine=None) for block in compared().blocks
    )
    text = shown(compared(kinship="independent", blocks=blocks, notes=("They are apart.",)))
    assert "They are apart." in text and "layers.0" not in text and "%" in text


def test_two_models_are_told_apart_and_nothing_hostile_gets_out():
    evil = TensorChange(EVIL, "added", (None, (3,)), (None, EVIL))
    retyped = TensorChange(EVIL, "retyped", ((3,), (3,)), (EVIL, "F32"), largest=1.0, share=0.1)
    block = BlockChange(EVIL, 1, 1, (0, 3), relative=math.inf, cosine=None)
    hostile = compared(
        path=EVIL, tensors=(evil, retyped), blocks=(block,), exact=True, notes=(EVIL,),
        counts={"added": 1, "retyped": 1}, parameters=(0, 0),
    )  # fmt: skip
    for text in (shown(hostile, compared()), sheet.markdown(sections((hostile,), TITLES))):
        assert "\x1b" not in text and "evil\n" not in text
    assert "Weights of model" in shown(hostile, compared())
    assert sections((), TITLES) == []


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1.234e-5, "0.0012 %"), (0.0123, "1.2 %"), (0.5, "50 %"), (0.999, "over 99 %"),
     (1, "100 %"), (3.4, "340 %"), (123.4, "123 ×"), (1e9, "1e+09 ×"), (math.inf, "–")],
)  # fmt: skip
def test_shares_have_two_digits(share, text):
    assert percent(share) == text
