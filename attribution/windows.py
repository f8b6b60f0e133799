"""The data-driven models over trailing windows of months: what a warehouse's Python model calls.

Flow: months of packed paths with a digest of each → the windows of which something is not what it was when
they were solved → their paths, pooled → `driven.shares` → rows (`SOLVED`), beside those kept. Solved twice, a window
says the same to the bit: paths are put in order, and chance is drawn by what is drawn for.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attribution import driven
from attribution.model import DATA_DRIVEN, AttributionError, Settings, Withheld
from attribution.packed import Floats, Ints, Paths, summed

_COLUMNS: dict[str, pa.DataType] = {
    "model": pa.string(),
    "conversion_type": pa.string(),
    "month": pa.date32(),
    "channel": pa.string(),
    "share": pa.float64(),
    "share_lower": pa.float64(),
    "share_upper": pa.float64(),
    "value_share": pa.float64(),
    "removal_effect": pa.float64(),
    "trained_from": pa.date32(),
    "trained_conversions": pa.int64(),
    "trained_nulls": pa.int64(),
    "note": pa.string(),
    "withheld_reason": pa.string(),
    "digest": pa.string(),
}
SOLVED = pa.schema(_COLUMNS)
ORDER = ("model", "conversion_type", "month", "channel")
NO_CHANNEL = "(none)"  # of the row that says why a model is withheld
Key = tuple[str, dt.date]  # conversion type and month of report
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Windows:
    """How windows are solved; `training_months` is the length of each, which ends with the month it is for."""

    training_months: int = 12
    minimum_conversions: int = 100
    markov_order: int = 1
    bootstrap: int = 200

    def __post_init__(self) -> None:
        if self.training_months < 1:
            raise AttributionError("a window is at least one month")
        self.of_model("", "")

    def of_model(self, *key: str) -> Settings:
        """The engine's settings; the seed is that of the key."""
        seed = int.from_bytes(hashlib.sha256("\0".join(key).encode()).digest()[:4], "big")
        return Settings(
            order=self.markov_order,
            minimum_conversions=self.minimum_conversions,
            bootstrap=self.bootstrap,
            seed=seed,
        )

    def first_month(self, month: dt.date) -> dt.date:
        """The month a window begins with."""
        months = month.year * 12 + month.month - self.training_months
        return dt.date(months // 12, months % 12 + 1, 1)


@dataclass(frozen=True)
class _Packed:
    """Packed paths of many months: the distinct ones in the order of their text, and rows that point to them."""

    offsets: Ints
    touches: Ints  # channel numbers of the distinct paths, one after the other
    channels: tuple[str, ...]  # by name
    conversion_type: NDArray[Any]
    month: NDArray[Any]
    path: Ints
    amounts: Mapping[str, Floats]  # conversions, cents, nulls

    def window(self, conversion_type: str, first: dt.date, last: dt.date) -> tuple[Paths, tuple[str, ...]]:
        """The paths of one window, each once, with its own numbering of channels; those without a touch left out."""
        inside = (self.conversion_type == conversion_type) & (self.month >= first) & (self.month <= last)
        count = len(self.offsets) - 1
        sums = {name: summed(self.path[inside], amount[inside], count) for name, amount in self.amounts.items()}
        lengths = np.diff(self.offsets)
        used = np.flatnonzero((sums["conversions"] + sums["nulls"] > 0) & (lengths > 0))
        offsets = np.concatenate([[0], np.cumsum(lengths[used])])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[used] - offsets[:-1], lengths[used])
        found, touches = np.unique(self.touches[places], return_inverse=True)
        amounts = (sums["conversions"][used], sums["cents"][used] / 100, sums["nulls"][used])
        return Paths(offsets, touches, *amounts, len(found)), tuple(self.channels[number] for number in found)


