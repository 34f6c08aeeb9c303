"""A request that is not served: an HTTP status and one line for a person."""

from __future__ import annotations

from lorasteer.errors import UserError


class Refusal(UserError):  # noqa: N818 - what the server does, not that it is an error
    """The server does not do this; `protect` turns it into a response.

    Args:
        status: HTTP status, 400 to 599.
        message: One complete line: what, got, allowed, next step.
        retry_after: Whole seconds after which it is worth another try; 0 says nothing about it.
    """

    def __init__(self, status: int, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the status."""
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        return {**headers, "WWW-Authenticate": "Bearer"} if self.status == 401 else headers
