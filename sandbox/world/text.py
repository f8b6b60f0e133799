"""Columns of text from columns of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sandbox.world.draw import Ints

Texts = np.ndarray[tuple[int], np.dtype[np.object_]]


def ids(numbers: ArrayLike, base: int = 0) -> Texts:
    """Vendor ids as text."""
    return (np.asarray(numbers, dtype=np.int64) + base).astype(str).astype(object)


def labels(options: Sequence[str | None], codes: Ints) -> Texts:
    return np.array(options, dtype=object)[codes]
