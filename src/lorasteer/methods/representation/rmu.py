"""Representation misdirection (RMU): what a layer says about forget answers is steered to a fixed random direction.

Paper: Li et al., WMDP, arXiv 2403.03218; with lengths that follow the base's own states, Huu-Tien et al., arXiv 2408.06223.
Differs from the authors' code in: LoRA on the layers whose weights they train; states are those that predict the answer's tokens;
and the length of the target is by default a multiple of the base's state at each token, because a fixed one means something else
in every model. Retained examples keep the base's states at the same layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from lorasteer.changes import Change
from lorasteer.core.token_losses import misdirection, steering_vector
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan
from lorasteer.tasks.language.network import Network

REACH = 2  # blocks before the steered one that are adapted too


class MisdirectionSettings(TextAdapterSettings):
    """Settings of `rmu`."""

    layer: Annotated[int, Field(ge=0)] | None = None
    """Block whose output is steered, from 0; None takes the one after 7 of 32 parts of the model, as the authors do."""
    steering: Annotated[float, Field(gt=0)] = 2.0
    """Length of the target: a multiple of the base's own state (`relative`), or a number as it stands (`fixed`)."""
    length: Literal["relative", "fixed"] = "relative"
    """Whether the target is as long as the base's state at each token, times `steering`, or has the length `steering`."""
    layers: tuple[str, ...] = ()
    """Modules to adapt, or containers of such; empty means the last layer of the MLP in the steered block and the two before."""
    anchor_weight: Annotated[float, Field(ge=0)] = 10.0
    """Weight of the kept states beside the steered ones."""

    def usual_layers(self, network: Network) -> tuple[str, ...]:
        """The last layer of the MLP in the steered block and the two before; all their linear layers where there is none such."""
        layer = self.block(network)
        wanted = {f"{network.blocks_name}.{number}." for number in range(max(0, layer - REACH), layer + 1)}
        near = [name for name in network.linear_layers() if name.startswith(tuple(wanted))]
        return tuple(name for name in near if _widens_back(network, name)) or tuple(near)

    def block(self, network: Network) -> int:
        """Number of the steered block."""
        count = len(network.blocks)
        return min(count - 1, round(count * 7 / 32)) if self.layer is None else self.layer


def _widens_back(network: Network, name: str) -> bool:
    """Whether a layer reads more numbers than a hidden state has and gives as many: the last of an MLP."""
    weight = network.causal.get_submodule(name).get_parameter("weight")
    turned = isinstance(network.causal.get_submodule(name), Conv1D)
    reads, gives = weight.shape if turned else weight.shape[::-1]
    return gives == network.width < reads


@METHODS.add("rmu", family="representation", tasks={"language"}, needs={"labels", "retain"}, paper="arXiv:2403.03218")
@dataclass(frozen=True)
class Misdirection:
    """Steer what a layer says about forget answers to a random direction, and keep what it says about the rest."""

    settings: MisdirectionSettings
    Settings = MisdirectionSettings

    def token_loss(self, batch: TokenBatch, seed: int = 0) -> Tensor:
        """Squared distance from the target, in parts of the base's own squared states, mean over each answer's tokens."""
        direction = steering_vector(batch.hidden.shape[1], seed=seed, scale=self.settings.steering).to(batch.hidden.device)
        length = batch.reference.norm(dim=-1, keepdim=True) if self.settings.length == "relative" else 1.0
        return batch.mean(misdirection(batch.hidden, direction * length) / _size(batch))

    def kept(self, batch: TokenBatch) -> Tensor:
        """Squared distance of retained examples' states from the base's, in the same parts."""
        return batch.mean(misdirection(batch.hidden, batch.reference) / _size(batch))

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on the last layers of three MLPs, or on the layers the plan names."""
        layer = self.settings.block(material.memory.network)
        objective = TokenObjective(partial(self.token_loss, seed=plan.seed), layer=layer, anchor=self.kept)
        return train(material, plan, self.settings, Objective(tokens=objective), course)


def _size(batch: TokenBatch) -> Tensor:
    """Mean square of the base's state at each token, shape [n], so that losses mean the same in every model and layer."""
    return batch.reference.float().square().mean(-1).clamp(min=torch.finfo(torch.float32).tiny)
