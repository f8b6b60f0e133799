"""Random draws that depend on nothing but a key, so any row can be redrawn alone.

Every visitor, deal or mail has a 64-bit key made of the seed, its day and its number. A draw hashes that key with a
salt (splitmix64): no generator state, no order of calls, whole columns at once. This is what makes a day of the
imaginary company a pure function of seed and day.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(values: Keys) -> Keys:
    """splitmix64's finaliser: every input bit reaches every output bit."""
    mixed = (values ^ (values >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))


def _salt(name: str) -> Keys:
    return _mix(np.array([zlib.crc32(name.encode())], dtype=np.uint64) * _GOLDEN)


def keys(*parts: ArrayLike | str) -> Keys:
    """One key per row from any mix of words, numbers and columns (columns broadcast against each other)."""
    combined = np.zeros(1, dtype=np.uint64)
    for part in parts:
        numbers = _salt(part) if isinstance(part, str) else np.atleast_1d(np.asarray(part)).astype(np.uint64)
        combined = _mix(combined * _FIRST + numbers + _GOLDEN)
    return combined


class Draw:
    """Columns of draws over a column of keys; the salt names the question, so answers never depend on each other."""

    def __init__(self, column: Keys) -> None:
        self.keys = column

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, rows: ArrayLike) -> Draw:
        """The same draws for some rows, repeated or reordered."""
        return Draw(self.keys[np.asarray(rows)])

    def child(self, *parts: ArrayLike | str) -> Draw:
        """Draws for things that belong to these rows, such as the k-th visit of each."""
        return Draw(keys(self.keys, *parts))

    def uniform(self, salt: str, low: ArrayLike = 0.0, high: ArrayLike = 1.0) -> Floats:
        unit = (_mix(self.keys + _salt(salt)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        lowest = np.asarray(low, dtype=np.float64)
        return np.asarray(lowest + unit * (np.asarray(high, dtype=np.float64) - lowest), dtype=np.float64)

    def integers(self, salt: str, low: ArrayLike, high: ArrayLike) -> Ints:
        """Whole numbers in [low, high], both included."""
        return np.floor(self.uniform(salt, low, np.asarray(high) + 1)).astype(np.int64)

    def chance(self, salt: str, probability: ArrayLike) -> Bools:
        return np.asarray(self.uniform(salt) < np.asarray(probability), dtype=np.bool_)

    def pick(self, salt: str, weights: Sequence[float] | Floats) -> Ints:
        """Index of one of the weights, drawn in proportion to them."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        chosen = np.searchsorted(edges / edges[-1], self.uniform(salt), side="right")
        return np.minimum(chosen, len(edges) - 1).astype(np.int64)

    def some(self, salt: str, words: Sequence[str], shares: Sequence[float]) -> NDArray[np.object_]:
        """One of the words for each word's share of the rows, None for the rest."""
        return np.array([*words, None], dtype=object)[self.pick(salt, [*shares, 1 - sum(shares)])]

    def normal(self, salt: str) -> Floats:
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(salt + "/radius")))
        return np.asarray(radius * np.cos(2.0 * np.pi * self.uniform(salt + "/angle")), dtype=np.float64)

    def lognormal(self, salt: str, median: ArrayLike, sigma: ArrayLike) -> Floats:
        return np.asarray(np.asarray(median) * np.exp(np.asarray(sigma) * self.normal(salt)), dtype=np.float64)

    def exponential(self, salt: str, mean: ArrayLike) -> Floats:
        return np.asarray(-np.log1p(-self.uniform(salt)) * np.asarray(mean), dtype=np.float64)

    def geometric(self, salt: str, mean: ArrayLike) -> Ints:
        """Whole numbers from 0 upwards with the given mean."""
        mean_value = np.asarray(mean, dtype=np.float64)
        return np.floor(np.log1p(-self.uniform(salt)) / np.log(mean_value / (1.0 + mean_value))).astype(np.int64)


def spread(counts: Ints) -> tuple[Ints, Ints]:
    """(row, number) of every item when row i owns counts[i] items: the flat index of a ragged table."""
    rows = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - first[rows]
