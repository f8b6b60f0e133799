"""What the warehouse says: KPI cells, the day the data runs through, and the metrics as dbt parsed them. Read-only."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

CADENCES = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True)
class Kpi:
    """One KPI as its YAML declares it."""

    name: str
    type: str
    additivity: str
    cadences: tuple[str, ...]
    dimensions: tuple[str, ...]
    numerator: str | None
    denominator: str | None
    not_in_metricflow: str | None


@dataclass
class Warehouse:
    """A built warehouse file and the semantic manifest dbt wrote when it built it."""

    path: Path
    semantic_manifest: str

    def __post_init__(self) -> None:
        self.connection = duckdb.connect(str(self.path), read_only=True)
        self.manifest: dict[str, Any] = json.loads(self.semantic_manifest)

    def close(self) -> None:
        self.connection.close()

    def kpis(self) -> dict[str, Kpi]:
        """The metrics that carry governance, by name."""
        found = {}
        for metric in self.manifest["metrics"]:
            meta = (metric.get("config") or {}).get("meta") or {}
            if "additivity" not in meta:
                continue
            parts = metric["type_params"]
            found[metric["name"]] = Kpi(
                name=metric["name"],
                type=metric["type"],
                additivity=meta["additivity"],
                cadences=tuple(meta["cadences"]),
                dimensions=tuple(meta["dimensions"]),
                numerator=(parts.get("numerator") or {}).get("name"),
                denominator=(parts.get("denominator") or {}).get("name"),
                not_in_metricflow=meta.get("not_in_metricflow"),
            )
        return dict(sorted(found.items()))

    def data_through(self) -> dt.date:
        row = self.connection.execute("select max(data_through) from marts.kpi_values").fetchone()
        if row is None or row[0] is None:
            raise LookupError(f"{self.path}: kpi_values is empty; build the warehouse first (kpilote demo)")
        return row[0]

    def first_periods(self) -> dict[str, dt.date]:
        """First period of each cadence."""
        rows = self.connection.execute("select cadence, min(period_start) from marts.kpi_values group by cadence")
        return dict(rows.fetchall())

    def cells(self, kpi: str) -> pd.DataFrame:
        """The cells of one KPI, every cadence and dimension."""
        frame = self.connection.execute(
            "select kpi, cadence, dimension, period_start, dimension_value, value, numerator, denominator "
            "from marts.kpi_values where kpi = ?",
            [kpi],
        ).df()
        return frame.assign(period_start=pd.to_datetime(frame["period_start"]))
