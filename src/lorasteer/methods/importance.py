"""How much each weight matters for some examples: the squared gradient of their loss, remembered on disk.

The gradient is that of a batch's mean cross-entropy per answer token, squared and averaged over batches by their tokens, as the
authors of FILA do it (Cha et al., ICLR 2025, arXiv 2408.06621). That is not the Fisher information, which squares each example's
gradient: the larger the batch, the smaller the numbers. So scores are kept under the batch size as well as the digests of model
and data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from lorasteer.core.tokens import token_statistics
from lorasteer.methods.text_pools import TextPool
from lorasteer.methods.text_source import Source, Text
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.tensors import Tensors, read_tensors, write_tensors


def importance(source: Source, pool: TextPool, layers: Sequence[str], *, batch_size: int) -> Tensors:
    """Mean squared batch gradient of each weight of some linear layers, float32, [out, in] by name of the layer.

    Args:
        source: Reads the examples.
        pool: Which ones; weights are not looked at.
        layers: Names of linear layers in or behind the block that the source begins with.
        batch_size: Examples whose mean loss is one gradient.
    """
    path = _path(source, pool, layers, batch_size)
    if path is not None and path.is_file():
        return read_tensors(path)[0]
    texts = (source.read(sample, reference=False) for sample in pool.blocks(batch_size))
    found = measured(source, texts, layers)
    if path is not None:
        write_tensors(path, found)
    return found


def measured(source: Source, texts: Iterable[Text], layers: Sequence[str]) -> Tensors:
    """The same for batches of text, computed now."""
    model = source.material.standing.view()
    weights = dict(_free(model, layers))
    network, count = Network.of(model), 0
    total = {layer: torch.zeros_like(weight, dtype=torch.float32) for layer, weight in weights.items()}
    for text in texts:
        gradients, tokens = _gradients(network, source.depth, text, list(weights.values()))
        for layer, gradient in zip(weights, gradients, strict=True):
            total[layer] += tokens * gradient.float().square()
        count += tokens
    upright = ((layer, sums / max(1, count), model.get_submodule(layer)) for layer, sums in total.items())
    return {layer: mean.T.contiguous() if isinstance(module, Conv1D) else mean for layer, mean, module in upright}


def _free(model: nn.Module, layers: Sequence[str]) -> Iterator[tuple[str, nn.Parameter]]:
    """Let the weights of some layers of a view take gradients; the numbers stay the base's, and nobody steps."""
    for layer in layers:
        module = model.get_submodule(layer)
        weight = nn.Parameter(module.get_parameter("weight").detach())
        module.weight = weight
        yield layer, weight


def _gradients(network: Network, depth: int, text: Text, weights: Sequence[Tensor]) -> tuple[Sequence[Tensor], int]:
    """Gradient of the mean loss of the text's answer tokens, and how many they are."""
    start = None if text.states is None else (depth, text.states)
    with torch.enable_grad():
        hidden = network.at_targets(text.tokens, start=start)
        labels = text.tokens.targets[2].to(hidden.device)
        said = token_statistics(hidden, network.head_weight, network.head_bias, labels).log_prob
        gradients = torch.autograd.grad(-said.mean(), weights, allow_unused=True)
    filled = [torch.zeros_like(of) if got is None else got for got, of in zip(gradients, weights, strict=True)]
    return filled, len(labels)


def _path(source: Source, pool: TextPool, layers: Sequence[str], batch_size: int) -> Path | None:
    """Where the scores lie; None where nothing is kept on disk."""
    material = source.material
    if material.memory.folder is None:
        return None
    about = f"{material.standing.digest} {material.inputs.digest} {pool.part} {' '.join(layers)} batch {batch_size}"
    key = hashlib.sha256(about.encode())
    key.update(pool.index.tobytes())
    return material.memory.folder / "importance" / f"{key.hexdigest()[:32]}.safetensors"
