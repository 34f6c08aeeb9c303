"""How much weights matter: squared batch gradients, remembered under what they depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lorasteer.core.tokens import token_statistics
from lorasteer.methods.importance import importance
from lorasteer.methods.text_pools import TextPool
from lorasteer.methods.text_source import Source
from lorasteer.tasks.base import weights_digest
from tests.support.tiny_text import tiny_base, tiny_material

LAYERS = ("model.layers.1.mlp.down_proj", "model.layers.2.self_attn.q_proj")


def source(folder: Path | None = None, layers: tuple[str, ...] = ()) -> Source:
    material = tiny_material(folder=folder)
    return Source(material, material.before(layers))


def test_it_is_the_mean_squared_gradient_of_the_batches() -> None:
    """Beside plain autograd on a copy: five examples in batches of two, each weighed by its answer tokens."""
    read = source()
    found = importance(read, TextPool.of("train", np.arange(5)), LAYERS, batch_size=2)

    model = tiny_base().copy()
    network, wanted, total = read.material.network(model), torch.zeros(32, 64), 0
    for rows in ([0, 1], [2, 3], [4]):
        tokens = read.material.inputs.tokens("train", np.array(rows))
        labels = tokens.targets[2]
        said = token_statistics(network.at_targets(tokens), network.head_weight, None, labels).log_prob
        (gradient,) = torch.autograd.grad(-said.mean(), [model.get_parameter(f"{LAYERS[0]}.weight")])
        wanted, total = wanted + len(labels) * gradient.square(), total + len(labels)
    assert torch.allclose(found[LAYERS[0]], wanted / total, rtol=1e-4, atol=1e-10)


def test_remembered_states_give_the_same_and_the_base_is_not_touched() -> None:
    before, pool = weights_digest(tiny_base().model), TextPool.of("train", np.arange(6))
    whole, short = (importance(source(layers=layers), pool, LAYERS, batch_size=3) for layers in ((), LAYERS))

    assert source(layers=LAYERS).depth == 1
    assert all(torch.allclose(whole[layer], short[layer], rtol=1e-3, atol=1e-9) for layer in LAYERS)
    assert weights_digest(tiny_base().model) == before
    assert not any(parameter.requires_grad for parameter in tiny_base().model.parameters())


def test_scores_are_kept_under_examples_and_batch_size(tmp_path: Path) -> None:
    pool = TextPool.of("train", np.arange(4))
    first = importance(source(tmp_path), pool, LAYERS, batch_size=4)
    files = list((tmp_path / "importance").iterdir())
    assert len(files) == 1
    stamp = files[0].stat().st_mtime_ns

    again = importance(source(tmp_path), pool, LAYERS, batch_size=4)
    assert files[0].stat().st_mtime_ns == stamp
    assert all(torch.equal(first[layer], again[layer]) for layer in LAYERS)

    other = importance(source(tmp_path), pool, LAYERS, batch_size=2)
    importance(source(tmp_path), TextPool.of("train", np.arange(3)), LAYERS, batch_size=4)
    assert len(list((tmp_path / "importance").iterdir())) == 3
    assert not torch.allclose(first[LAYERS[0]], other[LAYERS[0]])
