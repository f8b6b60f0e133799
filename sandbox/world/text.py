"""Columns of text from columns of numbers, and the ranges vendor ids are taken from."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.world.draw import Ints

Texts = NDArray[np.object_]
COMPANY_BASE = 20_000_000_000
COMPANY_TWIN_BASE = 25_000_000_000
CONTACT_BASE = 1_000_000_000
DEAL_BASE = 30_000_000_000
OWNER_BASE = 71_000_000


def ids(numbers: ArrayLike, base: int = 0) -> Texts:
    """Vendor ids as text."""
    return (np.asarray(numbers, dtype=np.int64) + base).astype(str).astype(object)


def labels(options: Sequence[str | None], codes: Ints) -> Texts:
    return np.array(options, dtype=object)[codes]


def where(condition: ArrayLike, texts: ArrayLike, otherwise: ArrayLike | None = None) -> Texts:
    """Texts where the condition holds, another text or nothing elsewhere."""
    chosen: NDArray[np.object_] = np.where(
        np.asarray(condition), np.asarray(texts, dtype=object), np.asarray(otherwise, dtype=object)
    )
    return chosen.reshape(-1)


def plain(text: str) -> str:
    """ASCII letters only, lower case: the local part of an address."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalnum()).lower()
