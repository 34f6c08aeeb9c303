"""Pictures for the documentation are small, and there is one of every page in both looks and widths."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from scripts.screenshots import FOLDER, LARGEST, SCHEMES, SIZES, compressed

PAGES = ("library", "workbench", "compare", "export")


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_a_busy_picture_is_made_smaller_until_it_fits() -> None:
    noise = np.random.default_rng(0).normal(128, 25, (150, 267, 3)).clip(0, 255).astype("u1")
    busy = png(noise.repeat(3, 0).repeat(3, 1))
    taken = compressed(busy)
    assert len(taken) < LARGEST < len(busy)
    assert Image.open(io.BytesIO(taken)).size == (801, 450)


def test_a_plain_picture_keeps_its_colors() -> None:
    taken = Image.open(io.BytesIO(compressed(png(np.full((40, 60, 3), (59, 76, 202), "u1"))))).convert("RGB")
    assert np.abs(np.asarray(taken).astype(int) - (59, 76, 202)).max() < 6


@pytest.mark.parametrize("page", PAGES)
def test_every_page_was_taken(page: str) -> None:
    taken = {path.name: path.stat().st_size for path in FOLDER.glob(f"{page}-*.webp")}
    assert sorted(taken) == sorted(f"{page}-{scheme}-{size}.webp" for scheme in SCHEMES for size in SIZES)
    assert max(taken.values()) < LARGEST
