"""How sure a data-driven model is: its shares again on resampled journeys.

Poisson bootstrap: each journey counts a Poisson(1) number of times, so a distinct path with n journeys of a kind counts
Poisson(n) times (the sum of n such numbers), and distinct paths are all that is drawn for. Seeded: the same paths give
the same intervals. Intervals say how far chance moves the shares, given the model; they do not say the model is right.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from attribution.model import Withheld
from attribution.packed import Floats

BOUNDS = (2.5, 97.5)  # percent: a 95 % interval
NUMBERS_AT_ONCE = 5_000_000  # of replicates drawn together: 40 MB


def intervals(
    weigh: Callable[[Floats, Floats], Floats],
    solve: Callable[[Floats], Floats],
    conversions: Floats,
    nulls: Floats,
    replicates: int,
    seed: int,
    progress: Callable[[int], None],
) -> Floats | None:
    """Lower and upper bounds (two rows) of the shares of resampled journeys; None without replicates.

    weigh: from counts, as many columns as there are replicates at once, to what `solve` makes the shares of one from
    (the last axis). A replicate in which nothing converts has no shares and is left out.
    """
    if not replicates:
        return None
    counts = np.concatenate([conversions, nulls])
    largest = max(len(counts), weigh(conversions, nulls).size)
    at_once = max(1, NUMBERS_AT_ONCE // largest)
    random, shares = np.random.default_rng(seed), []
    for done in range(0, replicates, at_once):
        drawn = _resampled(counts, min(at_once, replicates - done), random)
        weighed = weigh(drawn[: len(conversions)], drawn[len(conversions) :])
        for number in range(drawn.shape[1]):
            try:
                shares.append(solve(weighed[..., number]))
            except Withheld:
                continue
            finally:
                progress(done + number + 1)
    if not shares:
        return None
    bounds: Floats = np.percentile(np.array(shares), BOUNDS, axis=0)
    return bounds


def _resampled(counts: Floats, replicates: int, random: np.random.Generator) -> Floats:
    """A Poisson number of each count, by replicate (columns).

    Most distinct paths have one journey. Poisson numbers of mean 1 are what falls on each of n where a Poisson(n)
    number of balls fall on them by equal chance, which is drawn in a fraction of the time.
    """
    ones, more = np.flatnonzero(counts == 1), np.flatnonzero(counts > 1)
    drawn = np.zeros((replicates, len(counts)))
    for replicate in drawn:
        balls = random.integers(max(len(ones), 1), size=random.poisson(len(ones)), dtype=np.int32)
        replicate[ones] = np.bincount(balls, minlength=len(ones))
        replicate[more] = random.poisson(counts[more])
    return np.ascontiguousarray(drawn.T)
