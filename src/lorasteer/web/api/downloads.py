"""What was made to be taken away: files by names that say nothing about where they lie."""

from __future__ import annotations

import secrets
from pathlib import Path

from lorasteer.web.security import Refusal, check_id

_MOST = 64


class Downloads:
    """Files that may be downloaded; the newest are kept."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[Path, str]] = {}

    def put(self, path: Path, name: str) -> str:
        """Make a file downloadable and give its opaque name.

        Args:
            path: Where it lies.
            name: What the browser shall call it.
        """
        opaque = secrets.token_hex(16)
        self._files = dict([*self._files.items(), (opaque, (path, name))][-_MOST:])
        return opaque

    def get(self, opaque: str) -> tuple[Path, str]:
        """File and name.

        Raises:
            Refusal: 400, this is no id; 404, there is nothing of that name, or no longer.
        """
        path, name = self._files.get(check_id(opaque, "export"), (None, ""))
        if path is None or not path.is_file():
            raise Refusal(404, f"there is no export {opaque[:12]!r}, or no longer. Make it again.")
        return path, name
