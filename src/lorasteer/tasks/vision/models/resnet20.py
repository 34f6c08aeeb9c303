"""ResNet-20, the small residual network made for CIFAR-10."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from lorasteer.tasks.vision.models.catalog import MODELS, RESNET_RECIPE, Shape


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters (option A of the paper)."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__()
        self.grows = outgoing != incoming
        self.conv1 = nn.Conv2d(incoming, outgoing, 3, stride=2 if self.grows else 1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outgoing)
        self.conv2 = nn.Conv2d(outgoing, outgoing, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outgoing)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, incoming, h, w] to [batch, outgoing, h, w], or half of h and w where the channels double."""
        out = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(out + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        if not self.grows:
            return x
        extra = x.shape[1] // 2  # doubled channels: half as many zeros before and after
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, extra, extra))


class ResNet20(nn.Module):
    """conv1 and bn1 (16 channels); layer1, layer2, layer3 of three blocks each (16, 32, 64); mean over places; linear."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16), Block(16, 16), Block(16, 16))
        self.layer2 = nn.Sequential(Block(16, 32), Block(32, 32), Block(32, 32))
        self.layer3 = nn.Sequential(Block(32, 64), Block(64, 64), Block(64, 64))
        self.linear = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [batch, classes] of preprocessed images [batch, channels, height, width]."""
        x = functional.relu(self.bn1(self.conv1(pixels)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


@MODELS.add(
    "resnet20",
    params="269,722 for colour images and 10 classes",
    paper="arXiv:1512.03385",
    size=(3, 32, 32),
    recipe=RESNET_RECIPE,
)
def resnet20(classes: int, shape: Shape) -> nn.Module:
    """ResNet-20 for CIFAR-10 with parameter-free shortcuts, as in section 4.2 of He et al."""
    return ResNet20(classes, shape[0])
