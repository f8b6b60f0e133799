"""Markov attribution in closed form: what would be lost if a channel led nowhere.

Definition (Anderl, Becker, von Wangenheim and Schumann 2016, "Mapping the customer journey", graph-based attribution):
paths are walks from start over states (the last k channels) to conversion or null. Removing a channel sends every step
into it to null; its removal effect is the share of conversions lost, and shares are removal effects that add up to 1.

Of the absorbing chain with transitions Q between states, r into conversion and q from start, let N = (I − Q)⁻¹ (the
fundamental matrix), u = qN (expected visits) and v = Nr (chances to convert). Conversions are p = qv; those that pass
through the set C of a channel's states are u_C N_CC⁻¹ v_C. One inverse serves all channels; nothing is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attribution.model import Withheld
from attribution.packed import Floats, Ints, Paths, summed

START, CONVERSION, NULL = 0, 1, 2
OUTSIDE = 3  # states proper are numbered from here
MOST_STATES = 4_000  # a dense inverse of that size takes 128 MB and some seconds
TINY = 1e-12


@dataclass(frozen=True)
class Steps:
    """Every step of every path: from which state to which, in which path, and whether only conversions take it."""

    source: Ints
    target: Ints
    path: Ints
    channel: Ints  # of each state proper, the last touch's

    def weights(self, conversions: Floats, nulls: Floats) -> Floats:
        """How often each pair of states is stepped through: a matrix of all states, source by target."""
        size = OUTSIDE + len(self.channel)
        taken = np.where(self.target == CONVERSION, conversions[self.path], 0.0)
        taken += np.where(self.target == NULL, nulls[self.path], 0.0)
        taken += np.where(self.target >= OUTSIDE, (conversions + nulls)[self.path], 0.0)
        return summed(self.source * size + self.target, taken, size * size).reshape(size, size)


def steps(paths: Paths, order: int) -> Steps:
    """The steps of paths whose states are the last `order` channels (fewer at a path's beginning)."""
    base = paths.channels + 1
    if base**order >= 2**62:
        raise Withheld(f"order {order} over {paths.channels} channels has more states than can be numbered")
    digits = paths.touches.astype(np.int64) + 1
    place = np.arange(len(digits)) - np.repeat(paths.firsts, paths.lengths)
    code = digits.copy()
    for back in range(1, order):
        code[back:] += np.where(place[back:] >= back, digits[:-back] * base**back, 0)
    states, number = np.unique(code, return_inverse=True)
    if len(states) > MOST_STATES:
        raise Withheld(f"order {order} makes {len(states):,} states, more than {MOST_STATES:,}: take a lower order")
    number = number.astype(np.int64) + OUTSIDE
    which = np.repeat(np.arange(len(paths)), paths.lengths)
    inner = np.flatnonzero(place > 0)
    every = np.arange(len(paths))
    return Steps(
        source=np.concatenate(
            [np.full(len(paths), START), number[inner - 1], number[paths.lasts], number[paths.lasts]]
        ),
        target=np.concatenate(
            [number[paths.firsts], number[inner], np.full(len(paths), CONVERSION), np.full(len(paths), NULL)]
        ),
        path=np.concatenate([every, which[inner], every, every]),
        channel=states % base - 1,
    )


def removal_effects(weights: Floats, channel: Ints, channels: int) -> tuple[float, Floats]:
    """Conversion rate and each channel's removal effect.

    weights: steps between states, source by target; states 0, 1 and 2 are start, conversion and null.
    channel: the channel of each further state. Raises Withheld where the chain has no answer.
    """
    out = weights.sum(axis=1)
    if not weights[:, CONVERSION].sum() > 0:
        raise Withheld("no path converts")
    chance = np.divide(weights, out[:, np.newaxis], out=np.zeros_like(weights), where=out[:, np.newaxis] > 0)
    inner = chance[OUTSIDE:, OUTSIDE:]
    try:
        visits = np.linalg.inv(np.eye(len(inner)) - inner)
    except np.linalg.LinAlgError:
        raise Withheld("some channels lead neither to a conversion nor to a null: the chain is singular") from None
    begin, reach = chance[START, OUTSIDE:] @ visits, visits @ chance[OUTSIDE:, CONVERSION]
    rate = float(chance[START, CONVERSION] + chance[START, OUTSIDE:] @ reach)
    if not np.isfinite(visits).all() or not 0 < rate <= 1 + 1e-9:
        raise Withheld("the transition matrix is no chain that ends in a conversion or a null")
    lost = np.zeros(channels)
    for number in range(channels):
        own = np.flatnonzero((channel == number) & (begin > 0))
        if len(own):
            lost[number] = begin[own] @ np.linalg.solve(visits[np.ix_(own, own)], reach[own])
    effects = lost / rate
    if effects.min(initial=0.0) < -TINY:
        raise Withheld("a removal effect is negative: the transition weights are not those of whole paths")
    return rate, np.maximum(effects, 0.0)


def shares(weights: Floats, channel: Ints, channels: int) -> Floats:
    """Each channel's share of the conversions: removal effects that add up to 1."""
    _, effects = removal_effects(weights, channel, channels)
    total = effects.sum()
    if not total > 0:
        raise Withheld("no channel is on a path that converts")
    return np.asarray(effects / total, dtype=np.float64)
