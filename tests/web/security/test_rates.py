"""Starts per minute, on a clock that the test turns."""

from __future__ import annotations

import pytest

from lorasteer.web.security import RateLimit, Refusal


class Clock:
    """Seconds, as set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def allowed(limit: RateLimit, tries: int = 100) -> int:
    """How many starts in a row are allowed."""
    for count in range(tries):
        try:
            limit.take()
        except Refusal:
            return count
    return tries


def test_a_burst_then_one_at_a_time() -> None:
    clock = Clock()
    limit = RateLimit(per_minute=6, burst=3, clock=clock)
    assert allowed(limit) == 3
    clock.now += 9.9
    assert allowed(limit) == 0
    clock.now += 0.2
    assert allowed(limit) == 1
    clock.now += 1_000
    assert allowed(limit) == 3


def test_a_refusal_says_when_to_come_back_and_is_right() -> None:
    clock = Clock()
    limit = RateLimit(per_minute=6, burst=1, what="trainings", clock=clock)
    limit.take()
    with pytest.raises(Refusal, match=r"too many trainings .* allowed are 6 a minute\. Try again in 10 s\.") as caught:
        limit.take()
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "10"})
    clock.now += caught.value.retry_after
    limit.take()


def test_a_minute_of_starts_is_the_burst_unless_said_otherwise() -> None:
    assert allowed(RateLimit(per_minute=4, clock=Clock())) == 4
    assert allowed(RateLimit(per_minute=0.5, clock=Clock())) == 1
