"""Paths packed: each distinct sequence of channels once, with how many conversions, value and nulls it has.

One flat array of channel numbers and where each path begins in it, so that transitions and coalitions of millions of
paths are a few passes over arrays. A path has at least one touch: conversions without any are counted elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attribution.model import Withheld

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BITS = 62  # channels told apart by one word of a coalition
MOST_CELLS = 10**8  # of all coalitions: as doubles 800 MB


def summed(numbers: NDArray[np.integer], amounts: Floats, size: int) -> Floats:
    """Amounts added up by number, 0 to size − 1."""
    return np.asarray(np.bincount(numbers, amounts, size), dtype=np.float64)


@dataclass(frozen=True)
class Paths:
    """`touches[offsets[i]:offsets[i + 1]]` are the channel numbers of path i, first touch first."""

    offsets: Ints
    touches: NDArray[np.integer]
    conversions: Floats
    values: Floats
    nulls: Floats
    channels: int

    def __len__(self) -> int:
        return len(self.conversions)

    @property
    def firsts(self) -> Ints:
        """Where in `touches` each path begins."""
        return self.offsets[:-1]

    @property
    def lasts(self) -> Ints:
        """Where in `touches` each path ends."""
        return self.offsets[1:] - 1

    @property
    def lengths(self) -> Ints:
        return np.diff(self.offsets)


def of_arrow(table: pa.Table, channels: NDArray[np.integer] | None, count: int) -> Paths:
    """Paths of a table (path, conversions, value, nulls), channels by number where the lists have their names.

    Buffers are taken as they are: Arrow's own way to numpy loads pandas, which takes longer than a small file.
    """
    lists: Any = table.column("path").combine_chunks()
    offsets = numbers(lists.offsets, np.int32).astype(np.int64)
    touches = numbers(lists.flatten(), np.uint16) if channels is None else channels
    conversions, values, nulls = (
        numbers(table.column(name).combine_chunks(), np.float64) for name in ("conversions", "value", "nulls")
    )
    return Paths(offsets - offsets[:1], touches, conversions, values, nulls, count)


def numbers(array: Any, kind: type[np.generic]) -> NDArray[Any]:
    """An Arrow array of numbers without nulls, as numpy sees its buffer."""
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.empty(0, dtype=kind)
    return np.frombuffer(memoryview(buffer), dtype=kind)[array.offset : array.offset + len(array)]


def to_arrow(array: NDArray[np.number]) -> pa.Array[Any]:
    """The other way round, for the same reason: pyarrow's own way from numpy loads pandas, too."""
    content: Any = np.ascontiguousarray(array)
    return pa.Array.from_buffers(pa.from_numpy_dtype(array.dtype), len(array), [None, pa.py_buffer(content)])


def lists(offsets: Ints, items: NDArray[np.number]) -> pa.Array[Any]:
    """A list per path of its items, `items[offsets[i]:offsets[i + 1]]`."""
    begins: Any = offsets.astype(np.int32)
    within = to_arrow(items)
    buffers = [None, pa.py_buffer(begins)]
    return pa.Array.from_buffers(pa.list_(within.type), len(offsets) - 1, buffers, children=[within])


@dataclass(frozen=True)
class Coalitions:
    """Sets of channels that appear together: `members[i, c]` says whether channel c is in set i."""

    members: NDArray[np.bool_]
    conversions: Floats
    values: Floats
    nulls: Floats


def coalitions(paths: Paths) -> Coalitions:
    """The distinct channels of each path (at least one path), as sets, with what all paths of a set have."""
    words = []
    for start in range(0, paths.channels, BITS):
        bit = np.zeros(paths.channels, dtype=np.int64)
        ours = np.arange(start, min(start + BITS, paths.channels))
        bit[ours] = np.int64(1) << (ours - start)
        words.append(np.bitwise_or.reduceat(bit[paths.touches], paths.firsts))
    masks, which = np.unique(np.stack(words, axis=1), axis=0, return_inverse=True) if len(words) > 1 else _unique(words)
    if len(masks) * paths.channels > MOST_CELLS:
        raise Withheld(f"{len(masks):,} sets of {paths.channels:,} channels take too much memory: group the channels")
    columns = [(masks[:, number // BITS] >> (number % BITS)) & 1 for number in range(paths.channels)]

    amounts = (summed(which, each, len(masks)) for each in (paths.conversions, paths.values, paths.nulls))
    return Coalitions(np.stack(columns, axis=1).astype(bool), *amounts)


def _unique(words: list[Ints]) -> tuple[Ints, Ints]:
    """The same for one word, which sorts numbers instead of rows."""
    masks, which = np.unique(words[0], return_inverse=True)
    return masks[:, np.newaxis], which
