"""Marts cut into files by the time their rows speak of: a publication writes the years that changed, links the rest.

A mart named in CUTS is `<table>.<year>.parquet` (month, day) in a release, any other `<table>.parquet`. Belongs here:
where a mart is cut, and which files of two releases differ. Writing them is `serving.marts`, the DuckDB file
`serving.database`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

UNITS = {len("2026"): "year", len("2026-11"): "month", len("2026-11-26"): "day"}


@dataclass(frozen=True)
class Cut:
    """Where a mart is cut: a DATE or TIMESTAMP column that is never NULL.

    by: `year`; or, where rows are only ever added, `day`, and the days of a month are put together once it is over.
    """

    column: str
    by: str = "year"

    def label(self, relation: str) -> str:
        """SQL of what is, as text, the label of a row's part: `2026`, `2026-11` or `2026-11-26`.

        Of a year it is the number: a text made for each row would cost a quarter of a scan.
        """
        if self.by == "year":
            return f"year({self.column})"
        newest = f"(select date_trunc('month', max({self.column})) from {relation})"  # noqa: S608 - our own names
        days, months = (f"strftime({self.column}, '{form}')" for form in ("%Y-%m-%d", "%Y-%m"))
        return f"case when {self.column} >= {newest} then {days} else {months} end"

    def holds(self, label: str | None) -> str:
        """SQL condition of the rows of a part."""
        if label is None:
            return "true"
        start = f"date '{label + '-01-01'[len(label) - 4 :]}'"
        return f"{self.column} >= {start} and {self.column} < {start} + interval 1 {UNITS[len(label)]}"


# Marts that grow with every day. The others are small, or have no day that stays.
CUTS: Mapping[str, Cut] = {
    "attribution_channels": Cut("period_start"),
    "attribution_credits": Cut("converted_date"),
    "attribution_data_driven": Cut("month"),
    "attribution_dimensions": Cut("period_start"),
    "attribution_paths": Cut("period_start"),
    "fct_conversions": Cut("converted_date"),
    "fct_email_events": Cut("event_date"),
    "fct_email_sends": Cut("send_date"),
    "fct_mrr_daily": Cut("date_day"),
    "fct_pipeline_daily": Cut("date_day"),
    "fct_sessions": Cut("session_date"),
    "fct_spend": Cut("date_day"),
    "fct_touchpoints": Cut("touched_date"),
    "journeys": Cut("converted_date"),
    "kpi_ledger": Cut("published_at", "day"),
    "kpi_values": Cut("period_start"),
}


@dataclass(frozen=True)
class Part:
    """One file of a mart as a manifest holds it. part: its label, None where the mart is not cut, or is empty."""

    part: str | None
    file: str
    sha256: str
    rows: int
    content: str


def parts(entry: Mapping[str, Any]) -> list[Part]:
    """The files of a mart by its manifest entry."""
    return [Part(**each) for each in entry["files"]]


def entry(name: str, columns: Mapping[str, str], written: Sequence[Part]) -> dict[str, Any]:
    """The manifest entry of a mart."""
    return {
        "rows": sum(each.rows for each in written),
        "content": str(sum(int(each.content) for each in written)),
        **shape(name, columns),
        "files": [asdict(each) for each in written],
    }


def shape(name: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """What two manifest entries must share before their files are compared: columns, and where the mart is cut."""
    return {"columns": dict(columns), "cut": asdict(CUTS[name]) if name in CUTS else None}


def is_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Two entries, or shapes, whose columns stand in one order and which are cut at one place."""
    return list(one["columns"].items()) == list(other["columns"].items()) and one["cut"] == other["cut"]


def paths(folder: Path, told: Mapping[str, Any]) -> list[Path]:
    """Where the files of a mart lie in a release's folder."""
    return [folder / each.file for each in parts(told)]


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[Part], list[Part]]:
    """Files of a mart that one of two manifests knows and the other does not."""
    if not is_alike(old, new):
        return parts(old), parts(new)
    sides = [{(each.part, each.rows, each.content): each for each in parts(side)} for side in (old, new)]
    return (
        [each for key, each in sides[0].items() if key not in sides[1]],
        [each for key, each in sides[1].items() if key not in sides[0]],
    )
