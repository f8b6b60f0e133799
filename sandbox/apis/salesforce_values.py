"""How Salesforce writes things: 18-character ids, instants, days, numbers.

Salesforce documents its date-times with a precision of one second. This company's keep the milliseconds it knows, so
that its KPIs can be compared with those of other CRMs cell by cell: PRECISION "s" is the vendor's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sandbox.apis.answers import instants
from sandbox.world.clock import TIME_ZONE

Columns = dict[str, list[Any]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
PRECISION = "ms"
NEVER = 2**62
_NO_INSTANT = np.iinfo(np.int64).min
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_POD, _LENGTH = "Kp0", 9


def record_id(prefix: str, number: int) -> str:
    """An id as the API writes it: prefix, pod and number in base 62, and three letters that make it case-safe."""
    digits = ""
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    short = prefix + _POD + digits
    parts = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(
        _SUFFIX[sum(1 << place for place, letter in enumerate(part) if "A" <= letter <= "Z")] for part in parts
    )


def id_of(prefix: str, known_as: str | None) -> str | None:
    """Salesforce's id of what the company knows by a number; None stays None."""
    return None if known_as is None else record_id(prefix, int(known_as))


def made_id(prefix: str, *parts: object) -> str:
    """The id of something the company has no number for: always the same for the same parts."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return record_id(prefix, int.from_bytes(digest[:7], "big") % len(_DIGITS) ** _LENGTH)


def micros(values: pd.Series) -> Ints:
    """Instants as microseconds, NEVER where there is none."""
    numbers = instants(values, "us").astype(np.int64)
    return np.where(numbers == _NO_INSTANT, NEVER, numbers)


def moment_texts(numbers: Iterable[int]) -> list[str | None]:
    """Instants as the API writes them; None where there is none."""
    array = np.array(list(numbers), dtype=np.int64)
    known = np.where(array < NEVER, array, _NO_INSTANT).astype("datetime64[us]")
    written = np.datetime_as_string(known.astype(f"datetime64[{PRECISION}]").astype("datetime64[ms]"))
    return [None if text == "NaT" else f"{text}+0000" for text in written.tolist()]


def day_texts(values: pd.Series) -> list[str | None]:
    """Days as the API writes them."""
    return [None if pd.isna(day) else day.strftime("%Y-%m-%d") for day in values]


def local_days(numbers: Sequence[int]) -> list[str | None]:
    """The day of each instant in the org's time zone."""
    moments = pd.to_datetime(
        pd.Series([None if n >= NEVER else n for n in numbers], dtype="Int64"), unit="us", utc=True
    )
    return day_texts(moments.dt.tz_convert(TIME_ZONE))


def midnights(days: pd.Series) -> Ints:
    """The instant at which each day begins in the org's time zone."""
    return micros(days.dt.tz_localize(TIME_ZONE).dt.tz_convert("UTC"))


def numbers_of(values: pd.Series) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in values]


def wholes_of(values: pd.Series) -> list[int | None]:
    return [None if pd.isna(value) else int(value) for value in values]
