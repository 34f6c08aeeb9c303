"""A model cut in two says what the whole one says, for every family of models and every layer, and is left as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lorasteer.changes.adapter import exactly, wrap_model
from lorasteer.errors import PlanError
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.modules import adaptable
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.prefix import Cut, find_cut, record, replay
from lorasteer.tasks.tensors import copy_structure
from lorasteer.tasks.vision.models import build_model
from tests.support.errors import refuses
from tests.support.models import save_tiny_vit
from tests.support.toy import hooks_of


class Skipping(nn.Module):
    """A skip connection round a block's inner layer, and one round a layer at the top."""

    class Block(nn.Module):
        """The input and what the inner layer says to it."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.inner(x)

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.block, self.bare, self.head = nn.Linear(16, 8), self.Block(), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.block(self.stem(pixels.flatten(1)))
        x = x + self.bare(x)
        return self.head(x)


class Twice(nn.Module):
    """One linear layer and one activation used in two places each."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.shared, self.middle, self.head = nn.Linear(16, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.act = nn.GELU()

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.act(self.shared(self.act(self.shared(self.stem(pixels.flatten(1))))))
        return self.head(self.act(self.middle(x)))


class Functional(nn.Module):
    """Plain operations everywhere: padding, indexing, writing in place, products, two inputs, one by name."""

    class Join(nn.Module):
        """Called with a tuple and a number by name; answers with a dict."""

        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(4, 6), nn.Linear(5, 6)

        def forward(self, first: Tensor, *, second: tuple[Tensor, Tensor], factor: float) -> dict[str, Tensor]:
            return {"sum": self.left(first) + factor * self.right(second[0] * second[1])}

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.join, self.head = nn.Conv2d(1, 3, 3, stride=2), self.Join(), nn.Linear(6, 3, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        x = functional.pad(self.conv(pixels), (0, 1, 1, 0)).flatten(1)[:, :9] * 2
        x[:, 0] += 1
        joined = self.join(x[:, :4], second=(x[:, 4:], torch.ones_like(x[:, 4:])), factor=0.5)["sum"]
        return torch.einsum("nk,kj->nj", self.head(joined), torch.eye(3))


class Choosing(nn.Module):
    """What it does depends on the numbers of a layer before the head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(16, 8), nn.Linear(8, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.stem(pixels.flatten(1))
        return self.head(x if x.mean() > 0 else -x)


def sequential() -> nn.Module:
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        nn.Conv2d(4, 2, 1), nn.Flatten(), nn.Linear(32, 8), nn.Tanh(), nn.Linear(8, 3),
    )  # fmt: skip


def tiny_vit() -> nn.Module:
    with TemporaryDirectory() as folder:
        return build_model(str(save_tiny_vit(Path(folder))), 3, (1, 8, 8))


FAMILIES: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "paper-cnn": (lambda: build_model("paper-cnn", 3, (1, 8, 8)), (1, 8, 8)),
    "mlp": (lambda: build_model("mlp", 3, (1, 4, 4)), (1, 4, 4)),
    "resnet18": (lambda: build_model("resnet18", 3, (3, 32, 32), hidden=8), (3, 32, 32)),
    "resnet20": (lambda: build_model("resnet20", 3, (3, 16, 16)), (3, 16, 16)),
    "vit": (tiny_vit, (1, 8, 8)),
    "sequential": (sequential, (1, 4, 4)),
    "skipping": (Skipping, (1, 4, 4)),
    "twice": (Twice, (1, 4, 4)),
    "functional": (Functional, (1, 8, 8)),
    "choosing": (Choosing, (1, 4, 4)),
}

BOUNDARIES = {
    "paper-cnn": {"conv1": "conv1", "conv2": "conv2", "fc1": "fc1", "fc2": "fc2"},
    "mlp": {"fc1": "fc1", "fc2": "fc2", "fc3": "fc3"},
    "resnet18": {
        "resnet.encoder.stages.3.layers.1.layer.0.convolution": "resnet.encoder.stages.3.layers.1",
        "classifier.1": "classifier.1", "classifier.3": "classifier.3",
    },
    "resnet20": {"layer3.1.conv2": "layer3.1", "layer1.0.conv1": "layer1.0", "linear": "linear"},
    "vit": {"classifier": "classifier"},
    "sequential": {"0.0": "0.0", "1": "1", "3": "3", "5": "5"},
    "skipping": {"stem": "stem", "block.inner": "block", "bare": "", "head": "head"},
    "twice": {"stem": "stem", "shared": "", "middle": "middle", "head": "head"},
    "functional": {"conv": "conv", "join.left": "join", "join.right": "join", "head": "head"},
    "choosing": {"head": "head"},
}  # fmt: skip
"""Where each layer's cut is to lie when any cut is welcome: a skip connection moves it outwards, a second call forbids it."""


@cache
def network(family: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = FAMILIES[family][0]()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):  # statistics that are not 0 and 1
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    return model.eval().requires_grad_(False)


def images(family: str, n: int, seed: int = 1) -> Tensor:
    return torch.randn(n, *FAMILIES[family][1], generator=torch.Generator().manual_seed(seed))


def adapted(model: nn.Module, layer: str) -> nn.Module:
    """A view of the model with a random adapter on one layer, strong enough to change every answer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        config = {"r": 1, "lora_alpha": 2, "target_modules": exactly([layer]), "init_lora_weights": False}
        wrapped = wrap_model(copy_structure(model), config)
    network: nn.Module = wrapped.eval().get_base_model()
    return network


def full(model: nn.Module, pixels: Tensor) -> Tensor:
    with torch.no_grad():
        return logits_of(model(pixels))


def split(model: nn.Module, base: nn.Module, cut: Cut, pixels: Tensor) -> Tensor:
    with torch.no_grad(), replay(model, cut, pixels.shape[1:]) as run:
        return run(record(base, cut, pixels))


@pytest.mark.parametrize("family", FAMILIES)
def test_both_parts_together_say_what_the_whole_says(family: str) -> None:
    """For each layer that can carry an adapter: without one, and with a random one on that layer."""
    model, pixels = network(family), images(family, 5)
    before, wanted = weights_digest(model), full(network(family), pixels)
    boundaries = {}
    for layer in adaptable(model):
        cut = find_cut(model, (layer,), images(family, 4), worth_it=0.0)
        boundaries[layer] = cut.boundary
        twin = copy_structure(model)
        torch.testing.assert_close(split(twin, model, cut, pixels), wanted, rtol=1e-5, atol=1e-5)
        changed = adapted(model, layer)
        told = full(changed, pixels)
        assert not torch.allclose(told, wanted, rtol=0, atol=1e-4), layer
        torch.testing.assert_close(split(changed, model, cut, pixels), told, rtol=1e-5, atol=1e-5)
        assert hooks_of(twin) == hooks_of(changed) == []
    assert {layer: boundaries[layer] for layer in BOUNDARIES[family]} == BOUNDARIES[family]
    assert hooks_of(model) == []
    assert weights_digest(model) == before


def test_gradients_of_the_adapter_are_those_of_the_whole_model() -> None:
    model, pixels = network("resnet20"), images("resnet20", 5)
    cut = find_cut(model, ("layer3.2.conv2",), pixels)
    assert cut.boundary == "layer3.2"
    changed = adapted(model, "layer3.2.conv2")
    free = [parameter for name, parameter in changed.named_parameters() if "lora_" in name]
    for parameter in free:
        parameter.requires_grad_()
    whole = torch.autograd.grad(logits_of(changed(pixels)).square().sum(), free)
    with replay(changed, cut, pixels.shape[1:]) as run:
        parts = torch.autograd.grad(run(record(model, cut, pixels)).square().sum(), free)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


ROOTS = {
    ("paper-cnn", "fc2"): "fc2", ("resnet18", "classifier.1"): "classifier", ("resnet18", "classifier.3"): "classifier.3",
    ("resnet20", "linear"): "linear", ("resnet20", "layer3.1.conv2"): "", ("vit", "classifier"): "classifier",
    ("sequential", "3"): "", ("twice", "head"): "head", ("skipping", "block.inner"): "",
}  # fmt: skip


@pytest.mark.parametrize(("family", "layer"), ROOTS)
def test_a_replay_runs_the_smallest_module_that_gives_the_logits(family: str, layer: str) -> None:
    """Beside it nothing runs: the whole model's own forward is broken here."""
    model, pixels = copy_structure(network(family)), images(family, 5)
    cut = find_cut(model, (layer,), images(family, 4), worth_it=0.0)
    assert cut.root == ROOTS[family, layer]
    wanted, rows = full(model, pixels), record(model, cut, pixels)
    if cut.root:
        model.forward = None
    with torch.no_grad(), replay(model, cut, pixels.shape[1:]) as run:
        torch.testing.assert_close(run(rows), wanted, rtol=1e-5, atol=1e-5)


def test_logits_that_are_changed_after_their_module_need_the_whole_model() -> None:
    class Scaled(nn.Module):
        def __init__(self, *, in_place: bool) -> None:
            super().__init__()
            self.stem, self.head, self.in_place = nn.Linear(16, 8), nn.Linear(8, 3), in_place

        def forward(self, pixels: Tensor) -> Tensor:
            logits = self.head(self.stem(pixels.flatten(1)))
            return logits.mul_(0.5) if self.in_place else logits * 0.5

    for in_place in (True, False):
        model = Scaled(in_place=in_place).eval()
        cut = find_cut(model, ("head",), images("mlp", 4), worth_it=0.0)
        assert (cut.boundary, cut.root) == ("head", "")
        pixels = images("mlp", 5)
        torch.testing.assert_close(split(copy_structure(model), model, cut, pixels), full(model, pixels))


def test_a_known_answer_comes_with_the_rows() -> None:
    """The adapted layer's own product is not computed: its weights may be anything."""
    model, pixels = network("resnet18"), images("resnet18", 5)
    cut = find_cut(model, ("classifier.1",), images("resnet18", 4))
    changed = adapted(model, "classifier.1")
    wanted, rows = full(changed, pixels), record(model, cut, pixels)
    frozen = changed.get_submodule("classifier.1.base_layer")
    known = frozen(rows[0])
    with torch.no_grad():
        frozen.weight = nn.Parameter(torch.full_like(frozen.weight, torch.nan))
        with replay(changed, cut, pixels.shape[1:], known="classifier.1.base_layer") as run:
            torch.testing.assert_close(run([*rows, known]), wanted, rtol=1e-5, atol=1e-5)
    assert "forward" not in frozen.__dict__


def test_several_layers_are_cut_before_the_first() -> None:
    model = network("resnet20")
    assert find_cut(model, ("linear", "layer3.1.conv1", "layer3.2.conv2"), images("resnet20", 4)).boundary == "layer3.1"


@pytest.mark.parametrize(("family", "layer"), [("paper-cnn", "conv1"), ("mlp", "fc1"), ("resnet20", "layer1.0.conv1")])
def test_a_cut_that_saves_little_is_not_made(family: str, layer: str) -> None:
    cut = find_cut(network(family), (layer,), images(family, 4))
    assert cut == Cut("")
    torch.testing.assert_close(
        split(network(family), network(family), cut, images(family, 5)), full(network(family), images(family, 5))
    )


def test_the_saved_share_worked_by_hand() -> None:
    """Linear 16 -> 64, 64 -> 64, 64 -> 3 on flat images: 1024, 4096 and 192 products; before fc3 lie 5120 of 5312."""
    cut = find_cut(network("mlp"), ("fc3",), images("mlp", 4))
    assert (cut.boundary, cut.saved) == ("fc3", pytest.approx(5120 / 5312))
    assert find_cut(network("mlp"), ("fc2",), images("mlp", 4), worth_it=0.1).saved == pytest.approx(1024 / 5312)


def test_a_convolutions_work_counts_its_places() -> None:
    """3x3 from 1 to 4 channels on 4x4 places: 4 * 9 * 16 = 576; 1x1 from 4 to 2: 128; 32 -> 8: 256; 8 -> 3: 24."""
    cut = find_cut(network("sequential"), ("5",), images("sequential", 4))
    assert cut.saved == pytest.approx((576 + 128 + 256) / (576 + 128 + 256 + 24))


def test_rows_much_wider_than_the_images_are_not_remembered() -> None:
    wide = nn.Sequential(nn.Flatten(), nn.Linear(16, 16 * 65), nn.Linear(16 * 65, 8), nn.Linear(8, 3)).eval()
    assert find_cut(wide, ("2",), images("mlp", 4), worth_it=0).boundary == ""
    assert find_cut(wide, ("3",), images("mlp", 4), worth_it=0).boundary == "3"


def test_no_layers_need_no_cut_and_unknown_or_idle_ones_are_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).eval()
    assert find_cut(model, (), images("mlp", 4)) == Cut("")
    with refuses(PlanError, "'fc9' is no module"):
        find_cut(model, ("fc9",), images("mlp", 4))
    model.add_module("idle", nn.Linear(3, 3))
    model.forward = lambda pixels: model[1](model[0](pixels))
    with refuses(PlanError, "idle", "runs"):
        find_cut(model, ("idle",), images("mlp", 4))


