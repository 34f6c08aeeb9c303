"""What a model answers, whatever it wraps it in."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lorasteer.errors import PlanError


def logits_of(output: Any) -> Tensor:
    """Logits of a model's answer: the tensor itself, or its `logits` field as transformers models give it.

    Raises:
        PlanError: The answer is neither.
    """
    logits = getattr(output, "logits", output)
    if isinstance(logits, Tensor):
        return logits
    raise PlanError(f"the model answers with {type(output).__name__}; a tensor of logits or an object with `.logits` is needed.")
