"""Shapley attribution over distinct channels, in its two published variants.

`equal_split`: a coalition is worth the conversions of the paths inside it (Zhao, Mahboobi and Bagheri 2018, "Shapley
value methods for attribution modeling in online advertising", simplified method). The value is then exactly an equal
split of each path over its distinct channels, so no coalition is enumerated and any number of channels will do.

`rate_shares`: a coalition is worth the conversion rate of the paths inside it (the rates of Shao and Li 2011 in the
game of Dalessandro et al. 2012). Exact over all 2ⁿ coalitions by sums over subsets; beyond `MOST_CHANNELS` it is
refused. A rate says nothing of how many journeys it rests on, so rare channels may get much: the intervals show it.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np

from attribution.model import Withheld
from attribution.packed import Coalitions, Floats, summed

MOST_CHANNELS = 20  # 2²⁰ coalitions: a second and 50 MB


def equal_split(coalitions: Coalitions, amounts: Floats) -> Floats:
    """Amounts (conversions or value) of the coalitions, each split equally over its members."""
    sizes = coalitions.members.sum(axis=1)
    split: Floats = (amounts / np.maximum(sizes, 1)) @ coalitions.members
    return split


def rate_values(coalitions: Coalitions, conversions: Floats, nulls: Floats) -> Floats:
    """The Shapley value of each channel where a coalition is worth its conversion rate; they add up to the whole rate.

    A coalition that no path lies in is worth nothing. Raises Withheld beyond MOST_CHANNELS channels that appear.
    """
    channels = coalitions.members.shape[1]
    used = np.flatnonzero(coalitions.members.any(axis=0))
    count = len(used)
    if count > MOST_CHANNELS:
        raise Withheld(
            f"{count} channels have 2^{count} coalitions: exact up to {MOST_CHANNELS}, so group the channels"
        )
    masks = coalitions.members[:, used] @ (1 << np.arange(count, dtype=np.int64))
    inside = _subset_sums(summed(masks, conversions, 1 << count), count)
    journeys = _subset_sums(summed(masks, conversions + nulls, 1 << count), count)
    worth = np.divide(inside, journeys, out=np.zeros_like(inside), where=journeys > 0)
    chance = _chances(count)
    values = np.zeros(channels)
    for number in range(count):
        pairs = worth.reshape(-1, 2, 1 << number)
        without = chance.reshape(-1, 2, 1 << number)[:, 0]
        values[used[number]] = float(((pairs[:, 1] - pairs[:, 0]) * without).sum())
    return values


def rate_shares(coalitions: Coalitions, conversions: Floats, nulls: Floats) -> tuple[Floats, list[int]]:
    """Each channel's share, and the channels whose value is negative.

    A channel can make coalitions convert worse. Nothing can be credited less than nothing: it gets 0, the others
    share in proportion, and the caller says so.
    """
    values = rate_values(coalitions, conversions, nulls)
    negative = [int(number) for number in np.flatnonzero(values < -1e-12)]
    kept = np.maximum(values, 0.0)
    if not kept.sum() > 0:
        raise Withheld("no coalition of channels converts")
    return np.asarray(kept / kept.sum(), dtype=np.float64), negative


@lru_cache(maxsize=2)
def _chances(count: int) -> Floats:
    """Of each coalition the chance that, in a random order, it is what comes before one given other channel."""
    by_size = np.array([*(1 / (count * comb(count - 1, size)) for size in range(count)), 0.0])
    return by_size[np.bitwise_count(np.arange(1 << count, dtype=np.uint64))]


def _subset_sums(amounts: Floats, count: int) -> Floats:
    """Of each coalition the sum over all coalitions inside it (zeta transform)."""
    sums = amounts.copy()
    for number in range(count):
        pairs = sums.reshape(-1, 2, 1 << number)
        pairs[:, 1] += pairs[:, 0]
    return sums
