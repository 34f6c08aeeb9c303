"""ResNet-18 with the two-layer classifier of the paper's CIFAR-10 experiments."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import nn

from lorasteer.tasks.vision.models.catalog import MODELS, RESNET_RECIPE, Shape


@MODELS.add("resnet18", params="11.3 million for 10 classes", paper="arXiv:1512.03385", size=(3, 32, 32), recipe=RESNET_RECIPE)
def resnet18(classes: int, shape: Shape, *, hidden: Annotated[int, Field(ge=1, le=8192)] = 256) -> nn.Module:
    """ResNet-18 (basic blocks, ImageNet stem) with a classifier of two linear layers, 512 to 256 to classes."""
    # transformers takes seconds to import; the other models do not need it.
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(
        num_channels=shape[0],
        embedding_size=64,
        hidden_sizes=[64, 128, 256, 512],
        depths=[2, 2, 2, 2],
        layer_type="basic",
    )
    config.num_labels = classes
    model = ResNetForImageClassification(config)
    model.classifier = nn.Sequential(nn.Flatten(), nn.Linear(512, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    return model
