"""What training can change in a model: looked up once, copied, put back and checked as often as needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lorasteer.tasks.tensors import Tensors


@dataclass(frozen=True)
class Learned:
    """The tensors of a model that training changes, the live ones, by name.

    Going through all modules of a network costs more than a small training step, so a run makes this list once.

    Args:
        parameters: Those that require a gradient.
        buffers: Those of modules in training mode (BatchNorm statistics); the others cannot change.
    """

    parameters: dict[str, nn.Parameter]
    buffers: dict[str, Tensor]

    @classmethod
    def of(cls, model: nn.Module) -> Learned:
        """List them as the model is now; setting modules to another mode afterwards does not change the list."""
        parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        buffers = {
            f"{name}.{own}" if name else own: buffer
            for name, module in model.named_modules()
            if module.training
            for own, buffer in module.named_buffers(recurse=False)
        }
        return cls(parameters, buffers)

    @property
    def size(self) -> int:
        """How many numbers learn."""
        return sum(parameter.numel() for parameter in self.parameters.values())

    @property
    def device(self) -> torch.device:
        """Where the first of them lies; the CPU where nothing learns."""
        return next((parameter.device for parameter in self.parameters.values()), torch.device("cpu"))

    @property
    def devices(self) -> list[int]:
        """Numbers of the GPUs they lie on."""
        return sorted({p.device.index or 0 for p in self.parameters.values() if p.device.type == "cuda"})

    def copy(self) -> Tensors:
        """Copies of all of them."""
        return {name: tensor.detach().clone() for name, tensor in self._all().items()}

    def restore(self, kept: Tensors) -> None:
        """Put copies back into the model."""
        live = self._all()
        with torch.no_grad():
            for name, value in kept.items():
                live[name].copy_(value)

    def are_finite(self) -> bool:
        """Whether each is a finite number."""
        return _finite(self._all().values())

    def _all(self) -> dict[str, Tensor]:
        return {**self.parameters, **self.buffers}


def _finite(tensors: Iterable[Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors)
