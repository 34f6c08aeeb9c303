"""The paper's CNN: two convolutions, two linear layers."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from lorasteer.errors import PlanError
from lorasteer.tasks.vision.models.catalog import MODELS, SMALL_RECIPE, Shape


class PaperCNN(nn.Module):
    """conv1 (32), conv2 (64), each 3x3 with ReLU and 2x2 max-pool; fc1 (128) with ReLU; fc2 (classes)."""

    def __init__(self, classes: int, shape: Shape) -> None:
        super().__init__()
        channels, height, width = shape
        self.conv1 = nn.Conv2d(channels, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * (height // 4) * (width // 4), 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [batch, classes] of preprocessed images [batch, channels, height, width]."""
        x = functional.max_pool2d(functional.relu(self.conv1(pixels)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        logits: Tensor = self.fc2(functional.relu(self.fc1(x.flatten(1))))
        return logits


@MODELS.add("paper-cnn", params="421,642 for 28x28 grey images and 10 classes", size=(1, 28, 28), recipe=SMALL_RECIPE)
def paper_cnn(classes: int, shape: Shape) -> nn.Module:
    """Two convolutions and two linear layers, the small network of the paper's MNIST experiments."""
    if min(shape[1:]) < 4:
        raise PlanError(
            f"model 'paper-cnn' pools twice and needs images of at least 4x4, got {shape[1]}x{shape[2]}. "
            "Load larger images, or choose model 'mlp'."
        )
    return PaperCNN(classes, shape)
