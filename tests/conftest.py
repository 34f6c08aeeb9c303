"""What every test shares: the real data where it exists, one thread, repeatable random examples, and no network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded; sums depend on the number of threads
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")


def data_folder() -> Path:
    """Where the real data sets are looked for; the folder need not exist."""
    return Path(os.environ.get("LORASTEER_DATA") or ROOT.parent / "shared" / "data").resolve()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked `realdata`, each by name, where there is no real data."""
    folder = data_folder()
    if folder.is_dir():
        return
    reason = f"no real data at {folder}; set LORASTEER_DATA to the folder that holds it"
    for item in items:
        if item.get_closest_marker("realdata"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def shared_data(pytestconfig: pytest.Config) -> Path:
    """Folder of the real data sets. Tests that use it are marked `realdata`."""
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set LORASTEER_DATA to the folder that holds it")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Results are equal bit for bit only at an equal number of threads."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing a test does by default lands in the user's own cache or data folder."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
            patch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
        yield
