"""The sketch of a tensor: linear, the same everywhere, and as close as it claims to be."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.outputs.tensor_folding import BLOCK, Folding
from gitml.outputs.tensor_sketch import NARROW, WIDE, decode, distance, encode, product, width

Array = np.ndarray[Any, Any]

numbers = st.floats(-1e30, 1e30, allow_subnormal=False)


def sketch(tensor: Array) -> Array:
    folding = Folding(tensor.shape)
    folding.add(tensor.ravel())
    found = decode(folding.text(), tensor.shape)
    return np.zeros(width(tensor.shape)) if found is None else np.array(found)


@given(st.lists(numbers, min_size=1, max_size=WIDE))
def test_sums_survive_being_written_up_to_24_bits_of_the_largest(sums):
    text = encode(sums)
    found = decode(text, (1, len(sums)) if len(sums) <= NARROW else (2, len(sums)))
    if not any(sums):
        assert text == ""
    elif len(sums) in (WIDE, *range(1, NARROW + 1)):
        assert found is not None
        assert max(map(abs, np.subtract(found, sums))) <= max(map(abs, sums)) * 2**-22
        assert encode(found) == text


@pytest.mark.parametrize("sums", [[math.nan, 1.0], [1.0, math.nan], [math.inf], [], [0.0, -0.0]])
def test_sums_that_say_nothing_are_no_sketch(sums):
    assert encode(sums) == ""


@given(st.text(max_size=600) | st.binary(max_size=8).map(lambda data: data.hex()))
def test_what_is_no_sketch_is_none(text):
    assert decode(text, (900, 900)) is None or len(text) == 512


@pytest.mark.parametrize("shape", [(), (0,), (-5, 3), (10**40,), (2, 0, 4)])
def test_odd_shapes_do_no_harm(shape):
    assert decode("AAAA", shape) in (None, ())
    assert width(shape) <= WIDE


def test_an_exponent_that_no_number_has_is_refused():
    bad = encode([1.0] * 31)
    assert decode(bad, (31,)) is not None
    assert decode("/38" + bad[3:], (31,)) is None


@pytest.mark.parametrize(
    ("shape", "sums"),
    [((), 1), ((31,), 31), ((4095,), 31), ((4096,), 127), ((8, 8), 64), ((1, 500), 31), ((9, 99), 127)],
)  # fmt: skip
def test_matrices_and_long_vectors_have_more_sums(shape, sums):
    assert width(shape) == sums


def test_every_machine_makes_the_same_sketch():
    # Whole numbers, so that no order of additions makes a difference.
    tensor = (np.arange(400 * 1000, dtype=np.float32) % 251 - 125).reshape(400, 1000)
    folding = Folding(tensor.shape)
    folding.add(tensor.ravel())
    digest = hashlib.sha256(folding.text().encode()).hexdigest()
    assert digest == "d237cd1db20cb354e7275cd81f965978d15e6c9b3fc6b90452e81b9dc2423cfa"


@given(
    st.integers(1, 3 * BLOCK),
    st.lists(st.integers(1, 2 * BLOCK), max_size=5),
    st.sampled_from([np.float32, np.float64]),
)
def test_pieces_of_any_size_give_the_same_sketch(count, cuts, dtype):
    tensor = (np.arange(count) * 7919 % 127 - 63).astype(dtype)
    whole, pieces = Folding((count,)), Folding((count,))
    whole.add(tensor)
    for piece in np.split(tensor, sorted(cut for cut in cuts if cut < count)):
        pieces.add(piece)
    assert pieces.text() == whole.text()


@given(st.integers(0, 2**32), st.sampled_from([(20,), (300,), (5000,), (40, 60), (300, 500)]))
def test_sketches_are_linear(seed, shape):
    random = np.random.default_rng(seed)
    a, b = random.standard_normal((2, *shape))
    together = sketch(2 * a - 3 * b)
    apart = 2 * sketch(a) - 3 * sketch(b)
    assert np.abs(together - apart).max() <= 1e-5 * np.abs(apart).max()


def test_small_tensors_and_single_changes_are_exact():
    random = np.random.default_rng(0)
    for shape in ((31,), (127, 1), (10, 12)):
        a, b = random.standard_normal((2, *shape))
        if width(shape) == a.size:
            assert distance(sketch(a), sketch(b)) == pytest.approx(np.linalg.norm(a - b), rel=1e-6)
            assert product(sketch(a), sketch(b)) == pytest.approx(np.vdot(a, b), abs=1e-5)
    a = random.standard_normal((600, 700))
    b = a.copy()
    b[123, 456] += 2
    assert distance(sketch(a), sketch(b)) == pytest.approx(2, rel=1e-4)


def dense(random: Any, shape: Any) -> Array:
    return random.standard_normal(shape)


def heavy(random: Any, shape: Any) -> Array:
    return random.standard_t(2.5, shape)


def one_row(random: Any, shape: Any) -> Array:
    change = np.zeros(shape)
    change[random.integers(shape[0])] = 1.0
    return change


def one_column(random: Any, shape: Any) -> Array:
    change = np.zeros(shape)
    change[:, random.integers(shape[1])] = random.standard_normal(shape[0])
    return change


def low_rank(random: Any, shape: Any) -> Array:
    return random.standard_normal((shape[0], 2)) @ random.standard_normal((2, shape[1]))


def patch(random: Any, shape: Any) -> Array:
    change = np.zeros(shape)
    row, column = (int(random.integers(size - 40)) for size in shape)
    change[row : row + 40, column : column + 40] = 1.0
    return change


@pytest.mark.parametrize("change", [dense, heavy, one_row, one_column, low_rank, patch])
def test_differences_of_every_structure_are_estimated_as_claimed(
    change: Callable[[Any, Any], Array],
):
    random = np.random.default_rng(1)
    rounds, shape = 150, (200, 768)
    ratios = []
    for _ in range(rounds):
        step = change(random, shape)
        ratios.append(np.linalg.norm(sketch(step)) / np.linalg.norm(step))
    squares = np.square(ratios)
    claimed = math.sqrt(2 / WIDE)
    assert abs(squares.mean() - 1) < 4 * claimed / math.sqrt(rounds)  # unbiased
    assert squares.std() < 1.3 * claimed
    assert np.std(ratios) < 0.08
    assert np.abs(np.subtract(ratios, 1)).max() < 0.3


@pytest.mark.parametrize(
    "shape", [(128, 128), (1000, 512), (256, 128, 3, 3), (100_000,), (3000, 1016)]
)
def test_a_constant_offset_is_seen_in_tensors_of_every_length(shape):
    ratio = np.linalg.norm(sketch(np.ones(shape, np.float32))) / math.sqrt(math.prod(shape))
    assert ratio == pytest.approx(1, abs=0.2)


def test_vectors_have_the_error_that_is_claimed_for_them():
    random = np.random.default_rng(2)
    ratios = [
        np.linalg.norm(sketch(step)) / np.linalg.norm(step)
        for step in random.standard_normal((400, 768))
    ]
    assert abs(np.square(ratios).mean() - 1) < 4 * math.sqrt(2 / NARROW / 400)
    assert 0.1 < np.std(ratios) < 0.16


def test_inner_products_of_tensors_that_have_nothing_in_common_are_small():
    random = np.random.default_rng(3)
    found = []
    for _ in range(200):
        a, b = (sketch(tensor) for tensor in random.standard_normal((2, 100, 300)))
        found.append(product(a, b) / 100 / 300)
    assert abs(np.mean(found)) < 4 * math.sqrt(1 / WIDE / 200)
    assert np.std(found) == pytest.approx(math.sqrt(1 / WIDE), rel=0.2)


def test_a_change_of_a_millionth_is_still_seen():
    random = np.random.default_rng(4)
    a = random.standard_normal((500, 500))
    step = random.standard_normal((500, 500)) * 1e-5
    assert distance(sketch(a), sketch(a + step)) == pytest.approx(np.linalg.norm(step), rel=0.3)
