"""How many of so many draws may go one way before it is no longer chance."""

from __future__ import annotations

from scipy.stats import binom


def most_by_chance(draws: int, rate: float, *, certainty: float = 0.999) -> int:
    """The number of hits that is not exceeded with this certainty, each draw a hit with probability `rate`."""
    return int(binom.ppf(certainty, draws, rate))