def solved(
    months: pa.Table, packed: Callable[[Collection[dt.date]], pa.Table], held: pa.Table | None, settings: Windows
) -> pa.Table:
    """The rows of every window: as `held` has them where the window's digest is the same, else solved.

    months: (conversion_type, month, digest) of each month that has paths. packed: the packed paths of some months.
    Each type has a window for each month that has paths of any type.
    """
    digests = _digests(months.to_pylist(), settings)
    if held is None or held.column_names != SOLVED.names:  # none, or what another version said
        held = SOLVED.empty_table()
    kept = held.filter(pc.is_in(held["digest"], pa.array(digests.values(), pa.string()))).cast(SOLVED)
    known = set(kept["digest"].unique().to_pylist())
    due = sorted(key for key, digest in digests.items() if digest not in known)
    fresh = pa.Table.from_pylist(list(_solve(due, digests, packed, settings)), schema=SOLVED)
    return pa.concat_tables([kept, fresh]).sort_by([(column, "ascending") for column in ORDER])


def _digests(months: Sequence[Row], settings: Windows) -> dict[Key, str]:
    """What each window is, and is made of: its months' paths, the settings, and the code that solves it."""
    code = hashlib.sha256(np.__version__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        code.update(file.read_bytes())
    said = {(row["conversion_type"], row["month"]): row["digest"] for row in months}
    every = sorted({month for _, month in said})
    digests = {}
    for conversion_type in sorted({name for name, _ in said}):
        for place, month in enumerate(every):
            first = bisect_left(every, settings.first_month(month))
            inside = [(str(each), said.get((conversion_type, each))) for each in every[first : place + 1]]
            made_of = json.dumps([code.hexdigest(), astuple(settings), conversion_type, str(month), inside])
            digests[conversion_type, month] = hashlib.sha256(made_of.encode()).hexdigest()
    return digests


def _solve(
    due: Sequence[Key],
    digests: Mapping[Key, str],
    packed: Callable[[Collection[dt.date]], pa.Table],
    settings: Windows,
) -> Iterator[dict[str, Any]]:
    if not due:
        return
    firsts = [settings.first_month(month) for _, month in due]
    wanted = {month for _, month in digests if any(f <= month <= key[1] for f, key in zip(firsts, due, strict=True))}
    read = _read(packed(sorted(wanted)))
    for (conversion_type, month), first in zip(due, firsts, strict=True):
        paths, channels = read.window(conversion_type, first, month)
        for model in DATA_DRIVEN:
            own = settings.of_model(model, conversion_type, month.isoformat())
            shared = {
                "model": model,
                "conversion_type": conversion_type,
                "month": month,
                "trained_from": first,
                "trained_conversions": int(paths.conversions.sum()),
                "trained_nulls": int(paths.nulls.sum()),
                "digest": digests[conversion_type, month],
            }
            try:
                found = driven.shares(model, paths, channels, own, lambda done, of: None)
            except Withheld as reason:
                yield {**shared, "channel": NO_CHANNEL, "withheld_reason": str(reason)}
                continue
            for number, channel in enumerate(channels):
                bounds = (None, None) if found.bounds is None else found.bounds[:, number].tolist()
                effects = found.removal_effects
                yield {
                    **shared,
                    "channel": channel,
                    "share": float(found.conversions[number]),
                    "share_lower": bounds[0],
                    "share_upper": bounds[1],
                    "value_share": float(found.values[number]),
                    "removal_effect": None if effects is None else float(effects[number]),
                    "note": found.note,
                }


def _read(table: pa.Table) -> _Packed:
    """Packed paths as arrays. Money is added up in whole cents, so that no order of rows changes a sum."""
    column: Any = table.column("path").combine_chunks().dictionary_encode()
    texts = column.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    place = np.empty(len(texts), dtype=np.int64)
    place[order] = np.arange(len(texts))
    paths = [json.loads(texts[number]) for number in order]
    channels = sorted({channel for path in paths for channel in path})
    number = {channel: at for at, channel in enumerate(channels)}
    amounts = {name: np.array(table.column(name).to_pylist(), dtype=np.float64) for name in ("conversions", "nulls")}
    values: list[Any] = table.column("value").to_pylist()  # decimals
    amounts["cents"] = np.array([int(100 * value) for value in values], dtype=np.float64)
    return _Packed(
        np.concatenate([[0], np.cumsum([len(path) for path in paths], dtype=np.int64)]),
        np.array([number[channel] for path in paths for channel in path], dtype=np.int64),
        tuple(channels),
        np.array(table.column("conversion_type").to_pylist()),
        np.array(table.column("month").to_pylist(), dtype="datetime64[D]"),
        place[np.array(column.indices.to_pylist(), dtype=np.int64)],
        amounts,
    )
