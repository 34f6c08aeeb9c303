"""A ground of noise whose shadow models are trained once for all tests of membership."""

from __future__ import annotations

import numpy as np
import pytest

from lorasteer.evaluation.audit.lira import LiraSettings
from lorasteer.evaluation.audit.shadows import shadow_models
from lorasteer.evaluation.audit.subject import Ground
from tests.support.noise import SIDE, Noise, noise_ground, subject_of, taught


@pytest.fixture(scope="session")
def shadowed() -> Ground:
    """Noise learned by heart, a model retrained without the forget set, and 16 full shadow models."""
    ground = noise_ground(retrained=(subject_of("retrained", taught(Noise(), np.arange(SIDE, 2 * SIDE), 8)),))
    shadow_models(ground, LiraSettings(kind="full", shadows=16))
    return ground
