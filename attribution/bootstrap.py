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


def intervals(
    solve: Callable[[Floats, Floats], Floats],
    conversions: Floats,
    nulls: Floats,
    replicates: int,
    seed: int,
    progress: Callable[[int], None],
) -> Floats | None:
    """Lower and upper bounds (two rows) of the shares that `solve(conversions, nulls)` gives; None without replicates.

    A replicate in which nothing converts has no shares and is left out.
    """
    random = np.random.default_rng(seed)
    counts = np.concatenate([conversions, nulls])
    some = np.flatnonzero(counts)  # most paths have journeys of one kind only
    drawn = []
    for number in range(replicates):
        resampled = np.zeros(len(counts))
        resampled[some] = random.poisson(counts[some])
        try:
            drawn.append(solve(resampled[: len(conversions)], resampled[len(conversions) :]))
        except Withheld:
            continue
        finally:
            progress(number + 1)
    if not drawn:
        return None
    bounds: Floats = np.percentile(np.array(drawn), BOUNDS, axis=0)
    return bounds
