"""Stations: what carries all information, and what is said and changed there."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lorasteer.evaluation.audit.stations import channels, like, patched, pooled, states, stations
from lorasteer.tasks.vision.models import build_model
from tests.support.toy import hooks_of


class Around(nn.Module):
    """A skip connection goes round `inner`; `twice` runs two times; `last` gives the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.inner, self.last = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)
        self.twice = nn.Linear(3, 3)
        self.quiet = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.quiet(self.first(x))
        x = x + self.inner(x)
        return self.last(self.twice(self.twice(x)))


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_what_a_skip_goes_round_is_no_station() -> None:
    torch.manual_seed(0)
    network = Around().eval()
    assert stations(network, noise(4, 3)) == ("first",)
    assert not hooks_of(network)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("mlp", (1, 8, 8), ("fc1", "fc2")),
        ("paper-cnn", (1, 8, 8), ("conv1", "conv2", "fc1")),
        ("resnet20", (3, 32, 32), ("conv1", "bn1", *(f"layer{a}.{b}" for a in (1, 2, 3) for b in (0, 1, 2)))),
    ],
)
def test_stations_of_real_networks(name: str, shape: tuple[int, int, int], expected: tuple[str, ...]) -> None:
    network = build_model(name, 10, shape).eval()
    assert stations(network, noise(4, *shape)) == expected


def test_a_patched_state_speaks_for_its_image() -> None:
    """The state of one image in the place of another's gives the first one's logits, at every station."""
    network, pixels = build_model("resnet20", 10, (3, 32, 32)).eval(), noise(2, 3, 32, 32)
    names = ("layer1.1", "layer3.2")
    with torch.no_grad():
        logits = network(pixels)
    for name, state in states(network, names, pixels).items():
        assert torch.allclose(patched(network, name, state.flip(0), pixels), logits.flip(0), atol=1e-5)
    assert not hooks_of(network)


def test_a_crash_leaves_no_hook() -> None:
    network = build_model("mlp", 10, (1, 8, 8)).eval()
    with pytest.raises(RuntimeError):
        patched(network, "fc1", noise(4, 5), noise(4, 1, 8, 8))
    with pytest.raises(RuntimeError):
        states(network, ("fc1",), noise(4, 1, 9, 9))
    assert not hooks_of(network)


@pytest.mark.parametrize("shape", [(2, 3), (2, 5, 3), (2, 3, 4, 5)])
def test_rows_of_channels_and_back(shape: tuple[int, ...]) -> None:
    state = noise(*shape)
    rows = channels(state)
    assert rows.shape[1] == 3
    assert torch.equal(like(rows, state), state)


def test_pooled_is_the_mean_over_places() -> None:
    image = torch.tensor([[[[1.0, 3.0]], [[0.0, 10.0]]]])  # one example, two channels, one row of two places
    assert pooled(image).tolist() == [[2.0, 5.0]]
    tokens = torch.tensor([[[1.0, 0.0], [3.0, 10.0]]])  # one example, two tokens of two channels
    assert pooled(tokens).tolist() == [[2.0, 5.0]]
    assert pooled(image.flatten(1)).shape == (1, 4)
