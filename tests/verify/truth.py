"""The sandbox's ledger as the second engine: what the company knows about itself, without vendors, lake or dbt."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from sandbox.world import World
from sandbox.world.ledger import Ledger
from tests.verify.compare import KEY
from tests.verify.warehouse import Kpi


def ledger_of(home: Path, data_through: date) -> Ledger | None:
    """The ledger of the sandbox that filled this home, as of the end of data_through; None for other data."""
    file = home / "sandbox" / "world.json"
    if not file.exists():
        return None
    told = json.loads(file.read_text())
    world = World(seed=told["seed"], start=date.fromisoformat(told["start"]), scale=told["scale"])
    return Ledger(world.snapshot(data_through + timedelta(days=1)))


def cells(ledger: Ledger, kpi: Kpi) -> Iterator[pd.DataFrame]:
    """Cells of one KPI, every cadence and dimension: columns KEY, value, numerator, denominator."""
    for cadence in kpi.cadences:
        for dimension in ("total", *kpi.dimensions):
            frame = ledger.cells(kpi.name, cadence, dimension)
            frame = frame.assign(
                kpi=kpi.name,
                cadence=cadence,
                dimension=dimension,
                period_start=pd.to_datetime(frame["period_start"]),
            )
            yield frame[[*KEY, "value", "numerator", "denominator"]]
