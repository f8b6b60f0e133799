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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from attribution.model import Withheld
from attribution.packed import Floats, Ints, Paths

START, CONVERSION, NULL = 0, 1, 2
OUTSIDE = 3  # states proper are numbered from here
MOST_STATES = 4_000  # a dense inverse of that size takes 128 MB and some seconds
TABLE = 1 << 20  # codes below it are numbered by a table, which sorts nothing
TINY = 1e-12


@dataclass(frozen=True)
class Steps:
    """The steps of paths between states proper, which count from 0 here, as what each path (a column) adds to them."""

    first: csc_array  # rows are states: where a path begins
    inner: csc_array  # rows are pairs, source · states + target
    last: csc_array  # rows are states: where a path ends
    channel: NDArray[np.integer]  # of each state, its last touch

    def weights(self, conversions: Floats, nulls: Floats) -> Floats:
        """How often each step is taken: a matrix of all states, start, conversion and null among them.

        conversions and nulls: by path, or path by replicate, of which each then has a matrix (the last axis).
        """
        states, journeys = len(self.channel), conversions + nulls
        matrix = np.zeros((OUTSIDE + states, OUTSIDE + states, *journeys.shape[1:]))
        matrix[START, OUTSIDE:] = self.first @ journeys
        matrix[OUTSIDE:, CONVERSION] = self.last @ conversions
        matrix[OUTSIDE:, NULL] = self.last @ nulls
        matrix[OUTSIDE:, OUTSIDE:] = (self.inner @ journeys).reshape(states, states, *journeys.shape[1:])
        return matrix


def steps(paths: Paths, order: int) -> Steps:
    """The steps of paths whose states are the last `order` channels (fewer at a path's beginning)."""
    base = paths.channels + 1
    if base**order >= 2**62:
        raise Withheld(f"order {order} over {paths.channels} channels has more states than can be numbered")
    code: NDArray[Any] = paths.touches.astype(np.int32 if base**order < 2**31 else np.int64) + 1
    digits = code.copy() if order > 1 else code
    inside = np.full(len(code), True)  # the touch so many places back is of the same path
    for back in range(1, order):
        inside[paths.firsts[paths.lengths >= back] + back - 1] = False
        code[back:] += np.where(inside[back:], digits[:-back] * base**back, 0)
    states, number = _numbered(code, base**order)
    if len(states) > MOST_STATES:
        raise Withheld(f"order {order} makes {len(states):,} states, more than {MOST_STATES:,}: take a lower order")
    starts = np.full(len(code), False)
    starts[paths.firsts] = True
    inner = np.flatnonzero(~starts)
    pairs = number[inner - 1] * len(states) + number[inner]
    ends = np.arange(len(paths) + 1)  # one first and one last state each
    return Steps(
        _by_path(number[paths.firsts], ends, len(states)),
        _by_path(pairs, paths.offsets - ends, len(states) ** 2),
        _by_path(number[paths.lasts], ends, len(states)),
        states % base - 1,
    )


def _by_path(steps: NDArray[np.integer], begins: Ints, rows: int) -> csc_array:
    """A matrix in whose column i every one of `steps[begins[i]:begins[i + 1]]` counts 1."""
    return csc_array((np.ones(len(steps)), steps.astype(np.int32), begins.astype(np.int32)), (rows, len(begins) - 1))


def _numbered(codes: NDArray[np.integer], end: int) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """The distinct codes (all below `end`), and for each code which of them it is."""
    if end > TABLE:
        states, number = np.unique(codes, return_inverse=True)
        return states, number
    states = np.flatnonzero(np.bincount(codes, minlength=end))
    place = np.zeros(end, dtype=np.int32)
    place[states] = np.arange(len(states))
    return states, place[codes]


def removal_effects(weights: Floats, channel: NDArray[np.integer], channels: int) -> tuple[float, Floats]:
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
    if len(np.unique(channel)) == len(channel):  # a state each: N_CC is a number
        lost[channel] = begin * reach / visits.diagonal()
    else:
        for number in range(channels):
            own = np.flatnonzero((channel == number) & (begin > 0))
            if len(own):
                lost[number] = begin[own] @ np.linalg.solve(visits[np.ix_(own, own)], reach[own])
    effects = lost / rate
    if effects.min(initial=0.0) < -TINY:
        raise Withheld("a removal effect is negative: the transition weights are not those of whole paths")
    return rate, np.maximum(effects, 0.0)


def shares(weights: Floats, channel: NDArray[np.integer], channels: int) -> Floats:
    """Each channel's share of the conversions: removal effects that add up to 1."""
    _, effects = removal_effects(weights, channel, channels)
    total = effects.sum()
    if not total > 0:
        raise Withheld("no channel is on a path that converts")
    return np.asarray(effects / total, dtype=np.float64)
