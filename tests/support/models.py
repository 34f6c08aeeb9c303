"""Tiny networks made on the spot, and a factory for models named from Python."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn


def save_tiny_vit(
    folder: Path, *, classes: int = 3, image_size: int = 8, channels: int = 1, seed: int = 0, mean: float | None = None
) -> Path:
    """Write an untrained two-layer ViT of width 16 in the layout of `save_pretrained`.

    Args:
        folder: Where to; made if missing.
        classes: Number of classes.
        image_size: Side of the images in pixels, a multiple of 4.
        channels: Channels of the images.
        seed: Seed of its weights.
        mean: Mean of each channel for `preprocessor_config.json`, with a spread of 0.25; no such file when left out.

    Returns:
        The folder.
    """
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=image_size,
        patch_size=4,
        num_channels=channels,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    config.num_labels = classes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        ViTForImageClassification(config).save_pretrained(folder)
    if mean is not None:
        stated = {"image_mean": [mean] * channels, "image_std": [0.25] * channels}
        (folder / "preprocessor_config.json").write_text(json.dumps(stated))
    return folder


def linear_classifier(classes: int, shape: tuple[int, int, int], bias: bool = True) -> nn.Module:
    """A factory as users write them: flatten and one linear layer."""
    channels, height, width = shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, classes, bias=bias))
