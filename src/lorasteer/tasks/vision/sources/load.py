"""From words to data: `digits`, a path, a hub id, or `source:place?option=value`."""

from __future__ import annotations

import dataclasses
from typing import Any

from lorasteer.tasks.sourcing import load_from
from lorasteer.tasks.vision.data import ImageData
from lorasteer.tasks.vision.sources.catalog import SOURCES


def load_data(spec: str, **options: Any) -> ImageData:
    """Load image data whole into memory.

    Args:
        spec: A registered source (`digits`), a path or hub id whose source is recognised, or `source:place`. Options may
            follow after a question mark: `folder:pets?size=32&test_share=0.2`.
        **options: Options of the source; they win over those in `spec`.

    Returns:
        Data whose `name` is a spec that loads the same data again from anywhere on this machine.

    Raises:
        DataError: The source or an option is unknown, or what lies there cannot be read; one line with the next step.

    Example:
        >>> load_data("digits").shape
        (1, 8, 8)
    """
    data, name = load_from(SOURCES, spec, options)
    return dataclasses.replace(data, name=name)
