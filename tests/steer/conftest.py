"""The toy data set and a held-out part of it, as fixtures."""

from __future__ import annotations

import numpy as np
import pytest

from lorasteer.tasks.splits import Holdout
from lorasteer.tasks.vision.data import ImageData
from tests.steer.toy import CLASSES, examples


@pytest.fixture
def data() -> ImageData:
    """36 training and 18 test examples of three classes."""
    return ImageData("toy", CLASSES, examples("train", 36), examples("test", 18))


@pytest.fixture
def holdout() -> Holdout:
    """The first example of each class."""
    return Holdout("train", np.array([0, 1, 2]))