@pytest.mark.parametrize("family", ["paper-cnn", "resnet20", "vit"])
def test_nothing_is_left_behind_after_a_wrong_input(family: str) -> None:
    model, (channels, height, width) = network(family), FAMILIES[family][1]
    head = adaptable(model)[-1]
    cut = find_cut(model, (head,), images(family, 4))
    wrong = torch.zeros(4, channels + 1, height, width)
    for attempt in (lambda: find_cut(model, (head,), wrong), lambda: record(model, cut, wrong)):
        with pytest.raises((RuntimeError, ValueError)):
            attempt()
        assert hooks_of(model) == []
    narrow = [row[..., :-1] for row in record(model, cut, images(family, 2))]
    with pytest.raises(RuntimeError), replay(model, cut, (channels, height, width)) as run:
        run(narrow)
    assert hooks_of(model) == []


def test_nothing_is_left_behind_after_an_error_in_the_block() -> None:
    model = copy_structure(network("paper-cnn"))
    cut = find_cut(model, ("fc1",), images("paper-cnn", 4))
    with replay(model, cut, (1, 8, 8)):
        assert hooks_of(model) == ["conv1", "conv2", "fc1"]
    with pytest.raises(ValueError, match="mine"), replay(model, cut, (1, 8, 8)):
        raise ValueError("mine")
    assert hooks_of(model) == []


def test_a_forward_that_was_replaced_by_others_is_put_back() -> None:
    model = copy_structure(network("paper-cnn"))
    cut = find_cut(model, ("fc1",), images("paper-cnn", 4))
    theirs = model.conv1.forward
    model.conv1.forward = theirs
    with replay(model, cut, (1, 8, 8)):
        assert model.conv1.forward is not theirs
    assert model.conv1.forward is theirs


def test_the_first_part_does_not_run_while_replaying() -> None:
    model = copy_structure(network("paper-cnn"))
    cut = find_cut(model, ("fc1",), images("paper-cnn", 4))
    rows = record(model, cut, images("paper-cnn", 5))
    for layer in (model.conv1, model.conv2):
        layer.weight = None
    with torch.no_grad(), replay(model, cut, (1, 8, 8)) as run:
        torch.testing.assert_close(run(rows), full(network("paper-cnn"), images("paper-cnn", 5)))
