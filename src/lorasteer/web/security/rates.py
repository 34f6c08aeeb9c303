"""How often something expensive may be started."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from lorasteer.web.security.refusals import Refusal


class RateLimit:
    """A bucket of tokens that fills up steadily; each start takes one.

    Args:
        per_minute: How many starts a minute in the long run, above 0.
        burst: How many at once after a pause; as many as in a minute when left out.
        what: What is started, for the message.
        clock: Seconds that never go backwards.

    Example:
        >>> limit = RateLimit(per_minute=60, burst=1, clock=lambda: 0.0)
        >>> limit.take()
        >>> limit.take()
        Traceback (most recent call last):
        lorasteer.web.security.refusals.Refusal: too many requests in a short time; allowed are 60 a minute. Try again in 1 s.
    """

    def __init__(
        self, *, per_minute: float, burst: int | None = None, what: str = "requests", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_minute, self.what, self._clock = per_minute, what, clock
        self.burst = max(1, int(per_minute)) if burst is None else burst
        self._tokens, self._filled = float(self.burst), clock()
        self._lock = threading.Lock()  # routes that are plain functions run in threads

    def take(self) -> None:
        """Start once.

        Raises:
            Refusal: 429, the bucket is empty; `retry_after` says when it is not.
        """
        with self._lock:
            now, per_second = self._clock(), self.per_minute / 60
            self._tokens = min(self.burst, self._tokens + (now - self._filled) * per_second)
            self._filled = now
            if self._tokens < 1:
                self._refuse(math.ceil((1 - self._tokens) / per_second))
            self._tokens -= 1

    def _refuse(self, seconds: int) -> None:
        raise Refusal(
            429,
            f"too many {self.what} in a short time; allowed are {self.per_minute:g} a minute. Try again in {seconds} s.",
            retry_after=seconds,
        )
