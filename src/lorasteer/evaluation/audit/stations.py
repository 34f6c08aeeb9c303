"""The stations of a network: modules through whose output all information flows, and what is said and changed there.

A station's output is a whole state of the forward pass: whoever replaces it by that of another image gets that image's logits.
This is not assumed but tried for each candidate, so a module that a skip connection goes round is never called a station.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lorasteer.tasks.activations import FORWARD, Inputs
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.splits import Index, Part

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_PROBES = 4


def stations(network: nn.Module, probe: Tensor) -> tuple[str, ...]:
    """Names of the main blocks in the order in which they speak; the one that gives the logits is left out.

    Containers are opened; a block with a skip connection inside it counts as one.

    Args:
        network: In evaluation mode; left without hooks.
        probe: Model input of at least two examples that differ.
    """
    probe = probe[:_PROBES]
    said: dict[str, Any] = {}
    calls: dict[str, int] = {}
    handles = []

    def listen(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            said[name], calls[name] = output, calls.get(name, 0) + 1

        return hook

    for name, module in network.named_modules():
        if name:
            handles.append(module.register_forward_hook(listen(name)))
    try:
        with torch.no_grad():
            logits = logits_of(network(probe))
    finally:
        for handle in handles:
            handle.remove()

    def is_station(name: str) -> bool:
        state = said.get(name)
        if not isinstance(state, Tensor) or state.dim() < 2 or len(state) != len(probe) or calls[name] != 1:
            return False
        return state is not logits and _carries_all(network, name, state, probe, logits)

    return tuple(sorted(_main_blocks(network, "", is_station), key=list(said).index))


def _main_blocks(module: nn.Module, name: str, is_station: Callable[[str], bool]) -> list[str]:
    found = []
    for child_name, child in module.named_children():
        full = f"{name}.{child_name}" if name else child_name
        if not any(True for _ in child.parameters()):
            continue
        if not isinstance(child, _CONTAINERS) and is_station(full):
            found.append(full)
        elif any(True for _ in child.children()):
            found += _main_blocks(child, full, is_station)
    return found


def _carries_all(network: nn.Module, name: str, state: Tensor, probe: Tensor, logits: Tensor) -> bool:
    """Whether the states of other images give those images' logits, bit for bit up to rounding."""
    turned = patched(network, name, state.roll(1, 0), probe)
    return torch.allclose(turned, logits.roll(1, 0), rtol=1e-4, atol=1e-5)


def states(network: nn.Module, names: Sequence[str], pixels: Tensor) -> dict[str, Tensor]:
    """What the named modules say, without gradients; the network is left without hooks."""
    kept: dict[str, Tensor] = {}

    def listen(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            kept[name] = output.detach()

        return hook

    handles = [network.get_submodule(name).register_forward_hook(listen(name)) for name in names]
    try:
        with torch.no_grad():
            network(pixels)
    finally:
        for handle in handles:
            handle.remove()
    return kept


def patched(network: nn.Module, name: str, state: Tensor, pixels: Tensor) -> Tensor:
    """Logits where a module says `state` instead of its own output, float32; the network is left without hooks."""
    handle = network.get_submodule(name).register_forward_hook(lambda module, args, output: state)
    try:
        with torch.no_grad():
            return logits_of(network(pixels)).float()
    finally:
        handle.remove()


def channels(state: Tensor) -> Tensor:
    """A state as rows of channels, one row for each place of each example: [n, c, h, w] -> [n h w, c]; [n, t, c] -> [n t, c]."""
    return state.movedim(1, -1).flatten(0, -2) if state.dim() == 4 else state.flatten(0, -2)


def like(rows: Tensor, state: Tensor) -> Tensor:
    """Rows of channels in the shape of a state; undoes `channels`."""
    if state.dim() == 4:
        n, c, h, w = state.shape
        return rows.reshape(n, h, w, c).movedim(-1, 1).contiguous()
    return rows.reshape(state.shape)


def pooled(state: Tensor) -> Tensor:
    """One row per example: the mean over places, shape [n, channels]."""
    if state.dim() == 4:
        return state.mean((2, 3))
    return state.mean(tuple(range(1, state.dim() - 1))) if state.dim() > 2 else state


def features(network: nn.Module, names: Sequence[str], inputs: Inputs, part: Part, index: Index) -> dict[str, Tensor]:
    """Pooled states of some examples at each station, float32, shape [n, channels] each."""
    gathered: dict[str, list[Tensor]] = {name: [] for name in names}
    for start in range(0, len(index), FORWARD):
        for name, state in states(network, names, inputs.batch(part, index[start : start + FORWARD])).items():
            gathered[name].append(pooled(state).float())
    return {name: torch.cat(rows) for name, rows in gathered.items()}
