"""Where runs and remembered things lie when no folder is named."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_dir, user_data_dir

HOME = "LORASTEER_HOME"
"""Environment variable with the folder of the runs, and of a cache beside them."""


def runs_home() -> Path:
    """Folder of the runs: in LORASTEER_HOME where it is set, else in the user's own data folder."""
    home = os.environ.get(HOME)
    return (Path(home) if home else Path(user_data_dir("lorasteer"))) / "runs"


def cache_home() -> Path:
    """Folder of remembered activations and retrained models; it can be removed at any time."""
    home = os.environ.get(HOME)
    return Path(home) / "cache" if home else Path(user_cache_dir("lorasteer"))
