"""Where the head is, what can carry an adapter, and refusals that name the module and the reason."""

from __future__ import annotations

import pytest
from torch import nn

from lorasteer.errors import PlanError
from lorasteer.tasks.modules import adaptable, check_rank, classifier_head, rank_limit, resolve_layers
from tests.support.errors import refuses
from tests.tasks.test_prefix import network


@pytest.mark.parametrize(
    ("family", "head"),
    [
        ("paper-cnn", ("fc1", "fc2")),
        ("mlp", ("fc2", "fc3")),
        ("resnet18", ("classifier.1", "classifier.3")),
        ("resnet20", ("linear",)),
        ("vit", ("classifier",)),
        ("sequential", ("3", "5")),
    ],
)
def test_the_head_of_each_family(family: str, head: tuple[str, ...]) -> None:
    assert classifier_head(network(family)) == head
    assert resolve_layers(network(family), ()) == head


def odd() -> nn.Module:
    """Layers of every kind that can and cannot be adapted, in an order that runs."""
    return nn.Sequential(
        *(nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, dilation=2), nn.Conv2d(4, 8, 1, groups=2)),
        *(nn.BatchNorm2d(8), nn.Conv1d(8, 8, 1), nn.Flatten(), nn.Linear(8, 3)),
    )


def test_only_layers_peft_adapts_and_merges_are_adaptable() -> None:
    assert adaptable(odd()) == ["0", "6"]


@pytest.mark.parametrize(
    ("layer", "reason"),
    [("1", "dilation (2, 2)"), ("2", "2 groups"), ("3", "BatchNorm2d"), ("4", "Conv1d"), ("5", "Flatten")],
)
def test_a_layer_that_cannot_be_adapted_is_refused_by_name_with_the_reason(layer: str, reason: str) -> None:
    with refuses(PlanError, f"layer '{layer}' cannot be adapted", reason, "Choose among: 0, 6"):
        resolve_layers(odd(), (layer,))


def test_an_unknown_layer_is_refused_with_the_nearest() -> None:
    with refuses(PlanError, "layer 'fc3' is no module of this model", "Did you mean", "conv1, conv2, fc1, fc2"):
        resolve_layers(network("paper-cnn"), ("fc3",))


def test_a_container_stands_for_all_adaptable_layers_in_it_once() -> None:
    model = network("resnet20")
    assert resolve_layers(model, ("layer3.2",)) == ("layer3.2.conv1", "layer3.2.conv2")
    assert resolve_layers(model, ("layer3.2.conv2", "layer3.2")) == ("layer3.2.conv2", "layer3.2.conv1")
    assert len(resolve_layers(model, ("layer3",))) == 6


def test_a_name_is_not_taken_for_one_that_only_begins_alike() -> None:
    model = nn.ModuleDict({"fc": nn.Linear(2, 2), "fc1": nn.Linear(2, 2)})
    assert resolve_layers(model, ("fc",)) == ("fc",)


def test_a_container_without_adaptable_layers_is_refused() -> None:
    model = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Linear(2, 2))
    with refuses(PlanError, "'0' cannot be adapted"):
        resolve_layers(model, ("0",))


def test_a_model_without_a_linear_end_has_no_head() -> None:
    with refuses(PlanError, "does not end in a linear layer", "name the layers"):
        classifier_head(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))


def test_the_largest_rank_is_the_smaller_side() -> None:
    """A linear layer 128 -> 10 has 10, a 3x3 convolution from 2 to 40 channels 2 * 9 = 18, one from 32 to 16 has 16."""
    assert [rank_limit(layer) for layer in (nn.Linear(128, 10), nn.Conv2d(2, 40, 3), nn.Conv2d(32, 16, 3))] == [10, 18, 16]


def test_a_rank_larger_than_a_layer_names_the_layer_and_the_limit() -> None:
    model = network("paper-cnn")  # 3 classes
    check_rank(model, ("fc1", "fc2"), 3)
    with refuses(PlanError, "adapter rank 64 is larger than layer 'fc2' allows (3)", "rank <= 3, or leave 'fc2' out"):
        check_rank(model, ("fc1", "fc2"), 64)
    with refuses(PlanError, "(3). Choose rank <= 3."):
        check_rank(model, ("fc2",), 4)
