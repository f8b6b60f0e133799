"""`make verify-kpis`: every KPI cell again through MetricFlow, or the sandbox's ledger where MetricFlow has no word for it.

Exit codes: 0 all cells agree, 1 some differ (or a KPI could not be checked), 2 there is nothing to verify.
"""

import sys
import time

import pandas as pd
from rich.console import Console
from rich.table import Table

from ingestion.settings import settings
from tests.verify.compare import Comparison, compare
from tests.verify.semantic import SemanticLayer
from tests.verify.truth import cells as ledger_cells
from tests.verify.truth import ledger_of
from tests.verify.warehouse import Kpi, Warehouse

SHOWN_DIFFERENCES = 5


def by_metricflow(warehouse: Warehouse, kpis: list[Kpi]) -> list[Comparison]:
    """Compare the KPIs MetricFlow can express."""
    frames = [frame for frame in SemanticLayer(warehouse).cells(kpis) if not frame.empty]
    theirs = pd.concat(frames, ignore_index=True)
    return [
        compare(kpi.name, "MetricFlow", kpi.additivity, warehouse.cells(kpi.name), theirs[theirs["kpi"] == kpi.name])
        for kpi in kpis
    ]


def by_ledger(warehouse: Warehouse, kpis: list[Kpi]) -> list[Comparison]:
    """Compare KPIs with the sandbox's ledger; without a sandbox they are listed as unchecked."""
    ledger = ledger_of(settings().home, warehouse.data_through())
    found = []
    for kpi in kpis:
        if ledger is None:
            found.append(Comparison(kpi.name, "–", reason="not built from the sandbox: no ledger to compare with"))
            continue
        theirs = pd.concat(ledger_cells(ledger, kpi), ignore_index=True)
        found.append(compare(kpi.name, "ledger", kpi.additivity, warehouse.cells(kpi.name), theirs))
    return found


def verify(warehouse: Warehouse) -> list[Comparison]:
    """All KPIs, each by the engine that can."""
    kpis = list(warehouse.kpis().values())
    found = by_metricflow(warehouse, [kpi for kpi in kpis if not kpi.not_in_metricflow])
    others = by_ledger(warehouse, [kpi for kpi in kpis if kpi.not_in_metricflow])
    reasons = {kpi.name: kpi.not_in_metricflow for kpi in kpis}
    for comparison in others:
        comparison.reason = "; ".join(
            filter(None, [f"not in MetricFlow: {reasons[comparison.kpi]}", comparison.reason])
        )
    return sorted([*found, *others], key=lambda comparison: comparison.kpi)


def render(found: list[Comparison], console: Console) -> None:
    table = Table(title="KPI cells computed twice", title_justify="left")
    table.add_column("KPI")
    table.add_column("second engine")
    table.add_column("cells", justify="right")
    table.add_column("differ", justify="right")
    table.add_column("note", overflow="fold")
    for comparison in found:
        unchecked = comparison.engine == "–"
        colour = "green" if comparison.passed else "yellow" if unchecked else "red"
        differ = "–" if unchecked else f"{len(comparison.differences):,}"
        table.add_row(
            comparison.kpi, comparison.engine, f"{comparison.cells:,}", f"[{colour}]{differ}[/]", comparison.reason
        )
    console.print(table)
    for comparison in found:
        for row in comparison.differences.head(SHOWN_DIFFERENCES).itertuples(index=False):
            console.print(
                f"[red]{row.kpi}[/] {row.cadence} {row.period_start:%Y-%m-%d} {row.dimension}={row.dimension_value}: "
                f"kpi_values {row.ours}, {comparison.engine} {row.theirs} ({row.rule})",
                highlight=False,
            )


def main() -> int:
    console = Console()
    home = settings().home
    manifest = settings().dbt_target_dir / "semantic_manifest.json"
    if not settings().warehouse_path.exists() or not manifest.exists():
        console.print(f"[red]No warehouse under {home}[/]: run `make demo` (or `kpilote refresh`) first.")
        return 2
    started = time.perf_counter()
    warehouse = Warehouse(settings().warehouse_path, manifest.read_text())
    try:
        found = verify(warehouse)
    finally:
        warehouse.close()
    render(found, console)
    failed = [comparison.kpi for comparison in found if not comparison.passed and comparison.engine != "–"]
    unchecked = [comparison.kpi for comparison in found if comparison.engine == "–"]
    cells = sum(comparison.cells for comparison in found)
    console.print(
        f"{cells:,} cells of {len(found)} KPIs in {time.perf_counter() - started:.0f} s: "
        + (f"[red]{len(failed)} KPIs differ: {', '.join(failed)}[/]" if failed else "[green]all equal[/]")
        + (f"; unchecked: {', '.join(unchecked)}" if unchecked else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
