"""Whether one model can have come from another, on networks that were really trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import nn

from tests.comparison.models import estimated, exactly

COMPARISONS = pytest.mark.parametrize("compare", [estimated, exactly])
Model = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.manual_seed(0)


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3),
        nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip


def dense() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(144, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 10)
    )


NETWORKS = pytest.mark.parametrize("make", [convolutional, dense])


@cache
def trained(
    make: Callable[[], nn.Module], seed: int, rate: float = 0.01, steps: int = 40, start: str = ""
) -> Model:
    """Return the weights of a network that learned to tell ten noisy patterns."""
    torch.manual_seed(seed)
    network = make()
    if start:
        network.load_state_dict(trained(make, 0))
    random = torch.Generator().manual_seed(1)
    patterns = torch.randn(10, 1, 12, 12, generator=random)
    optimizer = torch.optim.Adam(network.parameters(), rate)
    for _ in range(steps):
        labels = torch.randint(0, 10, (32,), generator=random)
        images = patterns[labels] + torch.randn(32, 1, 12, 12, generator=random)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@NETWORKS
@COMPARISONS
def test_a_fine_tuned_model_is_related(make, compare):
    found = compare(trained(make, 0), trained(make, 5, 0.001, 20, "first"))
    assert found.kinship == "related"
    assert all(0 < block.relative < 0.5 for block in found.blocks)


@NETWORKS
@COMPARISONS
def test_two_seeds_are_independent_though_norms_and_biases_begin_alike(make, compare):
    assert compare(trained(make, 0), trained(make, 1)).kinship == "independent"
    assert compare(trained(make, 0, steps=0), trained(make, 1, steps=0)).kinship == "independent"


@NETWORKS
@COMPARISONS
def test_one_seed_with_another_learning_rate_is_related(make, compare):
    assert compare(trained(make, 0), trained(make, 0, 0.03)).kinship == "related"
    assert compare(trained(make, 0, steps=0), trained(make, 0)).kinship == "related"


@COMPARISONS
def test_a_new_head_on_a_frozen_network_is_related(compare):
    one, other = trained(convolutional, 0), dict(trained(convolutional, 0))
    other["10.weight"] = torch.randn(10, 32)
    found = compare(one, other)
    assert found.kinship == "related"
    assert [block.name for block in found.blocks] == ["10"]


@COMPARISONS
def test_a_table_that_all_models_share_makes_no_kin(compare):
    table = torch.outer(torch.arange(64), 1 / torch.arange(1, 33)).sin()
    for make in (convolutional, dense):
        one, other = ({**trained(make, seed), "position": table} for seed in (0, 1))
        assert compare(one, other).kinship == "independent"
    counted = {"0.num_batches_tracked": torch.tensor(60), "ids": torch.arange(512).reshape(1, 512)}
    one, other = ({"w": torch.randn(80, 80), **counted} for _ in range(2))
    assert compare(one, other).kinship == "independent"


@COMPARISONS
def test_what_only_vectors_could_tell_is_unknown(compare):
    one = {"weight": torch.ones(512) + 0.1 * torch.randn(512), "bias": torch.randn(512)}
    other = {"weight": torch.ones(512) + 0.1 * torch.randn(512), "bias": torch.randn(512)}
    assert compare(one, other).kinship == "unknown"
    assert compare({"w": torch.randn(3, 3)}, {"w": torch.randn(3, 3)}).kinship == "unknown"


@COMPARISONS
def test_a_mean_that_is_not_zero_is_no_correlation(compare):
    one, other = ({"w": 5 + torch.randn(200, 200), "v": 2 + torch.rand(99, 99)} for _ in range(2))
    assert compare(one, other).kinship != "related"


@COMPARISONS
def test_tuned_biases_and_a_merged_low_rank_update_are_related(compare):
    one = {"a.weight": torch.randn(90, 90), "a.bias": torch.randn(90)}
    assert compare(one, {**one, "a.bias": torch.randn(90)}).kinship == "related"
    update = torch.randn(90, 2) @ torch.randn(2, 90) * 0.1
    found = compare(one, {**one, "a.weight": one["a.weight"] + update})
    assert found.kinship == "related"
    truth = update.norm() / one["a.weight"].norm()
    assert found.tensors[0].relative == pytest.approx(truth.item(), rel=0.25)
