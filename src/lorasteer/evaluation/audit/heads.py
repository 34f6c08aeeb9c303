"""Many linear classifiers at once: one matrix product answers for all of them, and each learns from its own examples alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

LEAST_STEPS = 300  # below it last layers on few examples would have learned nothing by heart yet


def train_heads(
    features: Tensor,
    labels: Tensor,
    inside: Tensor,
    classes: int,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Train k linear classifiers, each on a subset of the same examples, by AdamW with a falling learning rate.

    An example outside a classifier's subset has weight 0 in its loss, so it cannot move it: AdamW steps each number by its own
    gradients. All see the same batches, so a step is a step of every classifier, on its part of the batch.

    Args:
        features: What the classifiers read, float32, shape [n, d].
        labels: Class numbers, int64, shape [n].
        inside: Which examples each learns from, bool, shape [k, n].
        classes: Number of classes.
        epochs: Passes over the examples; more where that would make fewer than 300 steps.
        learning_rate: At the start, for features of mean square 1; they are scaled to that, and the weights back.
        batch_size: Examples of a step, of which each classifier sees its share.
        seed: Fixes first weights and order.

    Returns:
        Weights, shape [k, classes, d], and biases, shape [k, classes].
    """
    count, width = len(inside), features.shape[1]
    generator = torch.Generator().manual_seed(seed)
    scale = features.double().square().mean().sqrt().clamp(min=1e-12).float()
    scaled, weights_of = features / scale, inside.T.float()
    weight = torch.randn(width, count * classes, generator=generator) / width**0.5
    bias = torch.zeros(count * classes)
    learned = [weight.requires_grad_(True), bias.requires_grad_(True)]
    optimizer = torch.optim.AdamW(learned, learning_rate, weight_decay=0.0, fused=True)
    a_pass = -(-len(features) // batch_size)
    epochs = max(epochs, -(-LEAST_STEPS // a_pass))
    steps = epochs * a_pass
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))
    with torch.enable_grad():
        for _ in range(epochs):
            order = torch.randperm(len(features), generator=generator)
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                said = torch.addmm(bias, scaled[chosen], weight).view(len(chosen) * count, classes)
                optimizer.zero_grad()
                torch.autograd.backward(_own_losses(said, labels[chosen], weights_of[chosen]))
                optimizer.step()
                decay.step()
    shaped = weight.detach().view(width, count, classes).permute(1, 2, 0) / scale
    return shaped.contiguous(), bias.detach().view(count, classes).contiguous()


def _own_losses(said: Tensor, labels: Tensor, counted: Tensor) -> Tensor:
    """Sum over classifiers of the mean loss on those examples of a batch that each learns from."""
    losses = F.cross_entropy(said, labels.repeat_interleave(counted.shape[1]), reduction="none").view_as(counted)
    return ((losses * counted).sum(0) / counted.sum(0).clamp(min=1)).sum()
