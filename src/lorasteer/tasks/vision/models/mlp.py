"""A small network without convolutions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from lorasteer.tasks.vision.models.catalog import MODELS, SMALL_RECIPE, Shape


class MLP(nn.Module):
    """fc1, fc2 with ReLU, fc3; reads the flattened image."""

    def __init__(self, classes: int, shape: Shape, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(shape[0] * shape[1] * shape[2], width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [batch, classes] of preprocessed images [batch, channels, height, width]."""
        x = functional.relu(self.fc1(pixels.flatten(1)))
        logits: Tensor = self.fc3(functional.relu(self.fc2(x)))
        return logits


@MODELS.add("mlp", params="8,970 for 8x8 grey images, 10 classes and width 64", size=(1, 8, 8), recipe=SMALL_RECIPE)
def mlp(classes: int, shape: Shape, *, width: Annotated[int, Field(ge=1, le=8192)] = 64) -> nn.Module:
    """Two hidden layers on the flattened image; fast enough for tests and first tries."""
    return MLP(classes, shape, width)
