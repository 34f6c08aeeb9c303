"""Shape annotations of `lorasteer.core` are checked while the tests run."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError

from lorasteer.core.losses import cross_entropy


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(TypeCheckError, match="cross_entropy"):
        cross_entropy(torch.zeros(3), torch.zeros(2, dtype=torch.long))
