"""The comparison as a table, a row per channel and model with numbers as numbers: CSV or Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attribution.model import Result
from ingestion.formulas import csv_text
from serving import files

COLUMNS: Mapping[str, pa.DataType] = {
    "model": pa.string(),
    "channel": pa.string(),
    "campaign": pa.string(),
    "conversions": pa.decimal128(28, 9),
    "value": pa.decimal128(28, 2),
    "conversions_low": pa.float64(),
    "conversions_high": pa.float64(),
}


def write(result: Result, path: Path) -> None:
    """Write the credits; the bounds are those of the bootstrap's 95 % interval, empty where a model has none."""
    rows = [
        (model, unit.channel, unit.campaign, credit.conversions, credit.value, *(credit.interval or (None, None)))
        for model, credits in result.credits.items()
        for unit, credit in credits.items()
    ]
    if path.suffix.lower() == ".csv":
        # Excel takes UTF-8 without its mark for the computer's own encoding.
        files.replace_with_text(
            "\ufeff" + csv_text([tuple(COLUMNS), *([_plain(cell) for cell in row] for row in rows)]), path
        )
        return
    pq.write_table(
        pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in rows], pa.schema(COLUMNS)), path
    )


def _plain(value: object) -> object:
    """Nothing is 0, not the 0E-9 by which a decimal says how exactly it is nothing."""
    return 0 if isinstance(value, Decimal) and not value else value
